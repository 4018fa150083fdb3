package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// cluster is one of Kafka's API in this process, on ports of this machine.
type cluster struct {
	*kfake.Cluster
	t testing.TB
}

func start(t testing.TB, options ...kfake.Opt) *cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "events")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &cluster{c, t}
}

// open opens a target of the cluster.
func (c *cluster) open(change func(*targets.Config, *Options), env targets.Env) targets.BatchTarget {
	c.t.Helper()
	return open(c.t, "kafka://"+strings.Join(c.ListenAddrs(), ","), change, env)
}

func open(t testing.TB, url string, change func(*targets.Config, *Options), env targets.Env) targets.BatchTarget {
	t.Helper()
	o := &Options{Options: remote.Options{URL: url}, Topic: "events"}
	config := targets.Config{Options: o, Timeout: 5 * time.Second}
	if change != nil {
		change(&config, o)
	}
	config.SetDefaults()
	return targetstest.Open(t, Kind(), config, env).(targets.BatchTarget)
}

func with(change func(*Options)) func(*targets.Config, *Options) {
	return func(_ *targets.Config, o *Options) { change(o) }
}

// records reads a topic, which must have n records.
func (c *cluster) records(topic string, n int) []*kgo.Record {
	c.t.Helper()
	all := records(c.t, c.ListenAddrs(), topic)
	if len(all) != n {
		c.t.Fatalf("%d records in %s, want %d", len(all), topic, n)
	}
	return all
}

// records reads a topic to its end.
func records(t testing.TB, brokers []string, topic string) (all []*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ends := ends(t, ctx, client, topic)
	for missing := true; missing; {
		missing = false
		for p, end := range ends {
			missing = missing || seen(all, p) < end
		}
		if !missing {
			break
		}
		fetched := client.PollFetches(ctx)
		if err := fetched.Err0(); err != nil {
			t.Fatalf("after %d records of %s: %v", len(all), topic, err)
		}
		all = append(all, fetched.Records()...)
	}
	return all
}

// seen returns the offset after the last of a partition's records.
func seen(all []*kgo.Record, partition int32) (next int64) {
	for _, r := range all {
		if r.Partition == partition {
			next = max(next, r.Offset+1)
		}
	}
	return next
}

// ends returns the offset at which each partition of a topic ends.
func ends(t testing.TB, ctx context.Context, client *kgo.Client, topic string) map[int32]int64 {
	t.Helper()
	offsets, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil || offsets.Error() != nil {
		t.Fatal(err, offsets.Error())
	}
	out := map[int32]int64{}
	offsets.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out
}

// headersOf returns the headers of a record.
func headersOf(r *kgo.Record) map[string]string {
	out := map[string]string{}
	for _, h := range r.Headers {
		out[h.Key] = string(h.Value)
	}
	return out
}

// envelope is the event of targetstest with another detail.
func envelope(detail string) []byte {
	return []byte(strings.Replace(targetstest.Envelope, `{"orderId": "1", "total": 1e2}`, detail, 1))
}

func TestProduce(t *testing.T) {
	c := start(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "shop.shop.orders.a_b__", "binary", "structured", "empty", "batch", "by.blue"), kfake.SeedTopics(10, "keyed"))
	t.Run("a record", func(t *testing.T) {
		target := c.open(func(config *targets.Config, o *Options) {
			config.OrderBy = "detail.orderId"
			o.Topic = "shop.{{ source }}.{{ detail.orderId }}"
			o.Headers = map[string]string{"X-Team": "blue"}
		}, targets.Env{})
		d := targetstest.Delivery()
		d.Envelope = envelope(`{"orderId": "a/b\u0000é"}`)
		d.Meta = &event.Metadata{CorrelationID: "c-1"}
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := c.records("shop.shop.orders.a_b__", 1)[0]
		if string(got.Key) != "a/b\x00é" || string(got.Value) != string(d.Envelope) {
			t.Errorf("key %q, value %s", got.Key, got.Value)
		}
		want := map[string]string{"x-team": "blue", "content-type": remote.ContentTypeJSON, "x-signalbox-delivery-id": d.ID, "x-correlation-id": "c-1", "x-signalbox-rule": "orders"}
		for name, value := range want {
			if h := headersOf(got); h[name] != value {
				t.Errorf("%s is %q, want %q", name, h[name], value)
			}
		}
		p, err := target.Preview(d)
		if err != nil || p.Method != "PRODUCE" || p.Address != `topic "shop.shop.orders.a_b__" with key "a/b\x00é"` || p.Body != string(d.Envelope) || p.Headers["x-team"] != "blue" {
			t.Errorf("the preview is %+v, %v", p, err)
		}
	})
	t.Run("a CloudEvent", func(t *testing.T) {
		target := c.open(with(func(o *Options) { o.Topic, o.Format = "binary", remote.FormatCloudEventsBinary }), targets.Env{})
		d := targetstest.Delivery()
		d.Envelope = []byte(strings.Replace(targetstest.Envelope, "OrderCreated", "Größe 100%", 1))
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := c.records("binary", 1)[0]
		h := headersOf(got)
		if h["ce_type"] != "Größe 100%" || h["ce_specversion"] != "1.0" || h["ce_id"] != d.EventID || h["content-type"] != "application/json" || string(got.Value) != `{"orderId": "1", "total": 1e2}` {
			t.Errorf("got %v, %s", h, got.Value)
		}
		for name := range h {
			if strings.HasPrefix(name, "ce-") || name == "ce_datacontenttype" || name != strings.ToLower(name) {
				t.Errorf("there is a header %s", name)
			}
		}
	})
	t.Run("a CloudEvent in JSON", func(t *testing.T) {
		target := c.open(with(func(o *Options) { o.Topic, o.Format = "structured", remote.FormatCloudEvents }), targets.Env{})
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
		got := c.records("structured", 1)[0]
		if h := headersOf(got); h["content-type"] != "application/cloudevents+json" || !strings.Contains(string(got.Value), `"specversion":"1.0"`) {
			t.Errorf("got %v, %s", h, got.Value)
		}
	})
	t.Run("an empty body is no tombstone", func(t *testing.T) {
		d := targetstest.Delivery()
		d.Body = []byte{}
		if err := c.open(with(func(o *Options) { o.Topic = "empty" }), targets.Env{}).Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if got := c.records("empty", 1)[0]; got.Value == nil {
			t.Error("the value is null")
		}
	})
	t.Run("a batch, in its order", func(t *testing.T) {
		target := c.open(with(func(o *Options) { o.Topic = "batch" }), targets.Env{})
		batch := targetstest.BatchOf(500)
		if each, whole := target.DeliverBatch(t.Context(), batch); each != nil || whole != nil {
			t.Fatal(each, whole)
		}
		for i, r := range c.records("batch", 500) {
			if id := headersOf(r)["x-signalbox-delivery-id"]; id != batch[i].ID {
				t.Fatalf("record %d is %s, want %s", i, id, batch[i].ID)
			}
		}
	})
	t.Run("equal keys, one partition", func(t *testing.T) {
		target := c.open(with(func(o *Options) { o.Topic, o.Key = "keyed", "detail.team" }), targets.Env{})
		batch := targetstest.BatchOf(40)
		for i := range batch {
			batch[i].Envelope = envelope(fmt.Sprintf(`{"team": "team-%d"}`, i%4))
		}
		if each, whole := target.DeliverBatch(t.Context(), batch); each != nil || whole != nil {
			t.Fatal(each, whole)
		}
		at, all := map[string]int32{}, map[int32]bool{}
		for _, r := range c.records("keyed", 40) {
			if p, ok := at[string(r.Key)]; ok && p != r.Partition {
				t.Errorf("%s is in partitions %d and %d", r.Key, p, r.Partition)
			}
			at[string(r.Key)], all[r.Partition] = r.Partition, true
		}
		if len(at) != 4 || len(all) < 2 {
			t.Errorf("%d keys in %d partitions", len(at), len(all))
		}
	})
	t.Run("one of a batch goes wrong", func(t *testing.T) {
		target := c.open(func(config *targets.Config, o *Options) {
			config.OrderBy, o.Topic = "detail.key", "by.{{ detail.team }}"
		}, targets.Env{})
		batch := targetstest.BatchOf(4)
		for i, detail := range []string{`{"team": "blue"}`, `{"team": "red"}`, `{"team": "` + strings.Repeat("x", 250) + `"}`, `{"team": "blue", "key": ["x"]}`} {
			batch[i].Envelope = envelope(detail)
		}
		for range 2 {
			each, whole := target.DeliverBatch(t.Context(), batch)
			if got, want := targetstest.Codes(t, each), "- NO_RESOURCE INVALID_PARAMETER! INVALID_PARAMETER!"; got != want || whole != nil {
				t.Errorf("%s, %v, want %s", got, whole, want)
			}
			if text := each[1].Error(); !strings.Contains(text, `topic "by.red"`) || !strings.Contains(text, "UNKNOWN_TOPIC_OR_PARTITION: This server does not host") {
				t.Errorf("it does not have the broker's words: %s", text)
			}
		}
		c.records("by.blue", 2)
	})
	t.Run("a topic is created only where that is asked for", func(t *testing.T) {
		change := func(create bool) func(*Options) { return func(o *Options) { o.Topic, o.CreateTopic = "new", create } }
		target := c.open(with(change(false)), targets.Env{})
		if e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeNoResource {
			t.Error(e)
		}
		if each, whole := c.open(with(change(true)), targets.Env{}).DeliverBatch(t.Context(), targetstest.BatchOf(20)); each != nil || whole != nil {
			t.Error(each, whole)
		}
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Error(err)
		}
		c.records("new", 21)
	})
	t.Run("compressed", func(t *testing.T) {
		for i, codec := range slices.Sorted(maps.Keys(codecs)) {
			target := c.open(with(func(o *Options) { o.Compression = codec }), targets.Env{})
			if each, whole := target.DeliverBatch(t.Context(), targetstest.Sized(20, 600)); each != nil || whole != nil {
				t.Fatal(each, whole)
			}
			for _, r := range c.records("events", 20*(i+1)) {
				if !json.Valid(r.Value) {
					t.Errorf("%s: %s", codec, r.Value)
				}
			}
		}
	})
}

// TestKcat: another client, of another library, reads what was sent.
func TestKcat(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Skip("kcat is not installed: apt-get install kcat")
	}
	c := start(t)
	for codec := range codecs {
		target := c.open(func(config *targets.Config, o *Options) { config.OrderBy, o.Compression = "detail.orderId", codec }, targets.Env{})
		if each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(50)); each != nil || whole != nil {
			t.Fatal(each, whole)
		}
	}
	n := 50 * len(codecs)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	kcat := exec.CommandContext(ctx, "kcat", "-C", "-q", "-b", c.ListenAddrs()[0], "-t", "events", "-o", "beginning", "-c", fmt.Sprint(n), "-f", `%k\t%h\t%s\n`)
	out, err := kcat.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != n {
		t.Fatalf("%d records, want %d", len(lines), n)
	}
	for _, line := range lines {
		key, rest, _ := strings.Cut(string(line), "\t")
		fields, body, _ := strings.Cut(rest, "\t")
		if key != "1" || !strings.Contains(fields, "x-signalbox-delivery-id=0197a6c1-") || !json.Valid([]byte(body)) {
			t.Fatalf("kcat reads %s", line)
		}
	}
}

// TestABrokerOfThreeIsDown: the others serve.
func TestABrokerOfThreeIsDown(t *testing.T) {
	c := start(t)
	target := open(t, fmt.Sprintf("kafka://127.0.0.1:%d,%s", servers.FreePort(t), c.ListenAddrs()[0]), nil, targets.Env{})
	for range 3 {
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Error(err)
		}
	}
}

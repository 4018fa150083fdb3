package rabbitmq

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"signalbox/auth/authtest"
	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker is a server with a channel of the test's own.
type broker struct {
	*servers.RabbitMQ
	t testing.TB
}

func start(t testing.TB, config string) *broker {
	return &broker{servers.StartRabbitMQ(t, config), t}
}

// admin does something on a channel of its own.
func (b *broker) admin(do func(*amqp.Channel) error) {
	b.t.Helper()
	conn, err := amqp.Dial("amqp://guest:guest@" + b.Address + "/")
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err == nil {
		err = do(ch)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// queue declares a durable queue, bound to exchanges with a key.
func (b *broker) queue(name string, args amqp.Table, exchange, key string) {
	b.t.Helper()
	b.admin(func(ch *amqp.Channel) error {
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil || exchange == "" {
			return err
		}
		if err := ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
			return err
		}
		return ch.QueueBind(name, key, exchange, false, nil)
	})
}

// get takes all messages out of a queue.
func (b *broker) get(queue string) (all []amqp.Delivery) {
	b.t.Helper()
	b.admin(func(ch *amqp.Channel) error {
		for {
			d, ok, err := ch.Get(queue, true)
			if err != nil || !ok {
				return err
			}
			all = append(all, d)
		}
	})
	return all
}

// open opens a target of the broker.
func (b *broker) open(change func(*Options), env targets.Env) targets.BatchTarget {
	b.t.Helper()
	o := &Options{Options: remote.Options{URL: "amqp://guest:${PASSWORD}@" + b.Address}}
	change(o)
	if env.Secrets.LookupEnv == nil {
		env.Secrets = targetstest.Vars("PASSWORD", "guest")
	}
	c := targets.Config{Options: o, Timeout: 10 * time.Second}
	c.SetDefaults()
	return targetstest.Open(b.t, Kind(), c, env).(targets.BatchTarget)
}

func TestPublish(t *testing.T) {
	b := start(t, "")
	b.queue("orders", nil, "shop", "#")
	fixed := func(exchange, key string) func(*Options) {
		return func(o *Options) { o.Exchange, o.RoutingKey = exchange, key }
	}
	deliver := func(t *testing.T, target targets.Target, change func(*targets.Delivery)) error {
		d := targetstest.Delivery()
		if change != nil {
			change(d)
		}
		return target.Deliver(t.Context(), d)
	}
	t.Run("a message", func(t *testing.T) {
		target := b.open(func(o *Options) {
			fixed("shop", "orders.{{ source }}.{{ detail.orderId }}")(o)
			o.Headers = map[string]string{"X-Team": "blue"}
		}, targets.Env{})
		if err := deliver(t, target, func(d *targets.Delivery) { d.Meta = &event.Metadata{CorrelationID: "c-1"} }); err != nil {
			t.Fatal(err)
		}
		got := b.get("orders")
		if len(got) != 1 || string(got[0].Body) != targetstest.Envelope || got[0].RoutingKey != "orders.shop.orders.1" || got[0].DeliveryMode != amqp.Persistent ||
			got[0].MessageId != targetstest.Delivery().ID || got[0].CorrelationId != "c-1" || got[0].ContentType != remote.ContentTypeJSON ||
			got[0].Headers["x-team"] != "blue" || got[0].Headers["x-signalbox-event-id"] != targetstest.Delivery().EventID {
			t.Errorf("got %+v", got)
		}
		p, err := target.Preview(targetstest.Delivery())
		if err != nil || p.Address != `exchange "shop" with key "orders.shop.orders.1"` || p.Body != targetstest.Envelope || p.Headers["x-team"] != "blue" {
			t.Errorf("the preview is %+v, %v", p, err)
		}
	})
	t.Run("a CloudEvent", func(t *testing.T) {
		target := b.open(func(o *Options) { fixed("shop", "x")(o); o.Format = remote.FormatCloudEventsBinary }, targets.Env{})
		if err := deliver(t, target, nil); err != nil {
			t.Fatal(err)
		}
		got := b.get("orders")
		if len(got) != 1 || got[0].Headers["ce-type"] != "OrderCreated" || got[0].Headers["ce-specversion"] != "1.0" || got[0].ContentType != "application/json" || !strings.HasPrefix(string(got[0].Body), `{"orderId"`) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a queue that is made", func(t *testing.T) {
		target := b.open(func(o *Options) { o.RoutingKey, o.CreateQueue = "made", true }, targets.Env{})
		each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(50))
		if got := b.get("made"); each != nil || whole != nil || len(got) != 50 {
			t.Errorf("%d messages; %v, %v", len(got), each, whole)
		}
	})
	b.queue("small", amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"}, "", "")
	for name, tt := range map[string]struct {
		change   func(*Options)
		delivery func(*targets.Delivery)
		code     string
		final    bool
		want     string
	}{
		"no queue":                       {fixed("", "nobody"), nil, targets.CodeNoResource, false, "NO_ROUTE"},
		"no exchange":                    {fixed("nobody", "x"), nil, targets.CodeNoResource, false, "no exchange 'nobody'"},
		"no exchange, told by the event": {fixed("{{ detail.orderId }}", "x"), nil, targets.CodeNoResource, false, "no exchange '1'"},
		"the broker's own":               {fixed("amq.{{ detail.orderId }}", "x"), nil, targets.CodeInvalidParameter, true, "the broker's own"},
		"nothing for a key":              {fixed("shop", "{{ detail.nothing }}"), nil, targets.CodeInvalidParameter, true, "gives it no value"},
		"a key too long": {fixed("shop", "{{ detail.id }}"), func(d *targets.Delivery) {
			d.Envelope = []byte(strings.Replace(targetstest.Envelope, `"orderId": "1"`, `"id": "`+strings.Repeat("k", 256)+`"`, 1))
		}, targets.CodeInvalidParameter, true, "longer than 255 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			target := b.open(tt.change, targets.Env{})
			for range 2 { // the first must not spoil the second
				e := targetstest.Error(t, deliver(t, target, tt.delivery))
				if e.Code != tt.code || e.Final != tt.final || !strings.Contains(e.Error(), tt.want) {
					t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
				}
			}
		})
	}
	t.Run("a full queue", func(t *testing.T) {
		target := b.open(fixed("", "small"), targets.Env{})
		each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(10))
		codes := targetstest.Codes(t, each)
		if whole != nil || !strings.HasPrefix(codes, "-") || !strings.HasSuffix(codes, targets.CodeThrottling) {
			t.Errorf("got %s, %v", codes, whole)
		}
	})
	t.Run("an event chooses an exchange that is not there, and costs nobody else", func(t *testing.T) {
		target := b.open(fixed("{{ detail.exchange }}", "x"), targets.Env{})
		batch := targetstest.BatchOf(20)
		for i, d := range batch {
			exchange := "shop"
			if i%2 == 1 {
				exchange = fmt.Sprint("none-", i)
			}
			d.Envelope = []byte(strings.Replace(string(d.Envelope), `"orderId": "1"`, `"exchange": "`+exchange+`"`, 1))
		}
		each, whole := target.DeliverBatch(t.Context(), batch)
		if got := b.get("orders"); whole != nil || len(got) != 10 || strings.Count(targetstest.Codes(t, each), targets.CodeNoResource) != 10 {
			t.Errorf("%d messages; %s, %v", len(got), targetstest.Codes(t, each), whole)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		target := b.open(fixed("shop", "x"), targets.Env{Secrets: targetstest.Vars("PASSWORD", "wrong-secret")})
		e := targetstest.Error(t, deliver(t, target, nil))
		if e.Code != targets.CodeNoPermissions || e.Final || strings.Contains(e.Error(), "wrong-secret") {
			t.Errorf("got %s: %v", e.Code, e)
		}
	})
	t.Run("no time", func(t *testing.T) {
		target := b.open(fixed("shop", "x"), targets.Env{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if e := targetstest.Error(t, target.Deliver(ctx, targetstest.Delivery())); e.Code != targets.CodeInternalError {
			t.Errorf("got %v", e)
		}
	})
}

// TestABrokerThatIsBlocked holds the lane until it has room again.
func TestABrokerThatIsBlocked(t *testing.T) {
	b := start(t, "vm_memory_high_watermark.absolute = 1MB\n")
	b.queue("q", nil, "", "")
	target := b.open(func(o *Options) { o.RoutingKey = "q" }, targets.Env{})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		e := targetstest.Error(t, target.Deliver(ctx, targetstest.Delivery()))
		cancel()
		if e.Code == targets.CodeThrottling && e.RetryAfter > 0 && strings.Contains(e.Error(), "memory") {
			return
		}
		if e.Code != targets.CodeTimeout {
			t.Fatalf("got %s: %v", e.Code, e)
		}
	}
	t.Error("it was never told that the broker blocks")
}

// TestABrokerIsKilledUnderLoad: what was confirmed is there.
func TestABrokerIsKilledUnderLoad(t *testing.T) {
	b := start(t, "")
	b.queue("orders", nil, "", "")
	target := b.open(func(o *Options) { o.RoutingKey = "orders" }, targets.Env{})
	targetstest.SurvivesKill(t, target, func() { b.Kill(); b.Start() }, func() (ids []string) {
		for _, d := range b.get("orders") {
			ids = append(ids, d.MessageId)
		}
		return ids
	})
}

// TestAMessageThatIsTooLarge dies with the broker's words, and costs no other its delivery.
func TestAMessageThatIsTooLarge(t *testing.T) {
	b := start(t, "max_message_size = 1000\n")
	b.queue("orders", nil, "", "")
	target := b.open(func(o *Options) { o.RoutingKey = "orders" }, targets.Env{})
	batch := targetstest.BatchOf(10)
	batch[4].Body = []byte(strings.Repeat("x", 1001))
	each, whole := target.DeliverBatch(t.Context(), batch)
	if whole != nil {
		t.Fatal(whole)
	}
	for range 2 { // the second time before it is sent
		e := targetstest.Error(t, each[4])
		if e.Code != targets.CodeInvalidParameter || !e.Final || !strings.Contains(e.Error(), "message size 1001 is larger than") {
			t.Errorf("got %s, final %v: %v", e.Code, e.Final, e)
		}
		if each, whole = target.DeliverBatch(t.Context(), batch); whole != nil || strings.Count(targetstest.Codes(t, each), "-") != 9 {
			t.Errorf("got %s, %v", targetstest.Codes(t, each), whole)
		}
	}
}

func TestTLS(t *testing.T) {
	dir, port := t.TempDir(), servers.FreePort(t)
	ca := authtest.NewCA(t)
	ca.Write(dir, time.Hour)
	if err := os.WriteFile(filepath.Join(dir, "other.crt"), authtest.NewCA(t).PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	b := start(t, fmt.Sprintf("listeners.ssl.1 = 127.0.0.1:%d\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"+
		"ssl_options.cacertfile = %s\nssl_options.certfile = %s\nssl_options.keyfile = %s\n", port, file("ca.crt"), file("tls.crt"), file("tls.key")))
	b.queue("orders", nil, "", "")
	secure := func(tls remote.TLS) error {
		target := b.open(func(o *Options) {
			o.URL, o.TLS, o.RoutingKey = fmt.Sprintf("amqps://guest:guest@127.0.0.1:%d", port), tls, "orders"
		}, targets.Env{})
		return target.Deliver(t.Context(), targetstest.Delivery())
	}
	if err := secure(remote.TLS{CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")}); err != nil {
		t.Error(err)
	}
	for want, tls := range map[string]remote.TLS{
		"certificate required":                    {CAFile: file("ca.crt")},
		"certificate signed by unknown authority": {CAFile: file("other.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key")},
		"not shop.example":                        {CAFile: file("ca.crt"), CertFile: file("tls.crt"), KeyFile: file("tls.key"), ServerName: "shop.example"},
	} {
		if e := targetstest.Error(t, secure(tls)); e.Code != targets.CodeConnectionFailure || e.Final || !strings.Contains(e.Error(), want) {
			t.Errorf("got %s: %v, want %s", e.Code, e, want)
		}
	}
}

package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/targetstest"
)

// portVariable and dirVariable make this program a broker that keeps what it takes.
const (
	portVariable = "KAFKA_SOURCE_TEST_PORT"
	dirVariable  = "KAFKA_SOURCE_TEST_DIR"
)

func TestMain(m *testing.M) {
	if port, err := strconv.Atoi(os.Getenv(portVariable)); err == nil {
		kfake.MustCluster(kfake.Ports(port), kfake.SeedTopics(3, "orders"), kfake.DataDir(os.Getenv(dirVariable)), kfake.SyncWrites())
		select {} // until it is killed
	}
	goleak.VerifyTestMain(m)
}

// start starts a broker in this process, with the topic orders of 3 partitions.
func start(t testing.TB, options ...kfake.Opt) (address string, cluster *kfake.Cluster) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(3, "orders")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0], c
}

// client is a client of the test's own.
func client(t testing.TB, address string) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// publish produces records whose values are {"n": from} and so on: n to partition n % 3.
func publish(t testing.TB, address string) func(from, n int) {
	c := client(t, address)
	return func(from, n int) {
		t.Helper()
		var all []*kgo.Record
		for i := from; i < from+n; i++ {
			all = append(all, &kgo.Record{Topic: "orders", Partition: int32(i % 3), Key: fmt.Appendf(nil, "o-%d", i), Value: fmt.Appendf(nil, `{"n": %d}`, i)})
		}
		if err := c.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func config(address string) sources.Config {
	o := &Options{Topic: "orders"}
	o.URL = "kafka://" + address
	return sources.Config{Name: "orders", Kind: Kind(), Type: "kafka", Options: o, Map: &sources.Map{DetailType: `headers["kafka-key"]`}}
}

// number returns the n of an event.
func number(t testing.TB, e *event.Event) int {
	t.Helper()
	var detail struct{ N int }
	if err := json.Unmarshal(e.Detail, &detail); err != nil {
		t.Fatal(err)
	}
	return detail.N
}

// inOrder checks that of each partition the events are in order.
func inOrder(t testing.TB, events []*event.Event) {
	t.Helper()
	last := [3]int{-1, -1, -1}
	for _, e := range events {
		n := number(t, e)
		if n <= last[n%3] {
			t.Fatalf("%d comes after %d of its partition", n, last[n%3])
		}
		last[n%3] = n
	}
}

// committed returns the sum of the offsets that a group has committed.
func committed(t testing.TB, c *kgo.Client, group string) (sum int64) {
	t.Helper()
	read, err := kadm.NewClient(c).FetchOffsets(t.Context(), group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Fatal(err)
	}
	read.Each(func(r kadm.OffsetResponse) { sum += r.At })
	return sum
}

func TestRecordsBecomeEvents(t *testing.T) {
	address, _ := start(t)
	publish(t, address)(0, 600)
	router := sourcestest.NewRouter(t)
	s := sourcestest.Run(t, router, config(address))
	router.Await(600)
	router.Each(600)
	inOrder(t, router.Events())
	for _, e := range router.Events() {
		n := number(t, e)
		if id := e.Meta.DedupKey; e.DetailType != fmt.Sprintf("o-%d", n) || !strings.HasPrefix(id, "kafka/orders/") || !strings.HasSuffix(id, fmt.Sprintf("/%d/%d", n%3, n/3)) {
			t.Fatalf("%d has the type %s and the id %s", n, e.DetailType, id)
		}
	}
	c := client(t, address)
	sourcestest.Until(t, "all is committed", func() bool { return committed(t, c, "signalbox-orders") == 600 })
	sourcestest.Until(t, "the lag is known", func() bool { lag := s.Statuses()[0].Lag; return lag != nil && *lag == 0 })
}

func TestTheBrokerIsKilled(t *testing.T) {
	address := targetstest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	begin := func(dir string) func() {
		return targetstest.StartSelf(t, address, portVariable+"="+port, dirVariable+"="+dir)
	}
	dir := t.TempDir()
	kill := begin(dir)
	sourcestest.SurvivesKill(t, config(address), publish(t, address), func() { kill(); kill = begin(dir) })
}

// TestNothingIsCommittedBeforeItIsTaken: and it comes then, in order.
func TestNothingIsCommittedBeforeItIsTaken(t *testing.T) {
	for name, refusal := range map[string]error{"busy": sourcestest.Busy{}, "broken": errors.New("the disk is gone")} {
		t.Run(name, func(t *testing.T) {
			address, _ := start(t)
			publish(t, address)(0, 600)
			router := sourcestest.NewRouter(t)
			router.Refuse(refusal)
			s := sourcestest.Run(t, router, config(address))
			sourcestest.Until(t, "it was tried twice", func() bool { return router.Tries() > 1 })
			c := client(t, address)
			if n := committed(t, c, "signalbox-orders"); n > 0 {
				t.Errorf("%d are committed", n)
			}
			if st := s.Statuses()[0].State; name == "busy" && st != sources.StateBusy {
				t.Errorf("the source is %s", st)
			}
			router.Refuse(nil)
			router.Await(600)
			router.Each(600)
			inOrder(t, router.Events())
			sourcestest.Until(t, "all is committed", func() bool { return committed(t, c, "signalbox-orders") == 600 })
		})
	}
}

// members returns the members that a group has.
func members(t testing.TB, c *kgo.Client, group string) int {
	t.Helper()
	all, err := kadm.NewClient(c).DescribeGroups(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	return len(all[group].Members)
}

// TestTwoMembers: a second one comes while the first has records in hand that the router refuses,
// and goes.
func TestTwoMembers(t *testing.T) {
	address, _ := start(t)
	produce, c := publish(t, address), client(t, address)
	produce(0, 600)
	router := sourcestest.NewRouter(t)
	router.Refuse(sourcestest.Busy{})
	small := config(address)
	small.BatchSize = 10
	sourcestest.Run(t, router, small)
	sourcestest.Until(t, "the first has records in hand", func() bool { return router.Tries() > 0 })
	second := sourcestest.Run(t, router, small)
	sourcestest.Until(t, "both have partitions", func() bool {
		all, err := kadm.NewClient(c).DescribeGroups(t.Context(), "signalbox-orders")
		if err != nil {
			t.Fatal(err)
		}
		with := 0
		for _, m := range all["signalbox-orders"].Members {
			if assigned, ok := m.Assigned.AsConsumer(); ok && len(assigned.Topics) > 0 {
				with++
			}
		}
		return with == 2
	})
	if n := committed(t, c, "signalbox-orders"); n > 0 {
		t.Errorf("%d are committed by the rebalance", n)
	}
	router.Refuse(nil)
	router.Await(300)
	if err := second.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	produce(600, 300)
	router.Await(900)
	router.Each(900)
	sourcestest.Until(t, "all is committed", func() bool { return committed(t, c, "signalbox-orders") == 900 })
}

// TestWhatIsNoLongerOwnedIsNotCommitted: another member has it.
func TestWhatIsNoLongerOwnedIsNotCommitted(t *testing.T) {
	address, _ := start(t)
	publish(t, address)(0, 30)
	opened, err := try(t, config(address))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	c := opened.(*conn)
	got := map[int32]bool{}
	var all []sources.Message
	for len(all) < 30 {
		batch, err := c.Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, batch...)
	}
	c.revoked(t.Context(), c.client, map[string][]int32{"orders": {1}})
	c.assigned(t.Context(), c.client, map[string][]int32{"orders": {1}})
	if err := c.Ack(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	read, err := c.admin.FetchOffsets(t.Context(), "signalbox-orders")
	if err != nil {
		t.Fatal(err)
	}
	read.Each(func(r kadm.OffsetResponse) { got[r.Partition] = true })
	if !got[0] || got[1] || !got[2] {
		t.Errorf("the partitions %v are committed", got)
	}
}

func TestAPauseLeavesTheGroup(t *testing.T) {
	address, _ := start(t)
	c := client(t, address)
	router := sourcestest.NewRouter(t)
	s := sourcestest.Run(t, router, config(address))
	sourcestest.Until(t, "it is in the group", func() bool { return members(t, c, "signalbox-orders") == 1 })
	router.Pause(true)
	s.Refresh()
	sourcestest.Until(t, "it is not in the group", func() bool { return members(t, c, "signalbox-orders") == 0 })
	publish(t, address)(0, 3)
	router.Pause(false)
	s.Refresh()
	router.Await(3)
}

// TestANewGroup begins with what comes after it was made, whatever happens to it then.
func TestANewGroup(t *testing.T) {
	address, _ := start(t)
	produce := publish(t, address)
	produce(0, 300)
	c := config(address)
	c.Options.(*Options).Start = sources.StartNew
	opened, err := try(t, c)
	if err != nil {
		t.Fatal(err)
	}
	opened.Close()
	produce(300, 3)
	router := sourcestest.NewRouter(t)
	sourcestest.Run(t, router, c)
	router.Await(3)
	for _, e := range router.Events() {
		if n := number(t, e); n < 300 {
			t.Errorf("%d is from before the group", n)
		}
	}
}

// try connects once.
func try(t *testing.T, c sources.Config) (sources.Conn, error) {
	t.Helper()
	s, faults, _ := sources.New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	opener, err := s.Kind.New(&s.Config, sources.Env{Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	conn, err := opener.Open(ctx)
	if err != nil {
		return nil, opener.Hide(err)
	}
	return conn, nil
}

func TestErrors(t *testing.T) {
	open, _ := start(t)
	right := func(resource kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
	}
	sees := right(kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationDescribe)
	secured, _ := start(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "nobody", "nobody-secret"), kfake.User("PLAIN", "looker", "looker-secret", sees),
		kfake.User("PLAIN", "member", "member-secret", sees, right(kmsg.ACLResourceTypeGroup, "signalbox-orders", kmsg.ACLOperationRead)))
	change := func(address string, change func(*Options)) sources.Config {
		c := config(address)
		change(c.Options.(*Options))
		return c
	}
	login := func(user, password string) sources.Config {
		return change(secured, func(o *Options) { o.User, o.Password, o.SASLMechanism = user, password, "PLAIN" })
	}
	for name, tt := range map[string]struct {
		c    sources.Config
		want string
	}{
		"no topic":       {change(open, func(o *Options) { o.Topic = "none" }), `topic "none" on kafka://127.0.0.1:`},
		"how to":         {change(open, func(o *Options) { o.Topic = "none" }), "UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.: create it, or name another"},
		"no login":       {config(secured), "is SASL missing?"},
		"wrong login":    {login("looker", "wrong-secret"), "check the login"},
		"no right":       {login("nobody", "nobody-secret"), "TOPIC_AUTHORIZATION_FAILED"},
		"no group":       {login("looker", "looker-secret"), `consumer group "signalbox-orders": `},
		"nobody there":   {config("127.0.0.1:1"), "refused"},
		"no right to it": {login("member", "member-secret"), "TOPIC_AUTHORIZATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := try(t, tt.c)
			if err == nil {
				defer conn.Close()
				_, err = conn.Fetch(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "-secret") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestForms: headers of CloudEvents, records without a value, with an empty one, and bytes.
func TestForms(t *testing.T) {
	address, _ := start(t)
	binary := []kgo.RecordHeader{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte(`"50%25"`)}, {Key: "ce_source", Value: []byte("s")},
		{Key: "ce_type", Value: []byte("T")}, {Key: "Content-Type", Value: []byte("application/json")}}
	all := []*kgo.Record{
		{Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "X-Shop", Value: []byte("a\xff")}}},
		{Value: []byte{}}, {Value: []byte{0xff}}, {Headers: binary}, {Headers: binary, Value: []byte(`{"a": 1}`)},
	}
	for _, r := range all {
		r.Topic = "orders"
	}
	if err := client(t, address).ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c := config(address)
	c.Map.DetailType = `"x" + ("x-shop" in headers ? headers["x-shop"] : "")`
	router := sourcestest.NewRouter(t)
	sourcestest.Run(t, router, c)
	sourcestest.Until(t, "all have come", func() bool { return len(router.Events())+len(router.Letters()) == len(all) })
	for _, l := range router.Letters() {
		t.Errorf("%s: %v", l.Message.ID, l.Err)
	}
	for i, want := range []string{`xa` + "\ufffd" + ` {"data":null}`, `x {}`, `x {"data_base64":"/w=="}`, `T {}`, `T {"a": 1}`} {
		if e := router.Events()[i]; e.DetailType+" "+string(e.Detail) != want {
			t.Errorf("%d is %s %s, want %s", i, e.DetailType, e.Detail, want)
		}
	}
	if id := router.Events()[3].ID; id != `"50%25"` {
		t.Errorf("the id is %s", id)
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"all well":       {func(o *Options) { o.URL = "kafka://a:9092,b:9092" }, ""},
		"no topic":       {func(o *Options) { o.Topic = "" }, "is missing: name the topic to read"},
		"a topic of two": {func(o *Options) { o.Topic = "a,b" }, `"a,b" is no name of a topic: it cannot hold ","`},
		"a long topic":   {func(o *Options) { o.Topic = strings.Repeat("x", 250) }, "is 250 bytes long; a name has at most 249"},
		"in the URL":     {func(o *Options) { o.URL += "/orders" }, "has a path: name the topic by topic"},
		"a query":        {func(o *Options) { o.URL += "?x=y" }, "has a query (?)"},
		"two lines":      {func(o *Options) { o.Group = "a\nb" }, "must be one line of at most 1024 bytes"},
		"another start":  {func(o *Options) { o.Start = "latest" }, `is "latest": it must be one of all, new`},
		"no mechanism":   {func(o *Options) { o.User, o.Password = "joe", "secret" }, "say how the user logs in"},
		"no password":    {func(o *Options) { o.User, o.SASLMechanism = "joe", "PLAIN" }, "user and password go together"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("127.0.0.1:9092")
			tt.change(c.Options.(*Options))
			_, faults, _ := sources.New(c, secret.Source{})
			if tt.want == "" && len(faults) == 0 {
				return
			}
			if len(faults) != 1 || tt.want == "" || !strings.Contains(faults[0].Err.Error(), tt.want) {
				t.Errorf("got %v, want %s", faults, tt.want)
			}
		})
	}
}

func TestRecordsAreKnownToOtherSources(t *testing.T) {
	address, _ := start(t)
	other := config(address)
	other.Name = "renamed"
	sourcestest.KnownToOthers(t, config(address), other, publish(t, address))
}

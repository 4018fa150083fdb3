package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"signalbox/secret"
	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker is a server with a stream of the subjects orders.>.
type broker struct {
	t      testing.TB
	server *server.Server
	js     jetstream.JetStream
	stream jetstream.Stream
}

func newBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{t: t, server: natsserver.Start(t, t.TempDir(), -1, nil)}
	b.js = client(t, b.server)
	var err error
	if b.stream, err = b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	return b
}

// client is a connection of the test's own.
func client(t testing.TB, s *server.Server) jetstream.JetStream {
	t.Helper()
	done := make(chan struct{})
	nc, err := natsio.Connect(s.ClientURL(), natsio.MaxReconnects(-1), natsio.ReconnectWait(10*time.Millisecond), natsio.ClosedHandler(func(*natsio.Conn) { close(done) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close(); <-done })
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// publish publishes messages whose bodies are {"n": from} and so on.
func (b *broker) publish(from, n int) {
	b.t.Helper()
	for i := from; i < from+n; i++ {
		var err error
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if _, err = b.js.Publish(b.t.Context(), fmt.Sprintf("orders.%d", i%3), fmt.Appendf(nil, `{"n": %d}`, i), jetstream.WithMsgID(fmt.Sprint(i))); err == nil {
				break
			}
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// config is that of a source that reads the stream.
func (b *broker) config() sources.Config {
	o := &Options{Stream: "ORDERS"}
	o.URL = b.server.ClientURL()
	return sources.Config{Name: "orders", Kind: Kind(), Type: "nats", Options: o, Map: &sources.Map{DetailType: "subject", Detail: "body"}}
}

func TestMessagesBecomeEvents(t *testing.T) {
	b := newBroker(t)
	b.publish(0, 1000)
	router := sourcestest.NewRouter(t)
	s := sourcestest.Run(t, router, b.config())
	router.Await(1000)
	b.publish(1000, 10)
	router.Await(1010)
	for i, e := range router.Events() {
		var detail struct{ N int }
		if err := json.Unmarshal(e.Detail, &detail); err != nil || detail.N != i || e.Source != "orders" || e.DetailType != fmt.Sprintf("orders.%d", i%3) {
			t.Fatalf("event %d: %s %s %s: %v", i, e.Source, e.DetailType, e.Detail, err)
		}
	}
	sourcestest.Until(t, "all is acknowledged", func() bool {
		c, err := b.stream.Consumer(t.Context(), "signalbox-orders")
		return err == nil && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().NumPending == 0
	})
	if st := s.Statuses()[0]; st.State != sources.StateRunning || st.Accepted != 1010 || st.Lag == nil {
		t.Errorf("the status is %+v", st)
	}
}

// TestTheBrokerIsKilled stops and starts the server in the midst of it all.
func TestTheBrokerIsKilled(t *testing.T) {
	b := newBroker(t)
	port, dir := b.server.Addr().(*net.TCPAddr).Port, b.server.StoreDir()
	sourcestest.SurvivesKill(t, b.config(), b.publish, func() {
		natsserver.Stop(b.server)
		natsserver.Start(t, strings.TrimSuffix(dir, "/jetstream"), port, nil)
	})
}

// TestUnacknowledgedMessagesComeAgain: what the router has not taken is not lost by a stop.
func TestUnacknowledgedMessagesComeAgain(t *testing.T) {
	b := newBroker(t)
	b.publish(0, 700)
	router := sourcestest.NewRouter(t)
	router.Refuse(errors.New("the disk is gone"))
	s := sourcestest.Run(t, router, b.config())
	sourcestest.Until(t, "it fails", func() bool { return s.Statuses()[0].State == sources.StateFailing })
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	router.Refuse(nil)
	sourcestest.Run(t, router, b.config())
	router.Await(700)
	router.Each(700)
}

func TestABusyRouterIsWaitedFor(t *testing.T) {
	b := newBroker(t)
	consumer, err := b.stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "signalbox-orders", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	b.publish(0, 10)
	router := sourcestest.NewRouter(t)
	router.Refuse(sourcestest.Busy{})
	c := b.config()
	c.BatchSize = 3 // the rest is sent ahead
	s := sourcestest.Run(t, router, c)
	sourcestest.Until(t, "it waits", func() bool { return s.Statuses()[0].State == sources.StateBusy })
	tried := router.Tries()
	sourcestest.Until(t, "it has tried for longer than the server waits", func() bool { return router.Tries() > tried+7 })
	router.Refuse(nil)
	router.Await(10)
	router.Each(10)
	if info, err := consumer.Info(t.Context()); err != nil || info.NumRedelivered != 0 {
		t.Errorf("%d messages were delivered again, %v: they were worked on", info.NumRedelivered, err)
	}
	b.publish(10, 10)
	router.Await(20)
	router.Each(20)
}

func TestAPausedSourceFetchesNothing(t *testing.T) {
	b := newBroker(t)
	router := sourcestest.NewRouter(t)
	s := sourcestest.Run(t, router, b.config())
	b.publish(0, 5)
	router.Await(5)
	router.Pause(true)
	s.Refresh()
	sourcestest.Until(t, "it has gone", func() bool { return b.server.NumClients() == 1 })
	if state := s.Statuses()[0].State; state != sources.StatePaused {
		t.Errorf("the state is %s", state)
	}
	b.publish(5, 5)
	router.Pause(false)
	s.Refresh()
	router.Await(10)
	router.Each(10)
}

func TestTheConsumerIsChecked(t *testing.T) {
	b := newBroker(t)
	for _, c := range []jetstream.ConsumerConfig{
		{Durable: "none", AckPolicy: jetstream.AckNonePolicy},
		{Durable: "few", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 3},
		{Durable: "other", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "orders.1"},
		{Durable: "all", AckPolicy: jetstream.AckExplicitPolicy},
	} {
		if _, err := b.stream.CreateConsumer(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Consumer = "none" }, "ack policy none"},
		{func(o *Options) { o.Consumer = "few" }, "gives a message up after 3 deliveries"},
		{func(o *Options) { o.Consumer, o.Subject = "other", "orders.2" }, `reads the subjects "orders.1"`},
		{func(o *Options) { o.Consumer, o.Subject = "all", "orders.2" }, `reads the subjects ""`},
		{func(o *Options) { o.Stream = "NONE" }, "stream not found: create it"},
		{func(o *Options) { o.Consumer = "other" }, ""},
		{func(o *Options) { o.Consumer, o.Subject, o.Start = "fresh", "orders.2", sources.StartNew }, ""},
	} {
		c := b.config()
		tt.change(c.Options.(*Options))
		err := try(t, c)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// try connects once.
func try(t *testing.T, c sources.Config) error {
	t.Helper()
	s, faults, _ := sources.New(c, secret.Source{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	opener, err := s.Kind.New(&s.Config, sources.Env{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := opener.Open(ctx)
	if err != nil {
		return opener.Hide(err)
	}
	conn.Close()
	return nil
}

func TestTheLogin(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) { o.Username, o.Password = "me", "a-long-password" })
	o := &Options{Stream: "ORDERS"}
	o.URL, o.User, o.Password = s.ClientURL(), "me", "another-password"
	c := sources.Config{Name: "orders", Kind: Kind(), Type: "nats", Options: o}
	err := try(t, c)
	if err == nil || !strings.Contains(err.Error(), "uthorization") || strings.Contains(err.Error(), "another-password") {
		t.Errorf("got %v", err)
	}
	o.Password = "a-long-password"
	if err := try(t, c); err == nil || !strings.Contains(err.Error(), "stream not found") {
		t.Errorf("got %v, want to be let in", err)
	}
}

func TestMessagesAreKnownToOtherSources(t *testing.T) {
	b := newBroker(t)
	other := b.config()
	other.Name = "renamed"
	sourcestest.KnownToOthers(t, b.config(), other, b.publish)
}

// TestServersOfACluster: one that can't be reached is left out.
func TestServersOfACluster(t *testing.T) {
	b := newBroker(t)
	b.publish(0, 10)
	c := b.config()
	c.Options.(*Options).URL = "nats://" + targetstest.FreeAddress(t) + "," + b.server.ClientURL()
	router := sourcestest.NewRouter(t)
	sourcestest.Run(t, router, c)
	router.Await(10)
	o := c.Options.(*Options)
	o.URL += "/orders"
	if _, faults, _ := sources.New(c, secret.Source{}); len(faults) != 1 || !strings.Contains(fmt.Sprint(faults[0].Err), "name the stream in stream") {
		t.Errorf("got %v", faults)
	}
}

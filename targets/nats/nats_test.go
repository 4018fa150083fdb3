package nats

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"signalbox/event"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// admin is a connection of the test's own.
func admin(t testing.TB, s *server.Server, options ...natsio.Option) jetstream.JetStream {
	t.Helper()
	done := make(chan struct{})
	nc, err := natsio.Connect(s.ClientURL(), append(options, natsio.ClosedHandler(func(*natsio.Conn) { close(done) }))...)
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

func stream(t testing.TB, s *server.Server, c jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	out, err := admin(t, s).CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func queueConfig(s *server.Server, subject string) targets.Config {
	return targets.Config{Options: &Options{Options: remote.Options{URL: s.ClientURL()}, Subject: subject}}
}

func TestQueue(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	orders := stream(t, s, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"events.>"}})
	c := queueConfig(s, "events.{source}.{detail-type}.{bus}.{rule}.{target}.{event-id}")
	c.Options.(*Options).Headers = map[string]string{"X-Team": "${TEAM}"}
	c.Options.(*Options).Stream = "ORDERS"
	target := open(t, c, targets.Env{Secrets: targetstest.Vars("TEAM", "blue")})
	d := targetstest.Delivery()
	d.Rule = "big orders > 100"
	d.Meta = &event.Metadata{Synthetic: true}
	for range 2 {
		if err := target.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	info, err := orders.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 1 {
		t.Errorf("the stream holds %d messages, want the repeat dropped", info.State.Msgs)
	}
	msg, err := orders.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	subject := "events.shop.orders.OrderCreated.default.big_orders___100.warehouse." + d.EventID
	if msg.Subject != subject || string(msg.Data) != targetstest.Envelope {
		t.Errorf("message %s on %s, want the targetstest.Envelope on %s", msg.Data, msg.Subject, subject)
	}
	for name, want := range map[string]string{
		"Nats-Msg-Id": d.ID, "X-Team": "blue", "X-Signalbox-Event-Id": d.EventID, "X-Signalbox-Synthetic": "true",
		"X-Signalbox-Attempt": "1", "Content-Type": remote.ContentTypeJSON,
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
	preview, err := target.Preview(d)
	if err != nil {
		t.Fatal(err)
	}
	if preview.Method != "PUBLISH" || preview.Address != subject || preview.Body != targetstest.Envelope || preview.Headers["X-Team"] != "***" {
		t.Errorf("preview %+v, want the message", preview)
	}
}

func TestQueueSubjectFromURL(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	orders := stream(t, s, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.created"}})
	target := open(t, targets.Config{Options: &Options{Options: remote.Options{URL: s.ClientURL() + "/orders.created"}}}, targets.Env{})
	if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
	if _, err := orders.GetMsg(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestQueueWithoutStream(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	e := targetstest.Error(t, open(t, queueConfig(s, "nobody.listens"), targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
	want := "publish to nobody.listens on " + s.ClientURL() + ": nats: no response from stream: no stream takes this subject; create one that does, or set stream and create_stream"
	if e.Code != targets.CodeNoResource || e.Final || e.Error() != want {
		t.Errorf("error %q, code %s, final %t, want %q, to be retried", e, e.Code, e.Final, want)
	}
}

func TestQueueCreatesStream(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	c := queueConfig(s, "events.{source}")
	c.Options.(*Options).Stream, c.Options.(*Options).CreateStream = "EVENTS", true
	target := open(t, c, targets.Env{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			d := targetstest.Delivery()
			d.ID = fmt.Sprint(i)
			if err := target.Deliver(t.Context(), d); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	events, err := admin(t, s).Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := events.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 20 || len(info.Config.Subjects) != 1 || info.Config.Subjects[0] != "events.>" {
		t.Errorf("stream of %v holds %d messages, want 20 of events.>", info.Config.Subjects, info.State.Msgs)
	}
}

// TestQueueWithoutJetStream: that there is none is no other error than that there is no stream.
func TestQueueWithoutJetStream(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) { o.JetStream = false })
	for _, create := range []bool{false, true} {
		c := queueConfig(s, "a")
		c.Options.(*Options).Stream, c.Options.(*Options).CreateStream = "A", create
		if e := targetstest.Error(t, open(t, c, targets.Env{}).Deliver(t.Context(), targetstest.Delivery())); e.Code != targets.CodeNoResource || e.Final {
			t.Errorf("create_stream %t: error %q, code %s, final %t, want NO_RESOURCE, to be retried", create, e, e.Code, e.Final)
		}
	}
}

// TestErrorPage: what docs/errors.md says of answers is what becomes of them. Any other may pass.
func TestErrorPage(t *testing.T) {
	answers := targetstest.ErrorAnswers(t, "nats")
	answers[strconv.Itoa(int(jetstream.JSErrCodeBadRequest))] = targets.CodeErrorFromTarget
	for answer, want := range answers {
		n, err := strconv.Atoi(answer)
		if err != nil {
			t.Fatal(err)
		}
		if code, final := apiCode(&jetstream.APIError{ErrorCode: jetstream.ErrorCode(n)}); code != want || final != (want == targets.CodeInvalidParameter) {
			t.Errorf("%s is %s, final %t, on the page %s", answer, code, final, want)
		}
	}
}

func TestQueueErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		stream jetstream.StreamConfig
		expect string
		server func(*server.Options)
		code   string
		final  bool
	}{
		{name: "another stream", stream: jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}}, expect: "B", code: targets.CodeNoResource},
		{name: "message too large for the stream", stream: jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}, MaxMsgSize: 10}, code: targets.CodeInvalidParameter, final: true},
		{name: "stream full", stream: jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}, MaxBytes: 10, Discard: jetstream.DiscardNew}, code: targets.CodeThrottling},
		{name: "message too large for the server", stream: jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}},
			server: func(o *server.Options) { o.MaxPayload = 1 << 10 }, code: targets.CodeInvalidParameter, final: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := natsserver.Start(t, t.TempDir(), -1, test.server)
			stream(t, s, test.stream)
			c := queueConfig(s, "a")
			c.Options.(*Options).Stream = test.expect
			d := targetstest.Delivery()
			d.Body = []byte(strings.Repeat("x", 2<<10))
			if e := targetstest.Error(t, open(t, c, targets.Env{}).Deliver(t.Context(), d)); e.Code != test.code || e.Final != test.final {
				t.Errorf("error %q, code %s, final %t, want %s, %t", e, e.Code, e.Final, test.code, test.final)
			}
		})
	}
}

func TestQueueLogin(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*targets.Config)
		code   string // empty for success
	}{
		{"right", func(c *targets.Config) {
			c.Options.(*Options).User, c.Options.(*Options).Password = "box", "${PASSWORD}"
		}, ""},
		{"wrong", func(c *targets.Config) { c.Options.(*Options).User, c.Options.(*Options).Password = "box", "nope" }, targets.CodeNoPermissions},
		{"none", func(*targets.Config) {}, targets.CodeNoPermissions},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) { o.Username, o.Password = "box", "p4ssw0rd" })
			_, err := admin(t, s, natsio.UserInfo("box", "p4ssw0rd")).CreateStream(t.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}})
			if err != nil {
				t.Fatal(err)
			}
			c := queueConfig(s, "a")
			test.change(&c)
			err = open(t, c, targets.Env{Secrets: targetstest.Vars("PASSWORD", "p4ssw0rd")}).Deliver(t.Context(), targetstest.Delivery())
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := targetstest.Error(t, err)
			if e.Code != test.code || e.Final || !strings.Contains(strings.ToLower(e.Error()), "authorization") || strings.Contains(e.Error(), "nope") {
				t.Errorf("error %q, code %s, final %t, want one of the login, to be retried", e, e.Code, e.Final)
			}
		})
	}
}

// TestQueueRestart makes a target while its server is down, and stops and
// starts the server under it.
func TestQueueRestart(t *testing.T) {
	dir := t.TempDir()
	s := natsserver.Start(t, dir, -1, nil)
	stream(t, s, jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}})
	port := s.Addr().(*net.TCPAddr).Port
	target := open(t, queueConfig(s, "a"), targets.Env{})
	natsserver.Stop(s)

	d := targetstest.Delivery()
	e := targetstest.Error(t, target.Deliver(t.Context(), d))
	if e.Code != targets.CodeConnectionFailure || e.Final || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("error %q, code %s, final %t, want CONNECTION_FAILURE, to be retried", e, e.Code, e.Final)
	}
	s = natsserver.Start(t, dir, port, nil)
	deliverUntil(t, target, d)
	natsserver.Stop(s)
	d.ID = "2"
	if e := targetstest.Error(t, target.Deliver(t.Context(), d)); e.Final {
		t.Errorf("error %q is final, want it to be retried", e)
	}
	s = natsserver.Start(t, dir, port, nil)
	deliverUntil(t, target, d)

	a, err := admin(t, s).Stream(t.Context(), "A")
	if err != nil {
		t.Fatal(err)
	}
	if n := a.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("the stream holds %d messages, want 2", n)
	}
}

// deliverUntil tries until a delivery succeeds, as a lane would.
func deliverUntil(t *testing.T, target targets.Target, d *targets.Delivery) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := target.Deliver(ctx, d)
		if err == nil {
			return
		}
		if e := targetstest.Error(t, err); e.Final {
			t.Fatalf("final error %v, want it to be retried", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not delivered: %v", err)
		}
	}
}

// TestAServerIsKilledUnderLoad: what the stream had acknowledged is there, and nothing twice, since it
// knows repeats by their ids.
func TestAServerIsKilledUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := natsserver.Start(t, dir, -1, nil)
	stream(t, s, jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}})
	port := s.Addr().(*net.TCPAddr).Port
	c := queueConfig(s, "a")
	c.Batch = &targets.Batch{}
	target := open(t, c, targets.Env{}).(targets.BatchTarget)
	restart := func() {
		natsserver.Stop(s)
		s = natsserver.Start(t, dir, port, nil)
	}
	if n := targetstest.SurvivesKill(t, target, restart, func() (ids []string) {
		a, err := admin(t, s).Stream(t.Context(), "A")
		if err != nil {
			t.Fatal(err)
		}
		for seq := uint64(1); seq <= a.CachedInfo().State.LastSeq; seq++ {
			m, err := a.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, m.Header.Get(remote.HeaderMsgID))
		}
		return ids
	}); n > 0 {
		t.Errorf("%d arrived more than once", n)
	}
}

// TestServersOfACluster: while one of them is gone, messages go to another.
func TestServersOfACluster(t *testing.T) {
	first, second := natsserver.Start(t, t.TempDir(), -1, nil), natsserver.Start(t, t.TempDir(), -1, nil)
	subjects := jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}}
	streams := []jetstream.Stream{stream(t, first, subjects), stream(t, second, subjects)}
	c := queueConfig(first, "")
	c.Options.(*Options).URL = first.ClientURL() + "," + second.ClientURL() + "/orders"
	target := open(t, c, targets.Env{Logger: zap.NewNop()})
	if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
	has := func(s jetstream.Stream) bool {
		info, err := s.Info(t.Context())
		return err == nil && info.State.Msgs > 0
	}
	gone, other := first, streams[1]
	if has(streams[1]) {
		gone, other = second, streams[0]
	}
	natsserver.Stop(gone)
	deliverUntil(t, target, targetstest.Delivery())
	if !has(other) {
		t.Error("the other server has no message")
	}
}

// TestALoginMayHaveAComma, at which the client would cut the addresses.
func TestALoginMayHaveAComma(t *testing.T) {
	s := natsserver.Start(t, t.TempDir(), -1, func(o *server.Options) { o.Username, o.Password = "me", "a,long-password" })
	js := admin(t, s, natsio.UserInfo("me", "a,long-password"))
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}}); err != nil {
		t.Fatal(err)
	}
	c := queueConfig(s, "orders")
	c.Options.(*Options).URL = strings.Replace(s.ClientURL(), "://", "://me:a,long-password@", 1)
	if err := open(t, c, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Error(err)
	}
}

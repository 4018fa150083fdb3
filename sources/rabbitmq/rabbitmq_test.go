package rabbitmq

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"signalbox/secret"
	"signalbox/sources"
	"signalbox/sources/sourcestest"
	"signalbox/targets/targetstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// with does something on a channel of its own.
func with(t testing.TB, address string, do func(*amqp.Channel) error) {
	t.Helper()
	conn, err := amqp.Dial("amqp://guest:guest@" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err == nil {
		err = do(ch)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func declare(t testing.TB, address, queue string) {
	t.Helper()
	with(t, address, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
		return err
	})
}

// publish publishes messages whose bodies are {"n": from} and so on, and waits for the broker to
// have them.
func publish(t testing.TB, address, queue string) func(from, n int) {
	return func(from, n int) {
		t.Helper()
		with(t, address, func(ch *amqp.Channel) error {
			if err := ch.Confirm(false); err != nil {
				return err
			}
			var last *amqp.DeferredConfirmation
			for i := from; i < from+n; i++ {
				m := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: fmt.Sprint(i), ContentType: "application/json",
					Headers: amqp.Table{"X-N": int32(i), "nested": amqp.Table{"a": "b"}}, Body: fmt.Appendf(nil, `{"n": %d}`, i)}
				c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, false, false, m)
				if err != nil {
					return err
				}
				if last = c; i%50 == 49 && !c.Wait() {
					return fmt.Errorf("%d was not confirmed", i)
				}
			}
			if !last.Wait() {
				return fmt.Errorf("the last was not confirmed")
			}
			return nil
		})
	}
}

func config(address, queue string) sources.Config {
	o := &Options{Queue: queue}
	o.URL = "amqp://" + address
	return sources.Config{Name: "orders", Kind: Kind(), Type: "rabbitmq", Options: o, Map: &sources.Map{DetailType: `subject + "/" + headers["X-N"]`}}
}

func TestRabbitMQ(t *testing.T) {
	s := targetstest.StartRabbitMQ(t, "")
	t.Run("messages become events", func(t *testing.T) {
		declare(t, s.Address, "orders")
		publish(t, s.Address, "orders")(0, 1000)
		router := sourcestest.NewRouter(t)
		sup := sourcestest.Run(t, router, config(s.Address, "orders"))
		router.Await(1000)
		for i, e := range router.Events() {
			if string(e.Detail) != fmt.Sprintf(`{"n": %d}`, i) || e.DetailType != fmt.Sprintf("orders/%d", i) || e.Meta.DedupKey != fmt.Sprintf("rabbitmq/%s/%%2F/orders/id/%d", s.Address, i) {
				t.Fatalf("event %d: %s %s %s", i, e.DetailType, e.Detail, e.Meta.DedupKey)
			}
		}
		sourcestest.Until(t, "all is acknowledged", func() bool { return sup.Statuses()[0].Accepted == 1000 })
		if err := sup.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		with(t, s.Address, func(ch *amqp.Channel) error {
			q, err := ch.QueueDeclarePassive("orders", true, false, false, false, nil)
			if err == nil && q.Messages != 0 {
				t.Errorf("%d messages are left", q.Messages)
			}
			return err
		})
	})
	t.Run("what has come is one batch", func(t *testing.T) {
		declare(t, s.Address, "batch")
		publish(t, s.Address, "batch")(0, 300)
		c := config(s.Address, "batch")
		c.BatchSize = 200
		opener, err := newOpener(&c, sources.Env{})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := opener.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		sourcestest.Until(t, "all have been sent", func() bool { return len(conn.(*queue).messages) == 300 })
		for _, want := range []int{200, 100} {
			if batch, err := conn.Fetch(t.Context()); err != nil || len(batch) != want {
				t.Errorf("%d messages, %v; want %d", len(batch), err, want)
			}
		}
	})
	t.Run("unacknowledged ones come again in order", func(t *testing.T) {
		declare(t, s.Address, "again")
		publish(t, s.Address, "again")(0, 600)
		router := sourcestest.NewRouter(t)
		router.Refuse(sourcestest.Busy{})
		sup := sourcestest.Run(t, router, config(s.Address, "again"))
		sourcestest.Until(t, "it waits", func() bool { return sup.Statuses()[0].State == sources.StateBusy })
		if err := sup.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		router.Refuse(nil)
		sourcestest.Run(t, router, config(s.Address, "again"))
		router.Await(600)
		router.Each(600)
		for i, e := range router.Events() {
			if string(e.Detail) != fmt.Sprintf(`{"n": %d}`, i) {
				t.Fatalf("event %d is %s: out of order", i, e.Detail)
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		wrong := config(s.Address, "orders")
		wrong.Options.(*Options).User, wrong.Options.(*Options).Password = "guest", "another-password"
		for _, tt := range []struct {
			c    sources.Config
			want string
		}{
			{config(s.Address, "none"), "declare it, or name another"},
			{wrong, "username or password not allowed"},
			{config("127.0.0.1:1", "orders"), "refused"},
		} {
			if err := try(t, tt.c); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "another-password") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		}
	})
	t.Run("the broker is killed", func(t *testing.T) {
		declare(t, s.Address, "killed")
		sourcestest.SurvivesKill(t, config(s.Address, "killed"), publish(t, s.Address, "killed"), func() { s.Kill(); s.Start() })
	})
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

func TestHeaders(t *testing.T) {
	m := message(&amqp.Delivery{CorrelationId: "c", Headers: amqp.Table{
		"cloudEvents:id": "1", "cloudEvents_type": []byte("T"), "n": int64(5), "b": true, "at": time.Unix(0, 0), "t": amqp.Table{"a": int32(1)}, "none": nil, "bad": "\xff",
	}}, "here")
	for name, want := range map[string]string{
		"ce-id": "1", "ce-type": "T", "n": "5", "b": "true", "at": "1970-01-01T00:00:00Z", "t": `{"a":1}`, "none": "", "bad": "\ufffd", "x-correlation-id": "c",
	} {
		if m.Headers[name] != want {
			t.Errorf("%s is %q, want %q", name, m.Headers[name], want)
		}
	}
	if m.ID != "" || m.Origin != "here" || !m.Time.IsZero() {
		t.Errorf("got %+v", m)
	}
}

package targets

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/event"
)

func TestMain(m *testing.M) {
	if runSink() {
		return
	}
	goleak.VerifyTestMain(m)
}

const envelope = `{"version":"0","id":"0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11","detail-type":"OrderCreated","source":"shop.orders",` +
	`"account":"000000000000","time":"2026-03-04T05:06:07Z","region":"local","resources":["order/1"],"detail":{"orderId": "1", "total": 1e2}}`

// delivery is what the tests send: an event that no rule transforms.
func delivery() *Delivery {
	return &Delivery{
		ID:         "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11.1",
		EventID:    "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11",
		Bus:        "default",
		Rule:       "orders",
		RuleTarget: "t1",
		Target:     "warehouse",
		Attempt:    1,
		Envelope:   []byte(envelope),
		Meta:       &event.Metadata{Received: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)},
	}
}

// open builds a target and closes it when the test ends.
func open(t testing.TB, c Config, env Env) Target {
	t.Helper()
	if c.Name == "" {
		c.Name = "warehouse"
	}
	target, err := New(c, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// deliveryError is the error of a delivery that must fail.
func deliveryError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("delivered with error %v, want an *Error", err)
	}
	return e
}

func vars(pairs ...string) Secrets {
	return Secrets{LookupEnv: func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}}
}

// Package targetstest has what the tests of all kinds of target share.
package targetstest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/secret"
	"signalbox/targets"
)

// Envelope is the event of Delivery.
const Envelope = `{"version":"0","id":"0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11","detail-type":"OrderCreated","source":"shop.orders",` +
	`"account":"000000000000","time":"2026-03-04T05:06:07Z","region":"local","resources":["order/1"],"detail":{"orderId": "1", "total": 1e2}}`

// Delivery returns what the tests send: an event that no rule transforms.
func Delivery() *targets.Delivery {
	return &targets.Delivery{
		ID:         "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11.1",
		EventID:    "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11",
		Bus:        "default",
		Rule:       "orders",
		RuleTarget: "t1",
		Target:     "warehouse",
		Attempt:    1,
		Envelope:   []byte(Envelope),
		Meta:       &event.Metadata{Received: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)},
	}
}

// Open makes a target and closes it when the test ends.
func Open(t testing.TB, kind *targets.Kind, c targets.Config, env targets.Env) targets.Target {
	t.Helper()
	target, err := targets.New(Named(kind, c), env)
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

// Named fills in of a configuration what a file would: its name, kind and options.
func Named(kind *targets.Kind, c targets.Config) targets.Config {
	if c.Name == "" {
		c.Name = "warehouse"
	}
	c.Kind, c.Type = kind, kind.Name
	if c.Options == nil {
		c.Options = kind.Options()
	}
	return c
}

// Error returns the error of a delivery that must fail.
func Error(t *testing.T, err error) *targets.Error {
	t.Helper()
	var e *targets.Error
	if !errors.As(err, &e) {
		t.Fatalf("delivered with error %v, want an *Error", err)
	}
	return e
}

// Vars returns a source of variables, given as names and values in turn.
func Vars(pairs ...string) secret.Source {
	return secret.Source{LookupEnv: func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}}
}

// Faults holds what is wrong with options of a kind against how that must begin; empty is nothing.
func Faults(t *testing.T, kind *targets.Kind, o targets.Options, secrets secret.Source, want string) {
	t.Helper()
	c := Named(kind, targets.Config{Options: o})
	c.SetDefaults()
	var got []string
	for _, e := range c.Validate(secrets) {
		got = append(got, e.Error())
	}
	if text := strings.Join(got, "\n"); want == "" && text != "" || !strings.HasPrefix(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
}

// BatchOf makes n deliveries of as many events.
func BatchOf(n int) []*targets.Delivery {
	batch := make([]*targets.Delivery, n)
	for i := range batch {
		d := Delivery()
		d.EventID = fmt.Sprintf("0197a6c1-5b5e-7d32-8c1f-%012d", i)
		d.ID = fmt.Sprintf("0197a6c1-5b5e-8d32-8c1f-%012d", i)
		d.Envelope = []byte(strings.Replace(Envelope, "0197a6c1-5b5e-7d32-8c1f-0d9e6a3b2c11", d.EventID, 1))
		batch[i] = d
	}
	return batch
}

// Sized makes n deliveries of as many events, each of about so many bytes.
func Sized(n, size int) []*targets.Delivery {
	batch := BatchOf(n)
	for _, d := range batch {
		more := strings.Repeat("x", size-len(d.Envelope)-len(`, "note": ""`))
		d.Envelope = []byte(strings.TrimSuffix(string(d.Envelope), "}}") + `, "note": "` + more + `"}}`)
	}
	return batch
}

// IDs returns the ids of a batch, separated by commas.
func IDs(batch []*targets.Delivery) string {
	var out []string
	for _, d := range batch {
		out = append(out, d.ID)
	}
	return strings.Join(out, ",")
}

// TakesBatches opens a target that must take batches.
func TakesBatches(t *testing.T, kind *targets.Kind, c targets.Config, env targets.Env) targets.BatchTarget {
	t.Helper()
	target, ok := Open(t, kind, c, env).(targets.BatchTarget)
	if !ok {
		t.Fatalf("a target of type %s takes no batches", c.Type)
	}
	return target
}

// Codes returns the error codes of each delivery, final ones with an exclamation mark.
func Codes(t *testing.T, each []error) string {
	t.Helper()
	var out []string
	for _, err := range each {
		text := "-"
		if err != nil {
			e := Error(t, err)
			if text = e.Code; e.Final {
				text += "!"
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

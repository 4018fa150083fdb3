package bus

import (
	"context"
	"errors"
	"testing"
	"time"

	"signalbox/event"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

type busy struct{}

func (busy) Error() string             { return "backlog limit reached" }
func (busy) RetryAfter() time.Duration { return 3 * time.Second }

func TestBus(t *testing.T) {
	var got *event.Event
	accept := func(_ context.Context, events []*event.Event) ([]error, error) {
		got = events[0]
		return []error{nil}, nil
	}
	target := open(t, targets.Config{Options: &Options{Bus: "audit"}}, targets.Env{Accept: accept})
	d := targetstest.Delivery()
	d.Meta = &event.Metadata{Bus: "default", Hops: 2, CorrelationID: "c", CausationID: "earlier", Received: time.Unix(1, 0)}
	if err := target.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if string(got.AppendEnvelope(nil)) != targetstest.Envelope {
		t.Errorf("event %s, want %s", got.AppendEnvelope(nil), targetstest.Envelope)
	}
	if m := got.Meta; m.Bus != "audit" || m.Hops != 3 || m.CorrelationID != "c" || m.CausationID != "earlier" || !m.Received.IsZero() {
		t.Errorf("metadata %+v, want one hop more, to the bus audit", m)
	}
	if d.Meta.Hops != 2 {
		t.Error("the delivery's metadata were changed")
	}

	d.Body = []byte(`{"order": 1}`)
	if err := target.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got.ID != d.ID || string(got.Detail) != `{"order": 1}` || got.Meta.CausationID != d.EventID || got.Source != "shop.orders" {
		t.Errorf("event %+v, want a new one of the transformed detail, caused by %s", got, d.EventID)
	}
	preview, err := target.Preview(d)
	if err != nil {
		t.Fatal(err)
	}
	if want := string(got.AppendEnvelope(nil)); preview.Body != want || preview.Address != "audit" || preview.Method != "PUT" {
		t.Errorf("preview %+v, want %s", preview, want)
	}
}

func TestBusErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		hops   int
		body   string
		errs   []error
		err    error
		code   string
		final  bool
		after  time.Duration
		saying string
	}{
		{name: "too many hops", hops: 8, code: targets.CodeMaxHops, final: true,
			saying: `bus "audit": the event has made 9 hops, and max_hops is 8: is there a loop in the rules? its path: OrderCreated -[orders > warehouse]-> OrderCreated`},
		{name: "body is text", body: "text", code: targets.CodeInvalidJSON, final: true,
			saying: `bus "audit": a transformed body becomes the detail of an event, and this one is not a JSON object`},
		{name: "backlog", err: busy{}, code: targets.CodeThrottling, after: 3 * time.Second, saying: `bus "audit": backlog limit reached`},
		{name: "too many of one", err: &targets.Error{Code: targets.CodeMaxDerived, Final: true, Err: errors.New("too many")},
			code: targets.CodeMaxDerived, final: true, saying: `bus "audit": too many`},
		{name: "store fails", err: errors.New("disk full"), code: targets.CodeInternalError, saying: `bus "audit": disk full`},
		{name: "in time", err: context.DeadlineExceeded, code: targets.CodeTimeout, saying: `bus "audit": context deadline exceeded`},
		{name: "no such bus", errs: []error{&event.Error{Code: event.CodeNotFound, Message: "no bus"}}, code: targets.CodeNoResource, final: true,
			saying: `bus "audit": ` + (&event.Error{Code: event.CodeNotFound, Message: "no bus"}).Error()},
		{name: "throttled", errs: []error{&event.Error{Code: event.CodeThrottling, Message: "slow"}}, code: targets.CodeThrottling,
			saying: `bus "audit": ` + (&event.Error{Code: event.CodeThrottling, Message: "slow"}).Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := open(t, targets.Config{Options: &Options{Bus: "audit"}}, targets.Env{
				Accept: func(context.Context, []*event.Event) ([]error, error) { return test.errs, test.err },
			})
			d := targetstest.Delivery()
			d.Meta = &event.Metadata{Hops: test.hops}
			if test.body != "" {
				d.Body = []byte(test.body)
			}
			e := targetstest.Error(t, target.Deliver(t.Context(), d))
			if e.Code != test.code || e.Final != test.final || e.RetryAfter != test.after || e.Error() != test.saying {
				t.Errorf("error %q, code %s, final %t, after %s, want %q, %s, %t, %s", e, e.Code, e.Final, e.RetryAfter, test.saying, test.code, test.final, test.after)
			}
		})
	}
}

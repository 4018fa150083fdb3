package catalog

import (
	"testing"

	"signalbox/event"
)

func TestKindOfName(t *testing.T) {
	for name, want := range map[string]event.Kind{
		"OrderCreated":                           event.KindEvent,
		"CreateOrder":                            event.KindCommand,
		"createOrder":                            event.KindCommand,
		"orderCommand":                           event.KindCommand,
		"orderQuery":                             event.KindQuery,
		"DescribeItem":                           event.KindQuery,
		"GetOrder":                               event.KindQuery,
		"ListOrders":                             event.KindQuery,
		"PaymentFailed":                          event.KindEvent,
		"PaymentMade":                            event.KindEvent,
		"ItemNotAvailable":                       event.KindEvent,
		"DeliveryWasCanceled":                    event.KindEvent,
		"Delivered":                              event.KindEvent,
		"ReturnItem":                             event.KindCommand,
		"Update":                                 event.KindEvent,
		"OrderUpdate":                            event.KindEvent,
		"Customer":                               event.KindEvent,
		"StopHTTPServer":                         event.KindCommand,
		"com.example.ticket.created.v1":          event.KindEvent,
		"com.example.ticket.create.v1":           event.KindCommand,
		"com.example.tickets.get.v1":             event.KindQuery,
		"com.example.create-ticket.v2":           event.KindCommand,
		"com.example.ticket-created.v2":          event.KindEvent,
		"EC2 Instance State-change Notification": event.KindEvent,
		"Create a thing":                         event.KindEvent,
		"":                                       event.KindEvent,
	} {
		if got := KindOfName(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

func TestKindOfNameAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		KindOfName("OrderCreated")
		KindOfName("com.example.ticket.create.v1")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestKind(t *testing.T) {
	c := load(t, "types:\n  - {name: Customer, kind: audit}\n")
	for _, test := range []struct {
		name string
		meta event.Kind
		want event.Kind
	}{
		{"Customer", "", event.KindAudit},
		{"Customer", event.KindEvent, event.KindAudit}, // the catalog comes first
		{"CreateOrder", event.KindTelemetry, event.KindTelemetry},
		{"CreateOrder", "", event.KindCommand},
	} {
		e := &event.Event{DetailType: test.name, Meta: event.Metadata{Kind: test.meta}}
		if got := c.Kind(e); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
	if got := (*Catalog)(nil).Kind(&event.Event{DetailType: "CreateOrder"}); got != event.KindCommand {
		t.Errorf("without a catalog: got %s", got)
	}
}

func BenchmarkKindOfName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		KindOfName("OrderCreated")
	}
}

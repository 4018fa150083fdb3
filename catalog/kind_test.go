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
	const types = "types:\n  - {name: Customer, kind: audit}\n  - {name: DropOrder, kind: command}\n  - {name: MoveOut}\n"
	declared := load(t, types)
	byName := load(t, types)
	naming := *byName.Naming
	naming.Commands = ByName
	byName.Naming = &naming
	for _, test := range []struct {
		name   string
		meta   event.Metadata
		kind   event.Kind
		byName bool // where commands are declared
	}{
		{"Customer", event.Metadata{}, event.KindAudit, false},
		{"Customer", event.Metadata{Kind: event.KindEvent}, event.KindAudit, false}, // the catalog comes first
		{"DropOrder", event.Metadata{}, event.KindCommand, false},
		{"CreateOrder", event.Metadata{Kind: event.KindTelemetry}, event.KindTelemetry, false},
		{"CreateOrder", event.Metadata{Kind: event.KindCommand}, event.KindCommand, false},
		{"CreateOrder", event.Metadata{}, event.KindCommand, true},
		{"GetOrder", event.Metadata{}, event.KindQuery, true},
		{"OrderCreated", event.Metadata{}, event.KindEvent, false},
		{"MoveOut", event.Metadata{}, event.KindCommand, true},                                              // declared without a kind
		{"OrderCreated", event.Metadata{Kind: event.KindCommand, KindByName: true}, event.KindEvent, false}, // a transformed one
		{"CreateOrder", event.Metadata{Kind: event.KindCommand, KindByName: true}, event.KindCommand, true}, // handed on
	} {
		e := &event.Event{DetailType: test.name, Meta: test.meta}
		if kind, hint := declared.Kind(e); kind != test.kind || hint != test.byName {
			t.Errorf("%+v: got %s, %t", test, kind, hint)
		}
		if kind, hint := byName.Kind(e); kind != test.kind || hint {
			t.Errorf("%+v, commands by name: got %s, %t", test, kind, hint)
		}
	}
	if kind, hint := (*Catalog)(nil).Kind(&event.Event{DetailType: "CreateOrder"}); kind != event.KindCommand || !hint {
		t.Errorf("without a catalog: got %s, %t", kind, hint)
	}
	for name, want := range map[string]bool{"Customer": false, "DropOrder": true, "MoveOut": false} {
		ty, ok := declared.Type(name, "")
		if !ok || declared.Asks(ty) != want || byName.Asks(ty) != (want || name == "MoveOut") {
			t.Errorf("%s: asks %t", name, declared.Asks(ty))
		}
	}
}

func BenchmarkKindOfName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		KindOfName("OrderCreated")
	}
}

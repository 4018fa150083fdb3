package catalog

import (
	"testing"

	"signalbox/event"
)

func TestFault(t *testing.T) {
	for _, test := range []struct {
		name     string
		kind     event.Kind
		proposal string // - is a fault without a proposal
	}{
		{"OrderCreated", event.KindEvent, ""},
		{"OrderCreate", "", "OrderCreated"},
		{"PaymentMake", "", "PaymentMade"},
		{"CreateOrder", "", ""},
		{"CreateOrder", event.KindEvent, "OrderCreated"},
		{"CreateOrder", event.KindCommand, ""},
		{"OrderCreated", event.KindCommand, "CreateOrder"},
		{"PaymentMade", event.KindCommand, "MakePayment"},
		{"CashWithdraw", event.KindEvent, "CashWithdrawn"},
		{"orderCommand", event.KindCommand, ""},
		{"ItemNotAvailable", event.KindEvent, ""},
		{"OrderInvalid", event.KindEvent, ""},
		{"Customer", event.KindEvent, "-"},
		{"Customer", "", ""},
		{"Customer", event.KindAudit, ""},
		{"com.example.ticket.created.v1", event.KindEvent, ""},
		{"com.example.ticket.created", "", "com.example.ticket.created.v1"},
		{"com.example.ticket.create.v1", event.KindEvent, "com.example.ticket.created.v1"},
		{"EC2 Instance State-change Notification", "", ""},
		{"", "", ""},
	} {
		fault := DefaultNaming().Fault(test.name, test.kind)
		got := ""
		if fault != nil {
			if got = fault.Proposal; got == "" {
				got = "-"
			}
		}
		if got != test.proposal {
			t.Errorf("%q as %q: got %q, want %q", test.name, test.kind, got, test.proposal)
		}
	}
}

func TestNamingIsConfigurable(t *testing.T) {
	n := &Naming{Style: Pascal, Verbs: map[string]string{"Onboard": "Onboarded"}, Exceptions: []string{"legacy.*"}}
	for name, want := range map[string]string{
		"CustomerOnboard":               "CustomerOnboarded",
		"com.example.ticket.created.v1": "TicketCreated",
		"legacy.thing":                  "",
		"order created":                 "OrderCreated",
	} {
		got := ""
		if fault := n.Fault(name, ""); fault != nil {
			got = fault.Proposal
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestMisspelt(t *testing.T) {
	words := &Vocabulary{}
	for _, name := range []string{"OrderDelivered", "OrderCanceled", "ErrorOrdeDelivered", "PaymentMade", "PaymentFailed", "MakePayement", "ItemsReserved", "ItemReserved", "ShipperAssigned"} {
		words.Add(name)
	}
	for name, want := range map[string]string{
		"ErrorOrdeDelivered": "ErrorOrderDelivered",
		"MakePayement":       "MakePayment",
		"OrderCanceled":      "",
		"ItemsReserved":      "",
		"ShipperAssigned":    "",
		"TicketCreatd":       "TicketCreated",
	} {
		got := ""
		if fault := words.Misspelt(name); fault != nil {
			got = fault.Proposal
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

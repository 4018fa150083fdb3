package rules

import (
	"strings"
	"testing"
)

func TestNameFault(t *testing.T) {
	for name, want := range map[string]string{
		"OrderCreated":                           "",
		"CreateOrder":                            "", // a command
		"orderQuery":                             "",
		"com.example.ticket.created.v1":          "",
		"com.example.ticket.created":             "call it com.example.ticket.created.v1",
		"OrderCreate":                            "an event would be OrderCreated",
		"PaymentMake":                            "an event would be PaymentMade",
		"EC2 Instance State-change Notification": "",
		"Update":                                 "",
		"":                                       "",
	} {
		if got := nameFault(name); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

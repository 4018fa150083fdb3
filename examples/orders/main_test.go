package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// chains are the traces of the stories: events, and between them the rules that
// took them on. What logistics says comes of no rule.
var chains = []string{
	toPayment + ` PaymentMade remove-item->Inventory ItemRemoved start-delivery->Delivery DeliveryStarted ` +
		`Delivered delivered->Delivery DeliveryWasDelivered update-order-delivered->Order OrderDelivered`,
	toPayment + ` PaymentFailed unreserve-item->Inventory ItemUnreserved`,
	`CreateOrder create-order->Order OrderCreated reserve-item->Inventory ItemNotAvailable`,
	toPayment + ` PaymentMade remove-item->Inventory ItemRemoved start-delivery->Delivery DeliveryStarted ` +
		`DeliveryCanceled cancel-delivery->Delivery DeliveryWasCanceled update-order-canceled->Order OrderCanceled ` +
		`return-item->Inventory ItemReturned cancel-payment->Payment PaymentCanceled`,
}

const toPayment = `CreateOrder create-order->Order OrderCreated reserve-item->Inventory ItemReserved ` +
	`describe-item->Inventory ItemDescribed describe-customer->Customer CustomerDescribed ` +
	`estimate-delivery->Delivery DeliveryEstimated make-payment->Payment`

func TestStories(t *testing.T) {
	var out bytes.Buffer
	s := newShop()
	graph := filepath.Join(t.TempDir(), "orders.svg")
	if err := (&example{dir: ".", graph: graph, shop: s, out: &out}).run(t.Context()); err != nil {
		t.Fatalf("%v after\n%s", err, out.String())
	}
	told := strings.Split(out.String(), "\n# ")
	if len(told) != len(chains)+5 {
		t.Fatalf("%d parts, want %d:\n%s", len(told), len(chains)+5, out.String())
	}
	for i, want := range chains {
		t.Run(stories[i].title, func(t *testing.T) {
			if got := chain(t, told[i+1]); got != want {
				t.Errorf("the trace shows\n%s\nwant\n%s\nin\n%s", got, want, told[i+1])
			}
		})
	}
	for _, want := range []string{"0 gained, 1 lost, 0 changed", "reserve-item  Inventory  0       1     0        0", "detail.quantity: 3, wanted numeric <= 2"} {
		if !strings.Contains(told[len(chains)+1], want) {
			t.Errorf("the other rule is told of without %q:\n%s", want, told[len(chains)+1])
		}
	}
	for _, want := range []string{"finished", "Statistics has counted 4 orders, 4 of them of the past"} {
		if !strings.Contains(told[len(chains)+3], want) {
			t.Errorf("the late consumer is told of without %q:\n%s", want, told[len(chains)+3])
		}
	}
	states := regexp.MustCompile(`"status":"[a-z ]+"`).FindAllString(told[len(chains)+4], -1)
	if want := []string{"canceled", "canceled", "on its way", "paid", "created", "on its way"}; strings.Join(states, " ") != `"status":"`+strings.Join(want, `" "status":"`)+`"` {
		t.Errorf("the states of the order are %q, want %q:\n%s", states, want, told[len(chains)+4])
	}
	if !strings.Contains(out.String(), "table.md: says what the rules do, in 15 rows") {
		t.Errorf("the table was not compared:\n%s", out.String())
	}
	if drawn, err := os.ReadFile(graph); err != nil || !bytes.Contains(drawn, []byte("<title>OrderDelivered</title>")) {
		t.Errorf("the graph does not end well: %v\n%s", err, drawn)
	}
	for item, want := range map[string]int{"z3333": 9, "z4444": 2} { // one was delivered, the rest came back
		if got := s.stock.items[item].free; got != want || len(s.stock.reserved) > 0 {
			t.Errorf("%d of %s are free, want %d; reserved are %v", got, item, want, s.stock.reserved)
		}
	}
}

var (
	eventLine    = regexp.MustCompile(`^([│├└─ ]*)([A-Z]\w*) [0-9a-f-]{36}$`)
	deliveryLine = regexp.MustCompile(`^([│├└─ ]*)([\w-]+) -> (\w+): delivered 200 `)
)

// chain reads a printed trace, in which each line must hang on the one before. What
// the router says of the work request hangs on the command, and is left out.
func chain(t *testing.T, trace string) string {
	var names []string
	depth := -1
	for _, line := range strings.Split(trace, "\n") {
		name, indent := "", ""
		if m := eventLine.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[2], "WorkRequest") {
			indent, name = m[1], m[2]
		} else if m := deliveryLine.FindStringSubmatch(line); m != nil {
			indent, name = m[1], m[2]+"->"+m[3]
		} else {
			continue
		}
		if n := len([]rune(indent)); n != depth+3 && depth >= 0 {
			t.Errorf("%s stands at %d, want %d:\n%s", name, n, depth+3, trace)
		} else {
			depth = n
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

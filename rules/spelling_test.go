package rules

import (
	"slices"
	"testing"
)

// Names are held against the standard wherever rules use them.
func TestSpelling(t *testing.T) {
	set, dir, err := loadText(t, map[string]string{"rules.yaml": `
targets:
  Payment: {type: log}
rules:
  - {name: pay, pattern: {detail-type: [OrderCreated]}, targets: [{target: Payment, id: MakePayement, emits: [PaymentMade]}]}
  - {name: end, pattern: {detail-type: [PaymentMade]}, targets: [{target: Payment, id: UpdateOrder, emits: [OrdeDelivered]}]}
  - {name: deliver, pattern: {detail-type: [OrderCanceled, DeliveryStarted]}, targets: [{target: Payment}]}
`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range set.Warnings {
		got = append(got, w.Error()[len(dir)+1:])
	}
	want := []string{
		`rules.yaml:5:89: rule "pay": targets[0].id: the action "MakePayement" may be misspelt (Payement): did you mean "MakePayment"?`,
		`rules.yaml:6:109: rule "end": targets[0].emits[0]: the type "OrdeDelivered" may be misspelt (Orde): did you mean "OrderDelivered"?`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

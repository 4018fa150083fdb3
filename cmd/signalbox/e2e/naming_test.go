package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestNamesOnArrival sends types as people write them to routers whose config.yaml judges
// names in different ways.
func TestNamesOnArrival(t *testing.T) {
	s := newSink(t)
	p := newProcess(t, `
targets:
  orders: {type: http, url: "`+s.url+`/orders"}
  mail: {type: http, url: "`+s.url+`/mail"}
rules:
  - {name: orders, pattern: {detail-type: [CreateOrder, OrderCreated, StoreUpdate, MoveOut]}, targets: [orders]}
  - {name: mail, pattern: {detail-type: [MoveOut]}, targets: [mail]}
`)
	config := p.read("config.yaml")
	for _, test := range []struct {
		name, naming string
		want         map[string]string // the code, or none
	}{
		{"declared", "", map[string]string{"CreateOrder": "", "OrderCreated": "", "StoreUpdate": "", "MoveOut": "", "MoveIn": "", "com.example.ticket.created": ""}},
		{"by name", "naming: {commands: by_name}\n", map[string]string{
			"CreateOrder": "", "OrderCreated": "", "StoreUpdate": "", "MoveOut": "SeveralHandlers", "MoveIn": "NoHandler", "com.example.ticket.created": ""}},
		{"warned of", "naming: {on_arrival: warn}\n", map[string]string{"OrderCreate": "", "OrderCreated": "", "com.example.ticket.created": ""}},
		{"rejected", "naming: {on_arrival: reject}\n", map[string]string{
			"CreateOrder": "", "OrderCreated": "", "com.example.ticket.created.v1": "", "com.example.ticket.created": "InvalidName"}},
		{"of one style", "naming: {on_arrival: reject, style: pascal, exceptions: [\"legacy.*\"]}\n", map[string]string{
			"OrderCreated": "", "com.example.ticket.created.v1": "InvalidName", "order created": "InvalidName", "legacy.thing": ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p.write("config.yaml", config+test.naming)
			p.start()
			defer p.kill()
			for detailType, want := range test.want {
				r, err := http.Post(p.url+"/v1/events", "application/json", strings.NewReader(`{"source":"s","detail-type":"`+detailType+`","detail":{}}`))
				if err != nil {
					t.Fatal(err)
				}
				var answer struct {
					Error struct{ Code, Message string }
				}
				err = json.NewDecoder(r.Body).Decode(&answer)
				r.Body.Close()
				if got := answer.Error.Code; err != nil || got != want || (r.StatusCode == http.StatusOK) != (want == "") {
					t.Errorf("%s: %s, %q (%s), %v, want %q", detailType, r.Status, got, answer.Error.Message, err, want)
				}
			}
			p.eventually(10*time.Second, "all delivered", func() bool {
				a, err := p.accounts()
				return err == nil && a.Deliveries.Planned > 0 && a.Deliveries.Delivered == a.Deliveries.Planned
			})
		})
	}
}

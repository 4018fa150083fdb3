package router

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/event"
)

// customer is an audit message about a customer.
func customer(detail string) *event.Event {
	return &event.Event{Source: "shop.customers", DetailType: "CustomerState", Detail: []byte(detail), Meta: event.Metadata{Kind: event.KindAudit}}
}

const toNotified = `
targets:
  whole: {type: http, url: "http://127.0.0.1:1/"}
  latest: {type: http, url: "http://127.0.0.1:1/", carry: reference}
  this: {type: http, url: "http://127.0.0.1:1/", carry: version}
rules:
  - {name: all, pattern: {source: [{prefix: shop.}]}, targets: [whole, latest, this]}
`

func TestAnAuditWithoutAnObjectIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		evs := []*event.Event{
			customer(`{"customer":"42"}`), customer(`{"id":["42"]}`), customer(fmt.Sprintf(`{"id":"%s"}`, strings.Repeat("4", 1025))),
		}
		errs, err := b.router.Accept(t.Context(), evs)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"detail.data.id, or at detail.id", "detail.data.id, or at detail.id", "at most 1024 bytes"} {
			var refused *event.Error
			if !errors.As(errs[i], &refused) || refused.Code != event.CodeInvalidArgument || !strings.Contains(refused.Message, want) {
				t.Errorf("%s: got %v", evs[i].Detail, errs[i])
			}
		}
	})
}

func TestANotificationSaysWhereTheRestIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toNotified)
		b.opts.PublicURL = "https://events.example.com"
		b.start()
		defer b.stop()
		for _, f := range []string{"latest", "this"} {
			b.fakes[f].say(down) // so that what is sent lies on disk in between
		}
		audit, plain, dots := customer(`{"id":"eu/42?"}`), order(1), customer(`{"id":".."}`)
		b.send(audit)
		b.send(plain)
		b.send(dots)
		b.settled()
		b.stop()
		b.start()
		for _, f := range b.fakes {
			f.say(nil)
		}
		b.settled()
		synctest.Wait()
		s, err := b.router.States.Get("CustomerState", "eu/42?", "")
		if err != nil {
			t.Fatal(err)
		}
		address := "https://events.example.com/v1/state/CustomerState/"
		for target, want := range map[string]map[string]string{
			"whole":  {audit.ID: `{"id":"eu/42?"}`, plain.ID: `{"id":1}`},
			"latest": {audit.ID: `{"reference":{"href":"` + address + `eu%2F42%3F","type":"CustomerState","key":"eu/42?","version":"` + s.Version + `"}}`, plain.ID: `{"reference":{"href":"https://events.example.com/v1/events/` + plain.ID + `"}}`},
			"this":   {audit.ID: `{"reference":{"href":"` + address + `eu%2F42%3F?version=` + s.Version + `","type":"CustomerState","key":"eu/42?","version":"` + s.Version + `"}}`},
		} {
			got := map[string]string{}
			for _, d := range b.fakes[target].deliveries() {
				e, err := event.ParseEnvelope(d.Envelope)
				if err != nil || d.Body != nil || e.ID != d.EventID {
					t.Fatalf("%s got %s, body %q, %v", target, d.Envelope, d.Body, err)
				}
				got[e.ID] = string(e.Detail)
			}
			for id, detail := range want {
				if got[id] != detail {
					t.Errorf("%s: got  %s\nwant %s", target, got[id], detail)
				}
			}
			if target == "latest" && !strings.Contains(got[dots.ID], address+"%2E%2E") {
				t.Errorf("the key ..: got %s", got[dots.ID])
			}
		}
	})
}

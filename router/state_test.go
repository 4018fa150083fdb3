package router

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/event"
	"signalbox/journal"
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

func TestAnAuditTellsTheStateOfItsObject(t *testing.T) {
	for _, tc := range []struct {
		name, detail, partition string
		key, state              string
		gone                    bool
	}{
		{"an id", `{"id":"eu/42.a","tier":"gold"}`, "", "eu/42.a", `{"id":"eu/42.a","tier":"gold"}`, false},
		{"a number", `{"id":42.0}`, "", "42.0", `{"id":42.0}`, false},
		{"data and metadata", `{"metadata":{"x":1},"data":{"id":"7"}}`, "", "7", `{"id":"7"}`, false},
		{"a partition key", `{"id":"42"}`, "p", "p", `{"id":"42"}`, false},
		{"deleted", `{"id":"42","deleted":true}`, "", "42", `{"id":"42","deleted":true}`, true},
		{"deleted by its metadata", `{"metadata":{"deleted":true},"id":"42"}`, "", "42", `{"metadata":{"deleted":true},"id":"42"}`, true},
		{"no data left", `{"id":"42","data":null}`, "", "42", `{"id":"42","data":null}`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, toNotified)
				b.start()
				defer b.stop()
				e := customer(tc.detail)
				e.Meta.PartitionKey = tc.partition
				b.send(order(1), e)
				s, err := b.router.State("CustomerState", tc.key, "")
				if err != nil {
					t.Fatal(err)
				}
				if s.EventID != e.ID || string(s.State) != tc.state || s.Gone != tc.gone || s.Source != "shop.customers" || !s.Updated.Equal(e.Meta.Received) {
					t.Errorf("got %+v, state %s", s, s.State)
				}
				b.settled()
			})
		})
	}
}

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

func TestVersionsOfAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		first, second, other := customer(`{"id":"1","n":1}`), customer(`{"id":"1","n":2}`), customer(`{"id":"2"}`)
		b.send(first)
		was, err := b.router.State("CustomerState", "1", "")
		if err != nil {
			t.Fatal(err)
		}
		b.send(second, other)
		is, err := b.router.State("CustomerState", "1", "")
		if err != nil || is.EventID != second.ID || is.Version <= was.Version {
			t.Fatalf("the latest: got %+v, %v", is, err)
		}
		old, err := b.router.State("CustomerState", "1", was.Version)
		if err != nil || old.EventID != first.ID || string(old.State) != `{"id":"1","n":1}` {
			t.Errorf("the version before: got %+v, %v", old, err)
		}
		foreign, err := b.router.State("CustomerState", "2", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []string{foreign.Version, "1", "x", "-1"} {
			if s, err := b.router.State("CustomerState", "1", version); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("version %q: got %+v, %v", version, s, err)
			}
		}
		states, more, err := b.router.States("CustomerState", "", "", 1)
		if err != nil || len(states) != 1 || !more || states[0].EventID != second.ID {
			t.Errorf("listed: %+v, %v, %v", states, more, err)
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
		s, err := b.router.State("CustomerState", "eu/42?", "")
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

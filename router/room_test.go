package router

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
)

// TestARoomIsEmptyForTheNext: nothing of a request is left in the room that another gets,
// and what does not fit has memory of its own.
func TestARoomIsEmptyForTheNext(t *testing.T) {
	r := newRoom(2)
	first := append(r.forMatched(), rules.Matched{Rule: &rules.Rule{Name: "first"}})
	r.keepMatched(first)
	many := r.forMatched()
	for range 2 * cap(r.matched) {
		many = append(many, rules.Matched{Rule: &rules.Rule{Name: "many"}})
	}
	r.keepMatched(many)
	second := append(r.forMatched(), rules.Matched{Rule: &rules.Rule{Name: "second"}})
	r.keepMatched(second)
	for want, got := range map[string][]rules.Matched{"first": first, "many": many, "second": second} {
		for _, m := range got {
			if m.Rule.Name != want {
				t.Errorf("%s became %s", want, m.Rule.Name)
			}
		}
	}
	one, rest := r.deliveriesFor(1), r.deliveriesFor(cap(r.deliveries)+1)
	one[0].Rule, rest[0].Rule = "one", "rest"
	one = append(one, journal.Delivery{Rule: "more"})
	if another := r.deliveriesFor(1); another[0].Rule != "" || one[0].Rule != "one" || r.deliveriesFor(0) != nil {
		t.Errorf("another delivery has %q", another[0].Rule)
	}
	r.plans = append(r.plans, plan{envelope: []byte("x")})
	plans, matched, deliveries := r.plans, r.matched, r.deliveries
	r.release()
	if plans[0].envelope != nil || deliveries[0].Rule != "" || matched[:cap(matched)][0].Rule != nil || matched[:cap(matched)][1].Rule != nil {
		t.Error("something of the request is left")
	}
}

// TestNoEventSeesAnothersBytes: many requests at once, decoded from memory that is used
// again at once; each target gets each event once and whole.
func TestNoEventSeesAnothersBytes(t *testing.T) {
	r, err := Embed("", Options{})
	if err != nil {
		t.Fatal(err)
	}
	const senders, requests = 8, 40
	var mu sync.Mutex
	got := [2]map[string]int{{}, {}}
	for k := range got {
		if _, err := r.Subscribe(fmt.Sprintf("to%d", k), `{"source": [{"prefix": "sender"}]}`, func(_ context.Context, e *event.Event) error {
			mu.Lock()
			defer mu.Unlock()
			got[k][e.Source+" "+e.DetailType+" "+string(e.Detail)]++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	r.Start()
	sent := map[string]int{}
	var running sync.WaitGroup
	for s := range senders {
		running.Go(func() {
			var body []byte
			for n := range requests {
				var events []string
				mu.Lock()
				for i := range 1 + (s+n)%10 {
					source, kind, detail := fmt.Sprintf("sender%d", s), fmt.Sprintf("Type%d", n), fmt.Sprintf(`{"n":%d,"pad":"%s"}`, i, strings.Repeat(string(rune('a'+s)), 50*(n%7)))
					sent[source+" "+kind+" "+detail]++
					events = append(events, fmt.Sprintf(`{"Source":%q,"DetailType":%q,"Detail":%q}`, source, kind, detail))
				}
				mu.Unlock()
				body = append(body[:0], `{"Entries":[`+strings.Join(events, ",")+`]}`...)
				batch, err := event.DecodePutEvents(body, event.Limits{})
				clear(body)
				if err != nil || r.Handle(t.Context(), batch.Events...) != nil {
					t.Error(err, "or not handled")
				}
			}
		})
	}
	running.Wait()
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for k := range got {
		for what, n := range got[k] {
			if sent[what] != n {
				t.Errorf("%d: got %d times %.80s, which was sent %d times", k, n, what, sent[what])
			}
		}
	}
	if n := len(got[0]) + len(got[1]); n == 0 {
		t.Error("nothing was delivered")
	}
}

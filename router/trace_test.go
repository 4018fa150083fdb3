package router

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/dlq"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/targets"
	"signalbox/trace"
)

// answers makes a fake answer with events, as an http target would.
func answers(body string) func(context.Context, *targets.Delivery) error {
	return func(_ context.Context, d *targets.Delivery) error {
		if d.Answer != nil {
			*d.Answer = targets.Answer{Status: 200, ContentType: "application/json", Body: []byte(body)}
		}
		d.Status = 200
		return nil
	}
}

const derives = `
targets:
  inventory: {type: http, url: "http://127.0.0.1:1/", reply: events, emits: [ItemReserved], retry: {max_attempts: 2, min_backoff: 1s, max_backoff: 1s}}
  mail: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 2, min_backoff: 1s, max_backoff: 1s}}
rules:
  - {name: reserve, pattern: {detail-type: [OrderCreated]}, targets: [inventory]}
  - {name: tell, pattern: {detail-type: [ItemReserved]}, targets: [mail]}
  - {name: watch, state: shadow, pattern: {detail-type: [OrderCreated]}, targets: [mail]}
  - {name: odd, pattern: {detail-type: [OrderCreated]}, when: 'detail.id.x == 1', targets: [mail]}
`

const reserved = `{"Entries":[{"Source":"shop.inventory","DetailType":"ItemReserved","Detail":"{\"sku\":7}"}]}`

func tracing(t *testing.T, text string) *bench {
	b := newBench(t, text)
	b.opts.Trace = true
	b.start()
	return b
}

func (b *bench) trace(id string) *trace.Trace {
	b.t.Helper()
	found, err := b.router.Traces.OfEvent(b.t.Context(), id, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func TestATraceShowsAllThatCameOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tracing(t, derives)
		defer b.stop()
		b.fakes["inventory"].say(answers(reserved))
		b.fakes["mail"].say(down)
		e := order(1)
		e.Meta.Format = event.FormatEventBridge
		b.send(e)
		b.settled()
		time.Sleep(5 * time.Second)
		b.settled()

		root := b.trace(e.ID).Roots[0]
		if len(root.Evaluations) != 2 || root.Evaluations[0].Rule != "odd" || root.Evaluations[0].Error == "" || root.Evaluations[1] != (journal.Said{Rule: "watch", State: "shadow"}) {
			t.Errorf("the evaluations are %+v", root.Evaluations)
		}
		if len(root.Deliveries) != 1 {
			t.Fatalf("%d deliveries, want 1", len(root.Deliveries))
		}
		d := root.Deliveries[0]
		if d.Rule != "reserve" || d.Target != "inventory" || d.State != journal.TouchDelivered || d.Status != 200 || d.Attempts != 1 || d.At.IsZero() {
			t.Errorf("the delivery is %+v", d)
		}
		if len(d.Derived) != 1 || len(root.Derived) != 0 {
			t.Fatalf("%d events derived by the delivery, and %d beside it, want 1 and 0", len(d.Derived), len(root.Derived))
		}
		next := d.Derived[0]
		if next.DetailType != "ItemReserved" || next.CausationID != e.ID || next.CorrelationID != e.ID || next.Hops != 1 {
			t.Errorf("the derived event is %+v", next)
		}
		if want := (event.Hop{EventID: e.ID, DetailType: "OrderCreated", Bus: "default", Rule: "reserve", Target: "inventory"}); len(next.Path) != 1 || next.Path[0] != want {
			t.Errorf("its path is %+v", next.Path)
		}
		dead := next.Deliveries[0]
		if dead.State != journal.TouchDead || len(dead.History) != 2 || dead.Death == nil || dead.Death.Code != targets.CodeConnectionFailure {
			t.Errorf("its delivery is %+v", dead)
		}

		b.fakes["mail"].say(nil)
		if _, err := b.router.DeadLetters.Redrive(t.Context(), dlq.Redrive{}); err != nil {
			t.Fatal(err)
		}
		b.settled()
		again := b.trace(next.ID).Roots[0].Deliveries[0]
		if again.ID != dead.ID || again.State != journal.TouchDelivered || again.Attempts != 3 || len(again.Redriven) != 1 || len(again.History) != 2 {
			t.Errorf("after the redrive it is %+v", again)
		}
	})
}

func TestATraceShowsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tracing(t, toA)
		defer b.stop()
		b.fakes["a"].say(down)
		e := order(1)
		b.send(e)
		b.settled()
		d := b.trace(e.ID).Roots[0].Deliveries[0]
		if d.State != journal.TouchWaiting || d.Attempts == 0 || len(d.History) != d.Attempts || !d.Due.After(time.Now()) {
			t.Errorf("the delivery is %+v", d)
		}
	})
}

func TestRepliesInEveryForm(t *testing.T) {
	envelope := `{"source":"s","detail-type":"T","detail":{}}`
	cloud := `{"specversion":"1.0","id":"ce","source":"s","type":"T","data":{}}`
	for name, test := range map[string]struct {
		answer targets.Answer
		want   int
		bad    string
	}{
		"nothing":            {answer: targets.Answer{}},
		"white space":        {answer: targets.Answer{ContentType: "text/plain", Body: []byte(" \n")}},
		"an empty list":      {answer: targets.Answer{ContentType: "application/json", Body: []byte("[ ]")}},
		"an envelope":        {answer: targets.Answer{ContentType: "application/json; charset=utf-8", Body: []byte(envelope)}, want: 1},
		"envelopes":          {answer: targets.Answer{ContentType: "application/json", Body: []byte("[" + envelope + "," + envelope + "]")}, want: 2},
		"a CloudEvent":       {answer: targets.Answer{ContentType: "application/cloudevents+json", Body: []byte(cloud)}, want: 1},
		"a batch":            {answer: targets.Answer{ContentType: "application/cloudevents-batch+json", Body: []byte("[" + cloud + "]")}, want: 1},
		"a binary one":       {answer: targets.Answer{Header: map[string][]string{"Ce-Specversion": {"1.0"}, "Ce-Id": {"x"}, "Ce-Source": {"s"}, "Ce-Type": {"T"}}}, want: 1},
		"a PutEvents":        {answer: targets.Answer{ContentType: "application/x-amz-json-1.1", Body: []byte(reserved)}, want: 1},
		"entries":            {answer: targets.Answer{ContentType: "application/json", Body: []byte(`[{"Source":"s","DetailType":"T","Detail":"{}"}]`)}, want: 1},
		"text":               {answer: targets.Answer{ContentType: "text/plain", Body: []byte("ok")}, bad: `its Content-Type is "text/plain"`},
		"no event":           {answer: targets.Answer{ContentType: "application/json", Body: []byte(`{"ok":true}`)}, bad: "unknown member"},
		"not JSON":           {answer: targets.Answer{ContentType: "application/json", Body: []byte(`{`)}, bad: "not valid JSON"},
		"too long":           {answer: targets.Answer{ContentType: "application/json", Body: make([]byte, targets.MaxAnswer), Cut: true}, bad: "longer than 262144 bytes: answer with fewer events"},
		"broken off":         {answer: targets.Answer{ContentType: "application/json", Body: []byte(envelope), Cut: true}, bad: "it broke off after 44 bytes"},
		"one of them broken": {answer: targets.Answer{ContentType: "application/json", Body: []byte("[" + envelope + `,{"source":"s"}]`)}, bad: "[1]: detail-type"},
	} {
		t.Run(name, func(t *testing.T) {
			evs, err := replied(&test.answer)
			if test.bad != "" {
				if err == nil || !strings.Contains(err.Error(), test.bad) {
					t.Errorf("error %v, want one with %q", err, test.bad)
				}
				return
			}
			if err != nil || len(evs) != test.want {
				t.Errorf("%d events, error %v, want %d", len(evs), err, test.want)
			}
		})
	}
}

func TestAReplyThatIsNoUseRestsDead(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"no event":     {`{"ok":true}`, "took the event, and its reply is no use"},
		"no such bus":  {`[{"Source":"s","DetailType":"T","Detail":"{}","EventBusName":"nope"}]`, "1 of its 1 events were refused"},
		"too many":     {"[" + strings.Repeat(`{"source":"s","detail-type":"T","detail":{}},`, 100) + `{}]`, "101 events"},
		"not valid at": {`[{"source":"s","detail-type":"T","detail":[]}]`, "detail"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := tracing(t, derives)
				defer b.stop()
				b.fakes["inventory"].say(answers(test.body))
				b.send(order(1))
				b.settled()
				page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
				if err != nil || len(page.Letters) != 1 {
					t.Fatalf("%d letters, %v", len(page.Letters), err)
				}
				l := page.Letters[0]
				if l.ErrorCode != targets.CodeInvalidReply || !strings.Contains(l.ErrorMessage, test.want) || l.Attempts != 1 || l.Snippet == "" {
					t.Errorf("the letter says %s: %s (%d attempts, answer %q)", l.ErrorCode, l.ErrorMessage, l.Attempts, l.Snippet)
				}
			})
		})
	}
}

func TestADeliveryMadeAgainDerivesTheSameEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tracing(t, derives)
		defer b.stop()
		b.fakes["inventory"].say(answers(reserved))
		b.send(order(1))
		b.settled()
		got := b.fakes["mail"].deliveries()
		if len(got) != 1 {
			t.Fatalf("%d deliveries of the derived event, want 1", len(got))
		}
		first := b.fakes["inventory"].deliveries()[0]
		if want := journal.DerivedID(first.ID, 0); got[0].EventID != want || got[0].Meta.DedupKey != first.ID+"/0" {
			t.Errorf("the derived event is %s with the key %s, want %s and %s/0", got[0].EventID, got[0].Meta.DedupKey, want, first.ID)
		}
	})
}

func TestACrashBeforeTheEndOfADeliveryDerivesTheSameEventAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, derives)
		b.disk, b.opts.Trace, b.opts.DedupWindow = journaltest.Crashable(), true, time.Hour
		b.start()
		defer b.stop()
		crashed := make(chan struct{})
		b.fakes["mail"].say(func(context.Context, *targets.Delivery) error { <-crashed; return nil })
		b.fakes["inventory"].say(answers(reserved))
		b.send(order(1))
		synctest.Wait() // the derived event is on disk, and the delivery's end waits for company
		b.disk = journaltest.Crash(b.disk, 0, nil)
		close(crashed)
		old := *b
		old.stop()

		b.start()
		b.settled()
		made := b.fakes["inventory"].deliveries()
		if len(made) != 2 || made[0].ID != made[1].ID {
			t.Fatalf("%d deliveries, want the same one twice", len(made))
		}
		if _, events := b.journal.Counters.Totals(); events.Accepted != 2 {
			t.Errorf("%d events were taken in, want the order and the derived one, once", events.Accepted)
		}
		if d := b.trace(made[0].EventID).Roots[0].Deliveries[0]; len(d.Derived) != 1 {
			t.Errorf("the delivery made again is %+v", d)
		}
		for _, d := range b.fakes["mail"].deliveries() {
			if d.EventID != journal.DerivedID(made[0].ID, 0) {
				t.Errorf("a derived event has the id %s", d.EventID)
			}
		}
	})
}

func TestDerivedEventsAreTakenThoughTheBacklogIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, derives)
		b.opts.MaxPending = 1
		b.start()
		defer b.stop()
		b.fakes["inventory"].say(answers(reserved))
		b.send(order(1))
		b.settled()
		if n := len(b.fakes["mail"].deliveries()); n != 1 || b.counts().Delivered != 2 {
			t.Errorf("%d derived deliveries, accounts %+v", n, b.counts())
		}
	})
}

func TestARuleSaysOtherwiseWhetherAnswersAreEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tracing(t, strings.Replace(derives, "targets: [inventory]", "targets: [{target: inventory, reply: none}]", 1))
		defer b.stop()
		b.fakes["inventory"].say(answers("not read"))
		b.send(order(1))
		b.settled()
		if c := b.counts(); c.Delivered != 1 || c.Dead != 0 {
			t.Errorf("accounts %+v", c)
		}
	})
}

func TestALoopOfThreeRulesIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", reply: events}
  b: {type: http, url: "http://127.0.0.1:1/", reply: events}
  c: {type: http, url: "http://127.0.0.1:1/", reply: events}
rules:
  - {name: one, pattern: {detail-type: [A]}, targets: [a]}
  - {name: two, pattern: {detail-type: [B]}, targets: [b]}
  - {name: three, pattern: {detail-type: [C]}, targets: [c]}
`)
		b.opts.Trace, b.opts.MaxHops = true, 9
		b.start()
		defer b.stop()
		for target, next := range map[string]string{"a": "B", "b": "C", "c": "A"} {
			b.fakes[target].say(answers(`{"source":"s","detail-type":"` + next + `","detail":{}}`))
		}
		e := &event.Event{Source: "s", DetailType: "A", Detail: []byte("{}")}
		b.send(e)
		b.settled()
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 10)
		if err != nil || len(page.Letters) != 1 {
			t.Fatalf("%d letters, %v", len(page.Letters), err)
		}
		l := page.Letters[0]
		const path = "the reply would be hop 10, and max_hops is 9: is there a loop in the rules? its path: A -[one > a]-> B -[two > b]-> C -[three > c]-> A, and so on"
		if l.ErrorCode != targets.CodeMaxHops || l.ErrorMessage != path {
			t.Errorf("the letter says %s: %s", l.ErrorCode, l.ErrorMessage)
		}
		if len(l.Path) != 9 || l.Path[0].EventID != e.ID || l.Path[8].DetailType != "C" {
			t.Errorf("its path is %+v", l.Path)
		}
		if n := b.trace(e.ID).Events; n != 10 {
			t.Errorf("the trace has %d events, want the first and 9 hops", n)
		}
	})
}

func TestAnEventBubbles(t *testing.T) {
	text := `
buses: {shop: {}, shop.eu: {}, shop.eu.orders: {bubble: true}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: r, bus: shop.eu.orders, pattern: {source: [s]}, targets: [a]}
  - {name: r, bus: shop.eu, STOP pattern: {source: [s]}, targets: [a]}
  - {name: r, bus: shop, pattern: {source: [s]}, targets: [a]}
`
	for stop, want := range map[string]string{"": "[shop.eu.orders shop.eu shop]", "stop_bubbling: true,": "[shop.eu.orders shop.eu]"} {
		t.Run(stop, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := tracing(t, strings.Replace(text, "STOP", stop, 1))
				defer b.stop()
				sent := func() *event.Event {
					return &event.Event{Source: "s", DetailType: "T", Detail: []byte("{}"), Meta: event.Metadata{Bus: "shop.eu.orders"}}
				}
				plan, err := b.router.Plan(t.Context(), sent())
				if err != nil || fmt.Sprint(plan.Buses) != want || plan.Deliveries != len(plan.Buses) {
					t.Errorf("the plan is by way of %v with %d deliveries (%v), want %s", plan.Buses, plan.Deliveries, err, want)
				}
				e := sent()
				b.send(e)
				b.settled()
				root := b.trace(e.ID).Roots[0]
				way, ids := []string{root.Bus}, map[string]bool{}
				way = append(way, root.Buses...)
				for _, d := range root.Deliveries {
					ids[d.ID] = true
				}
				for _, d := range b.fakes["a"].deliveries() {
					if !ids[d.ID] {
						t.Errorf("the delivery %s is not in the trace", d.ID)
					}
				}
				if fmt.Sprint(way) != want || len(ids) != len(way) {
					t.Errorf("the trace is by way of %v with %d deliveries, want %s", way, len(ids), want)
				}
			})
		})
	}
}

func TestATraceBeginsWhereAnEventWasFirstTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tracing(t, `
buses: {audit: {}}
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
  to-audit: {type: bus, bus: audit}
rules:
  - {name: copy, pattern: {source: [shop.orders]}, targets: [to-audit]}
  - {name: keep, bus: audit, pattern: {source: [shop.orders]}, targets: [a]}
`)
		defer b.stop()
		for _, id := range []string{"", "given"} {
			e := order(1)
			e.ID = id
			b.send(e)
			b.settled()
			trace := b.trace(e.ID)
			if root := trace.Roots[0]; trace.Events != 2 || root.Bus != "default" || len(root.Deliveries[0].Derived) != 1 || root.Deliveries[0].Derived[0].Bus != "audit" {
				t.Errorf("id %q: got %d events, the first %+v", id, trace.Events, root)
			}
		}
	})
}

func TestATraceIsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tracing(t, toA)
		defer b.stop()
		e := order(1)
		b.send(e)
		b.settled()
		text, err := json.Marshal(b.trace(e.ID))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"detail_type":"OrderCreated"`, `"state":"delivered"`, `"attempts":1`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %s", text, want)
			}
		}
	})
}

package remote

import (
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/trace"
)

// aTrace has one of everything.
func aTrace() *trace.Trace {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	derived := &trace.Event{
		ID: "e2", DetailType: "ItemReserved", Source: "shop.inventory", Bus: "default", Received: at, CorrelationID: "e1", CausationID: "e1",
		Deliveries: []*trace.Delivery{
			{ID: "d2", Rule: "tell", Bus: "default", Target: "mail", State: journal.TouchDead, Attempts: 1,
				Death: &journal.Death{At: at, Code: "TIMEOUT", Message: "late"}, Redriven: []time.Time{at}},
			{ID: "d3", Rule: "tell", Bus: "shop", Target: "mail", State: journal.TouchWaiting, Attempts: 1, Due: at,
				History: []journal.Attempt{{At: at, Attempt: 1, Code: "TIMEOUT", Message: `no "answer"`, TookMS: 2}}},
		},
	}
	return &trace.Trace{ID: "e1", Notes: []string{"there is more"}, Roots: []*trace.Event{{
		ID: "e1", DetailType: "OrderCreated", Source: "shop.orders", Bus: "shop.eu", Buses: []string{"shop"}, Received: at,
		Format: event.FormatJSON, Synthetic: true,
		Evaluations: []journal.Said{{Rule: "watch", State: "shadow"}, {Bus: "shop", Rule: "odd", Error: "no number"}, {Rule: "none", State: "enabled"}},
		Deliveries: []*trace.Delivery{{ID: "d1", Rule: "reserve", Bus: "shop.eu", Target: "inventory", State: journal.TouchDelivered,
			Attempts: 1, Status: 200, At: at, TookMS: 1.5, Derived: []*trace.Event{derived}}},
		Derived: []*trace.Event{{ID: "e3", DetailType: "Loose", Elsewhere: true}},
	}}}
}

func TestTraceForPeople(t *testing.T) {
	const want = `OrderCreated e1
├─ taken in 2026-01-02 03:04:05.006 UTC on bus shop.eu, then shop as json, source shop.orders, synthetic
├─ rule watch matched in state shadow: nothing is sent
├─ rule odd on bus shop: its condition failed: no number
├─ rule none matched and has no targets
├─ reserve -> inventory: delivered 200 2026-01-02 03:04:05.006, took 1.5ms, 1 attempt
│  └─ ItemReserved e2
│     ├─ taken in 2026-01-02 03:04:05.006 UTC on bus default, source shop.inventory
│     ├─ tell -> mail: dead TIMEOUT, 1 attempt
│     │  ├─ redriven 2026-01-02 03:04:05.006
│     │  └─ dead letter d2 since 2026-01-02 03:04:05.006: late
│     └─ tell (bus shop) -> mail: waiting until 2026-01-02 03:04:05.006, 1 attempt
│        └─ attempt 1  2026-01-02 03:04:05.006  TIMEOUT  no "answer"  (2ms)
└─ Loose e3 (shown elsewhere)

note: there is more
`
	if got := treeOf(aTrace()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTraceAsMermaid(t *testing.T) {
	got := mermaidOf(aTrace())
	for _, want := range []string{
		"flowchart LR\n  e0([\"OrderCreated<br/>e1\"])\n",
		"  e0 -.-> n2[\"rule odd on bus shop: its condition failed: no number\"]\n",
		"  e0 -->|\"reserve\"| d4[\"inventory<br/>delivered 200 2026-01-02 03:04:05.006, took 1.5ms, 1 attempt\"]\n",
		"  d4 --> e1\n", ":::dead\n", ":::waiting\n", "  %% there is more\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
	deep := &trace.Trace{Roots: []*trace.Event{
		{ID: "e1", DetailType: "A", Derived: []*trace.Event{{ID: "e2", DetailType: "B", Elsewhere: true}}},
		{ID: "e2", DetailType: "B", Derived: []*trace.Event{{ID: "e3", DetailType: "C"}}},
	}}
	if got := mermaidOf(deep); !strings.Contains(got, "  e0 --> e1\n") || !strings.Contains(got, "  e1 --> e2\n") || strings.Count(got, "([") != 3 {
		t.Errorf("what is shown in a tree of its own is not joined: %s", got)
	}
	if got := mermaidText("say \"#1\"\n"); got != `"say #quot;#35;1#quot; "` {
		t.Errorf("got %s", got)
	}
}

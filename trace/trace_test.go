package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/archive/past"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// kept is a journal in memory, with the reader of its traces.
type kept struct {
	*Reader
	t *testing.T
}

func open(t *testing.T, keep bool) *kept {
	t.Helper()
	j, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	j.Traces.Keep(keep)
	return &kept{Reader: NewReader(j, past.Of(j.Events, j.Seqs), func(journal.LaneID) string { return "mail" }), t: t}
}

// accept appends events as the router does, with as many deliveries each.
func (s *kept) accept(deliveries int, evs ...*event.Event) {
	s.t.Helper()
	lane, err := s.journal.Lanes.Lane("mail")
	if err != nil {
		s.t.Fatal(err)
	}
	at := s.journal.Seqs.Reserve(len(evs))
	defer at.Release()
	entries := make([]journal.Entry, len(evs))
	for i, e := range evs {
		r := journal.Record{Seq: at.At(i), GivenID: e.ID}
		if e.ID == "" {
			e.ID = journal.NewEventID(r.Seq)
		}
		if e.Meta.Bus == "" {
			e.Meta.Bus = "default"
		}
		if r.Meta, err = e.Meta.AppendBinary(nil); err != nil {
			s.t.Fatal(err)
		}
		r.Envelope = e.AppendEnvelope(nil)
		entries[i] = journal.Entry{Record: r, Story: journal.Story{Correlation: e.Meta.CorrelationID, Causation: e.Meta.CausationID}}
		for n := range deliveries {
			entries[i].Deliveries = append(entries[i].Deliveries, journal.Delivery{
				Seq: r.Seq, N: uint16(n), Lane: lane, State: journal.Ready, Rule: "tell", RuleTarget: fmt.Sprint("mail-", n),
			})
		}
	}
	if err := s.journal.Append(entries); err != nil {
		s.t.Fatal(err)
	}
}

func order(n int) *event.Event {
	return &event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: fmt.Appendf(nil, `{"id":%d}`, n)}
}

// end moves the n-th delivery of an event to its next state, or end.
func (s *kept) end(e *event.Event, n uint16, answered journal.Answered, to func(*journal.Delivery), end journal.End) {
	s.t.Helper()
	found, err := s.Event(e.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	for lane := range s.lanes() {
		d, err := s.journal.Deliveries.Find(journal.Delivery{Seq: found.Seq, N: n, Lane: lane, State: journal.Ready})
		if err != nil {
			s.t.Fatal(err)
		}
		m := journal.Move{From: d.Delivery, End: end, Answered: answered}
		if to != nil {
			next := d.Delivery
			to(&next)
			m.To, m.Record = &next, &d.Record
		}
		if err := s.journal.MoveSync([]journal.Move{m}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *kept) lanes() map[journal.LaneID]bool {
	all := map[journal.LaneID]bool{}
	for _, id := range s.journal.Lanes.All() {
		all[id] = true
	}
	return all
}

func TestATraceShowsWhatBecameOfDeliveries(t *testing.T) {
	s := open(t, true)
	e, next := order(1), order(2)
	e.ID = "cause"
	next.Meta.CausationID, next.Meta.CorrelationID = "cause", "cause"
	s.accept(4, e)
	s.accept(0, next)
	first, err := s.Event(e.ID)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := s.Event(next.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := first.Seq.Time().Add(time.Second)
	s.end(e, 0, journal.Answered{At: at, Took: 20 * time.Millisecond, Status: 204, Derived: []journal.Seq{derived.Seq}}, nil, journal.Delivered)
	s.end(e, 1, journal.Answered{At: at, Status: 500}, func(d *journal.Delivery) {
		d.State, d.Attempts, d.Due = journal.Waiting, 1, at.Add(time.Hour)
		d.Remember(journal.Attempt{At: at, Attempt: 1, Code: "INTERNAL_ERROR", Status: 500})
	}, journal.NotEnded)
	s.end(e, 2, journal.Answered{}, func(d *journal.Delivery) {
		d.State, d.Death = journal.Dead, &journal.Death{At: at, Code: "NO_RESOURCE", Message: "gone"}
	}, journal.NotEnded)
	for name, ask := range map[string]func() (*Trace, error){
		"event":       func() (*Trace, error) { return s.OfEvent(t.Context(), "cause", 0) },
		"correlation": func() (*Trace, error) { return s.OfCorrelation("cause", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			if got.Events != 2 || len(got.Roots) != 1 || len(got.Notes) != 0 || len(got.Roots[0].Deliveries) != 4 {
				t.Fatalf("got %+v", got)
			}
			d := got.Roots[0].Deliveries
			if d[0].State != journal.TouchDelivered || d[0].Status != 204 || d[0].Attempts != 1 || d[0].TookMS != 20 || !d[0].At.Equal(at) ||
				d[0].Target != "mail" || d[0].Bus != "default" || len(d[0].Derived) != 1 || d[0].Derived[0].ID != next.ID || len(got.Roots[0].Derived) != 0 {
				t.Errorf("the delivered one is %+v", d[0])
			}
			if d[1].State != journal.TouchWaiting || !d[1].Due.Equal(at.Add(time.Hour)) || len(d[1].History) != 1 || d[1].Status != 0 {
				t.Errorf("the one that waits is %+v", d[1])
			}
			if d[2].State != journal.TouchDead || d[2].Death == nil || d[2].Death.Message != "gone" {
				t.Errorf("the dead one is %+v", d[2])
			}
			if d[3].State != journal.TouchReady || d[3].Attempts != 0 {
				t.Errorf("the ready one is %+v", d[3])
			}
		})
	}
}

func TestWithoutTracesNothingIsKept(t *testing.T) {
	s := open(t, false)
	e := order(1)
	s.accept(1, e)
	s.end(e, 0, journal.Answered{At: time.Now()}, nil, journal.Delivered)
	got, err := s.OfEvent(t.Context(), e.ID, 0)
	if err != nil || len(got.Roots[0].Deliveries) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "trace: off") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestATraceOfManyEventsIsCut(t *testing.T) {
	s := open(t, true)
	for range 25 {
		var evs []*event.Event
		for i := range 100 {
			e := order(i)
			e.Meta.CorrelationID = "many"
			evs = append(evs, e)
		}
		s.accept(0, evs...)
	}
	for limit, want := range map[int]int{0: DefaultEvents, 10: 10, 5000: 2500} {
		got, err := s.OfCorrelation("many", limit)
		if err != nil {
			t.Fatal(err)
		}
		if got.Events != want || len(got.Roots) != want || got.Known != 2500 || got.Truncated != (want < 2500) {
			t.Errorf("limit %d: %d events, %d roots of %d known, truncated %t", limit, got.Events, len(got.Roots), got.Known, got.Truncated)
		}
		if cut := len(got.Notes) == 1 && strings.Contains(got.Notes[0], fmt.Sprintf("only the first %d of 2500 events are shown", want)); cut != got.Truncated {
			t.Errorf("limit %d: the notes are %q", limit, got.Notes)
		}
	}
	_, ofCorrelation := s.OfCorrelation("other", 0)
	_, ofEvent := s.OfEvent(t.Context(), "other", 0)
	if !errors.Is(ofCorrelation, journal.ErrNotFound) || !errors.Is(ofEvent, journal.ErrNotFound) {
		t.Errorf("an unknown id: %v, %v", ofCorrelation, ofEvent)
	}
}

// Readers of JSON refuse what is nested too deep, and a trace in memory holds
// nothing of what its events carry.
func TestATraceOfALongChainIsNoDeeperThanReadersOfJSONGo(t *testing.T) {
	s := open(t, true)
	const links = 3 * maxDepth
	for i := range links {
		e := order(i)
		e.ID, e.Meta.CorrelationID = fmt.Sprint("link-", i), "chain"
		if i > 0 {
			e.Meta.CausationID = fmt.Sprint("link-", i-1)
		}
		s.accept(1, e)
	}
	for name, ask := range map[string]func() (*Trace, error){
		"correlation": func() (*Trace, error) { return s.OfCorrelation("chain", 0) },
		"event":       func() (*Trace, error) { return s.OfEvent(t.Context(), "link-0", 0) },
	} {
		got, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		if got.Events != links || len(got.Roots) != 3 || got.Truncated {
			t.Errorf("%s: %d events in %d trees, truncated %t; want %d in 3", name, got.Events, len(got.Roots), got.Truncated, links)
		}
		last := got.Roots[0]
		for len(last.Derived) > 0 {
			last = last.Derived[0]
		}
		if !last.Elsewhere || last.ID != got.Roots[1].ID {
			t.Errorf("%s: the first tree ends with %s, elsewhere %t; the second begins with %s", name, last.ID, last.Elsewhere, got.Roots[1].ID)
		}
		text, err := json.Marshal(got)
		if err != nil || nesting(text) > 256 {
			t.Errorf("%s: nested %d deep (%v)", name, nesting(text), err)
		}
	}
	cut, err := s.OfEvent(t.Context(), "link-0", maxDepth)
	if err != nil || cut.Events != maxDepth || !cut.Truncated {
		t.Errorf("a trace that ends where its tree does: %d events, truncated %t (%v)", cut.Events, cut.Truncated, err)
	}
	cause, err := s.OfEvent(t.Context(), "link-149", 0)
	if err != nil || cause.Events != 1 || len(cause.Notes) != 0 {
		t.Errorf("the last link: %+v (%v)", cause, err)
	}
}

// nesting returns how deep a text in JSON goes, whose texts hold no brackets.
func nesting(text []byte) (deepest int) {
	depth := 0
	for _, c := range text {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

func TestACauseThatIsGoneIsNoted(t *testing.T) {
	s := open(t, true)
	e := order(1)
	e.Meta.CausationID = "dropped"
	s.accept(0, e)
	got, err := s.OfEvent(t.Context(), e.ID, 0)
	if err != nil || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "the event that caused "+e.ID+" (dropped) is not kept") {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestATreeHoldsNothingOfWhatEventsCarry(t *testing.T) {
	s := open(t, true)
	e := order(1)
	e.Meta.Extensions = []event.Attribute{{Name: "subject", Value: `"s"`}}
	s.accept(0, e)
	found, err := s.Event(e.ID)
	if err != nil || string(found.Parsed.Detail) != `{"id":1}` {
		t.Fatal(found, err)
	}
	held, err := s.newTree(e.ID, 0).stored(found.Seq)
	if err != nil || held.Event != nil || held.Parsed.Detail != nil || held.Parsed.Meta.Extensions != nil {
		t.Errorf("it holds %+v (%v)", held, err)
	}
}

package diff

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"

	"signalbox/journal"
	"signalbox/router/render"
	"signalbox/rules"
)

// worker compares one event after the other.
type worker struct {
	*comparison
	*tally
	matched []rules.Matched
	// planned are the slots of the deliveries of one event on each side.
	planned      [2][]int
	lost, gained []int
}

// look compares what both sides make of an event, and counts it.
func (w *worker) look(r *journal.Record) {
	w.read++
	e, err := eventOf(r)
	if err != nil {
		w.unreadable++
		return
	}
	if !w.chooses(&e) {
		return
	}
	if e.Meta.Synthetic {
		w.synthetic++
		return
	}
	w.events++
	for i := range w.sides {
		w.planned[i] = w.plan(&w.sides[i], &e, w.planned[i][:0])
	}
	if w.sides[before].Set != nil {
		w.note(&e)
	}
	w.compare(&e, r)
}

// chooses reports whether an event is one of those that are asked for.
func (w *worker) chooses(e *render.Event) bool {
	if w.Bus != "" && w.Bus != busOf(e) {
		return false
	}
	if w.Pattern == nil {
		return true
	}
	matches, err := w.Pattern.Match(e.Envelope)
	return err == nil && matches
}

func busOf(e *render.Event) string { return cmp.Or(e.Meta.Bus, rules.DefaultBus) }

// plan appends the slots of the deliveries that one side plans, in order.
func (w *worker) plan(s *side, e *render.Event, numbers []int) []int {
	if s.Set == nil {
		return numbers
	}
	w.matched = s.Set.Match(e.Event, e.Envelope, w.matched[:0])
	for _, m := range w.matched {
		if m.Err == nil {
			numbers = append(numbers, s.slots[m.Rule]...)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// note counts what the candidate would do to whole events.
func (w *worker) note(e *render.Event) {
	had, has := len(w.planned[before]) > 0, len(w.planned[after]) > 0
	switch {
	case had && !has:
		w.silenced++
	case has && !had:
		w.roused++
	}
	bus := busOf(e)
	if _, known := w.After.Buses[bus]; !known {
		if _, known = w.Before.Buses[bus]; known {
			w.refused[bus]++
		}
	}
}

// compare counts the deliveries of one event.
func (w *worker) compare(e *render.Event, r *journal.Record) {
	b, a := w.planned[before], w.planned[after]
	w.deliveries[before] += len(b)
	w.deliveries[after] += len(a)
	w.lost, w.gained = w.lost[:0], w.gained[:0]
	for len(b) > 0 || len(a) > 0 {
		switch {
		case len(a) == 0 || len(b) > 0 && b[0] < a[0]:
			w.lost, b = append(w.lost, b[0]), b[1:]
		case len(b) == 0 || a[0] < b[0]:
			w.gained, a = append(w.gained, a[0]), a[1:]
		default:
			if s := &w.slots[b[0]]; !s.alike && w.differs(s, s, e) {
				w.count(b[0], Changed, r)
			}
			b, a = b[1:], a[1:]
		}
	}
	w.pair(e, r)
	for _, n := range w.lost {
		w.count(n, Lost, r)
	}
	for _, n := range w.gained {
		w.count(n, Gained, r)
	}
}

// maxPairs bounds the work of pair for one event. Beyond it, what was moved counts as lost and
// gained.
const maxPairs = 4096

// pair takes deliveries out of those that are lost and gained which are the same but for the
// rule that makes them: it was renamed, split, or joined with another.
func (w *worker) pair(e *render.Event, r *journal.Record) {
	if len(w.lost)*len(w.gained) > maxPairs {
		return
	}
	w.gained = slices.DeleteFunc(w.gained, func(g int) bool {
		i := slices.IndexFunc(w.lost, func(l int) bool {
			return w.slots[l].target == w.slots[g].target && !w.differs(&w.slots[l], &w.slots[g], e)
		})
		if i < 0 {
			return false
		}
		w.lost = slices.Delete(w.lost, i, i+1)
		w.count(g, Moved, r)
		return true
	})
}

// differs reports whether the delivery of one slot before carries something else than that of
// another after.
func (w *worker) differs(b, a *slot, e *render.Event) bool {
	return !reflect.DeepEqual(b.entries[before].HTTPParameters, a.entries[after].HTTPParameters) ||
		!same(w.delivery(before, b, e), w.delivery(after, a, e))
}

// same reports whether two deliveries carry the same.
func same(b, a render.Delivery) bool {
	return b.Notice == a.Notice && b.Key == a.Key && (b.Body == nil) == (a.Body == nil) && bytes.Equal(b.Body, a.Body) &&
		errorText(b.Err) == errorText(a.Err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

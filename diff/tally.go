package diff

import (
	"cmp"
	"slices"

	"signalbox/journal"
)

// Change is in what way a delivery differs.
type Change string

// The changes. A delivery that was moved is made by another rule, to the same target with the
// same content.
const (
	Gained  Change = "gained"
	Lost    Change = "lost"
	Changed Change = "changed"
	Moved   Change = "moved"
)

// maxHeld bounds what the samples of one tally hold, in bytes of events.
const maxHeld = 8 << 20

// tally is what was counted of a number of events.
type tally struct {
	read, events, synthetic, unreadable int
	deliveries                          [2]int
	// silenced are the events that had deliveries and would have none, roused the opposite.
	silenced, roused int
	// refused are the events of buses that the candidate does not have.
	refused map[string]int
	changes map[key]*found
	held    int // bytes
	samples int // of each key
}

// key is a slot and in what way its deliveries differ.
type key struct {
	slot   int
	change Change
}

// found is how many deliveries differ, and some of their events, the oldest first.
type found struct {
	n      int
	events []journal.Record
}

func (c *comparison) newTally() *tally {
	return &tally{refused: map[string]int{}, changes: map[key]*found{}, samples: c.Samples}
}

// count counts a delivery that differs.
func (t *tally) count(slot int, change Change, r *journal.Record) {
	k := key{slot, change}
	f := t.changes[k]
	if f == nil {
		f = &found{}
		t.changes[k] = f
	}
	f.n++
	if change != Moved && len(f.events) < t.samples {
		t.hold(f, []journal.Record{*r}, t.samples)
	}
}

// merge adds what another tally counted.
func (t *tally) merge(other *tally, samples int) {
	t.read += other.read
	t.events += other.events
	t.synthetic += other.synthetic
	t.unreadable += other.unreadable
	t.silenced += other.silenced
	t.roused += other.roused
	for i := range t.deliveries {
		t.deliveries[i] += other.deliveries[i]
	}
	for bus, n := range other.refused {
		t.refused[bus] += n
	}
	for k, f := range other.changes {
		into := t.changes[k]
		if into == nil {
			into = &found{}
			t.changes[k] = into
		}
		into.n += f.n
		t.hold(into, f.events, samples)
	}
}

// hold takes events over as samples, the oldest as many as there may be.
func (t *tally) hold(into *found, events []journal.Record, samples int) {
	all := slices.Concat(into.events, events)
	slices.SortFunc(all, func(a, b journal.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	all = all[:min(len(all), samples)]
	held := t.held - sizeOf(into.events) + sizeOf(all)
	if held > maxHeld {
		return
	}
	into.events, t.held = all, held
}

func sizeOf(events []journal.Record) (bytes int) {
	for i := range events {
		bytes += len(events[i].Envelope) + len(events[i].Meta)
	}
	return bytes
}

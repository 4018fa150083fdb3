package dedup

import (
	"context"
	"slices"

	"signalbox/event"
	"signalbox/journal"
)

// once is a request whose events may be repeats: of accepted ones, of those of
// requests under way, or of one another.
type once struct {
	events []*event.Event
	// prints are the fingerprints of the events that are the first of their content in
	// the request; nil for others, and where an event can't be a repeat.
	prints []*journal.Fingerprint
	// firstAt is the place of an event's first in the request, its own for most.
	firstAt []int
	// alike are the places of events with one fingerprint and different contents.
	alike map[journal.Fingerprint][]int
	// known are the accepted events that are repeated here.
	known map[int]journal.First
	// reused holds the events whose ids are known with other content, marks what is written so
	// that the contents can be told apart.
	reused map[int]bool
	marks  map[int][]journal.Mark
}

// Fresh is what is to be written with an event, so that its repeats are known.
type Fresh struct {
	Print *journal.Fingerprint // nil for an event that can't be repeated
	Marks []journal.Mark
}

// Outcome is what came of events that may have been repeats.
type Outcome struct {
	// Errs has an entry for each event: nil where it was accepted or is a repeat, which
	// has the id of its first then, and Duplicate set.
	Errs []error
	// Repeated has the event that came first for each repeat.
	Repeated []journal.Seq
	// Reused are accepted events with the id of another of other content.
	Reused []*event.Event
}

// Once calls take with those of the events that are no repeats, and what is to be
// written with them. A repeat is answered when its first is on disk, and not before.
// take may get no event at all. The error is that of take, of ctx, or of the journal.
func (d *Filter) Once(ctx context.Context, evs []*event.Event, take func([]*event.Event, []Fresh) ([]error, error)) (out Outcome, err error) {
	if d == nil {
		out.Errs, err = take(evs, nil)
		return out, err
	}
	o, own := newOnce(evs, event.Sender(ctx))
	seen, release, err := d.claim(ctx, own)
	if err != nil {
		return out, err
	}
	defer release()
	if err := o.lookUp(d, own, seen); err != nil {
		return out, err
	}
	accepted, prints, at := o.fresh()
	errs, err := take(accepted, prints)
	if err != nil {
		return out, err
	}
	out.Errs, out.Repeated = o.answer(errs, at)
	for i := range o.reused {
		if _, known := o.known[i]; !known && out.Errs[i] == nil {
			out.Reused = append(out.Reused, evs[i])
		}
	}
	return out, nil
}

// newOnce finds the repeats within a request, and returns the fingerprints of the
// rest, each once.
func newOnce(evs []*event.Event, sender string) (o *once, own []*journal.Fingerprint) {
	o = &once{
		events: evs, prints: make([]*journal.Fingerprint, len(evs)), firstAt: make([]int, len(evs)),
		known: map[int]journal.First{}, reused: map[int]bool{}, marks: map[int][]journal.Mark{},
	}
	firsts := make(map[journal.Fingerprint]int, len(evs))
	for i, e := range evs {
		o.firstAt[i] = i
		f := fingerprint(e, sender)
		if f == nil {
			continue
		}
		at, again := firsts[*f]
		if !again {
			firsts[*f], o.prints[i] = i, f
			own = append(own, f)
			continue
		}
		if o.firstAt[i] = o.alikeTo(f, at, e); o.firstAt[i] < 0 {
			o.firstAt[i], o.prints[i] = i, f
			o.differ(f, at, i)
		}
	}
	return o, own
}

// alikeTo returns the place of the event that one repeats, of those with its
// fingerprint, the first of which is at a place; -1 if its content is another.
func (o *once) alikeTo(f *journal.Fingerprint, at int, e *event.Event) int {
	if !byContent(e) || sameContent(f, o.events[at], e) {
		return at
	}
	for _, k := range o.alike[*f] {
		if sameContent(f, o.events[k], e) {
			return k
		}
	}
	return -1
}

// differ notes that two events of a fingerprint have different contents.
func (o *once) differ(f *journal.Fingerprint, first, i int) {
	if o.alike == nil {
		o.alike = map[journal.Fingerprint][]int{}
	}
	o.alike[*f] = append(o.alike[*f], i)
	o.reused[i] = true
	for _, k := range [...]int{first, i} {
		o.marks[k] = []journal.Mark{{Fingerprint: contentPrint(f, o.events[k])}}
	}
}

// lookUp finds the accepted events that are repeated.
func (o *once) lookUp(d *Filter, own []*journal.Fingerprint, seen []bool) error {
	if !slices.Contains(seen, true) {
		return nil
	}
	look := make(map[journal.Fingerprint]bool, len(own))
	for i, f := range own {
		look[*f] = seen[i]
	}
	for i, f := range o.prints {
		if f == nil || !look[*f] {
			continue
		}
		first, known, marks, err := d.find(f, o.events[i])
		if err != nil {
			return err
		}
		if known {
			o.known[i] = first
		}
		if marks != nil {
			o.marks[i], o.reused[i] = marks, true
		}
	}
	return nil
}

// fresh returns the events that are to be accepted, and their places.
func (o *once) fresh() (evs []*event.Event, prints []Fresh, at []int) {
	for i, e := range o.events {
		if _, ok := o.known[i]; ok || o.firstAt[i] != i {
			continue
		}
		evs, prints, at = append(evs, e), append(prints, Fresh{o.prints[i], o.marks[i]}), append(at, i)
	}
	return evs, prints, at
}

// answer puts together what came of the events accepted and of the repeats. The
// repeat of an event that was refused is refused with it.
func (o *once) answer(errs []error, at []int) (all []error, repeated []journal.Seq) {
	all = make([]error, len(o.events))
	for k, i := range at {
		all[i] = errs[k]
	}
	for i, e := range o.events {
		first := o.firstAt[i]
		was, known := o.known[first]
		if !known && first == i {
			continue
		}
		if all[i] = all[first]; all[i] != nil {
			continue
		}
		if !known {
			was = journal.First{Seq: journal.SeqAt(o.events[first].Meta.Received), ID: o.events[first].ID}
		}
		e.ID, e.Duplicate = was.ID, true
		repeated = append(repeated, was.Seq)
	}
	return all, repeated
}

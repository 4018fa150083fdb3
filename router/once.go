package router

import (
	"context"
	"slices"

	"go.uber.org/zap"

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
	// known are the ids of accepted events that are repeated here.
	known map[int]string
	// reused says of which events the id is known with other content, marks what is
	// written so that the contents can be told apart.
	reused map[int]bool
	marks  map[int][]journal.Mark
}

// fresh is an event's fingerprint, with what is to be written besides it.
type fresh struct {
	print *journal.Fingerprint
	marks []journal.Mark
}

// acceptOnce accepts those events that are no repeats. A repeat is answered when its
// first is on disk, and not before.
func (r *Router) acceptOnce(ctx context.Context, evs []*event.Event, planned func(*event.Event) error) ([]error, error) {
	return r.once(ctx, evs, func(evs []*event.Event, prints []fresh) ([]error, error) {
		if len(evs) > 0 {
			return r.accept(ctx, evs, prints, planned)
		}
		if r.gate.closed.Load() {
			return nil, ErrStopping
		}
		return nil, nil
	})
}

// takeOnce is take for events of which those are left out that were accepted before,
// by another attempt at the delivery that led to them.
func (r *Router) takeOnce(ctx context.Context, evs []*event.Event) ([]error, error) {
	if r.dedup == nil {
		return r.take(evs, nil, nil)
	}
	return r.once(ctx, evs, func(evs []*event.Event, prints []fresh) ([]error, error) {
		return r.take(evs, prints, nil)
	})
}

// once calls take with the events that are no repeats, and their fingerprints.
func (r *Router) once(ctx context.Context, evs []*event.Event, take func([]*event.Event, []fresh) ([]error, error)) ([]error, error) {
	o, own := newOnce(evs, event.Sender(ctx))
	seen, release, err := r.dedup.claim(ctx, own)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := o.lookUp(r.dedup, own, seen); err != nil {
		return nil, err
	}
	accepted, prints, at := o.fresh()
	errs, err := take(accepted, prints)
	if err != nil {
		return nil, err
	}
	all, duplicates := o.answer(errs, at)
	if duplicates > 0 {
		r.metrics.duplicates.Add(float64(duplicates))
		r.journal.CountDuplicates(duplicates)
	}
	for i := range o.reused {
		if _, known := o.known[i]; !known && all[i] == nil {
			r.warnReused(evs[i])
		}
	}
	return all, nil
}

// warnReused warns of an accepted event whose id another event has, once a minute.
func (r *Router) warnReused(e *event.Event) {
	r.metrics.reused.Inc()
	r.reused.Do(func() {
		r.log.Warn("an event has the id and the source of another with other content; both are accepted: give each event an id of its own",
			zap.String("bus", e.Meta.Bus), zap.String("source", e.Source), zap.String("detail_type", e.DetailType), zap.String("id", e.ID))
	})
}

// newOnce finds the repeats within a request, and returns the fingerprints of the
// rest, each once.
func newOnce(evs []*event.Event, sender string) (o *once, own []*journal.Fingerprint) {
	o = &once{
		events: evs, prints: make([]*journal.Fingerprint, len(evs)), firstAt: make([]int, len(evs)),
		known: map[int]string{}, reused: map[int]bool{}, marks: map[int][]journal.Mark{},
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
func (o *once) lookUp(d *dedup, own []*journal.Fingerprint, seen []bool) error {
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
		id, known, marks, err := d.find(f, o.events[i])
		if err != nil {
			return err
		}
		if known {
			o.known[i] = id
		}
		if marks != nil {
			o.marks[i], o.reused[i] = marks, true
		}
	}
	return nil
}

// fresh returns the events that are to be accepted, and their places.
func (o *once) fresh() (evs []*event.Event, prints []fresh, at []int) {
	for i, e := range o.events {
		if _, ok := o.known[i]; ok || o.firstAt[i] != i {
			continue
		}
		evs, prints, at = append(evs, e), append(prints, fresh{o.prints[i], o.marks[i]}), append(at, i)
	}
	return evs, prints, at
}

// answer puts together what came of the events accepted and of the repeats. The
// repeat of an event that was refused is refused with it.
func (o *once) answer(errs []error, at []int) (all []error, duplicates int) {
	all = make([]error, len(o.events))
	for k, i := range at {
		all[i] = errs[k]
	}
	for i, e := range o.events {
		first := o.firstAt[i]
		id, known := o.known[first]
		if !known && first == i {
			continue
		}
		if all[i] = all[first]; all[i] != nil {
			continue
		}
		if !known {
			id = o.events[first].ID
		}
		e.ID, e.Duplicate = id, true
		duplicates++
	}
	return all, duplicates
}

package router

import (
	"context"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
)

// once is a request whose events may be repeats: of accepted ones, of those of
// requests under way, or of one another.
type once struct {
	events []*event.Event
	prints []*journal.Fingerprint // nil where an event can't be a repeat
	// firstAt is the place of an event's first in the request, its own for most.
	firstAt []int
	// known holds the ids of accepted events that are repeated here.
	known map[int]string
}

// acceptOnce takes in those events that are no repeats. A repeat is answered
// when its first is on disk, and not before.
func (r *Router) acceptOnce(ctx context.Context, evs []*event.Event, planned func(*event.Event) error) ([]error, error) {
	return r.once(ctx, evs, func(fresh []*event.Event, prints []*journal.Fingerprint) ([]error, error) {
		if len(fresh) > 0 {
			return r.accept(ctx, fresh, prints, planned)
		}
		if r.gate.closed.Load() {
			return nil, ErrStopping
		}
		return nil, nil
	})
}

// takeOnce is take for events of which those are left out that were taken in
// before, by another attempt at the delivery that led to them.
func (r *Router) takeOnce(ctx context.Context, evs []*event.Event) ([]error, error) {
	if r.dedup == nil {
		return r.take(evs, nil, nil)
	}
	return r.once(ctx, evs, func(fresh []*event.Event, prints []*journal.Fingerprint) ([]error, error) {
		return r.take(fresh, prints, nil)
	})
}

// once calls take with the events that are no repeats, and their fingerprints.
func (r *Router) once(ctx context.Context, evs []*event.Event, take func([]*event.Event, []*journal.Fingerprint) ([]error, error)) ([]error, error) {
	o, own := newOnce(evs)
	seen, release, err := r.dedup.claim(ctx, own)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := o.lookUp(r.dedup, seen); err != nil {
		return nil, err
	}
	fresh, prints, at := o.fresh()
	errs, err := take(fresh, prints)
	if err != nil {
		return nil, err
	}
	all, duplicates := o.answer(errs, at)
	if duplicates > 0 {
		r.metrics.duplicates.Add(float64(duplicates))
		r.journal.CountDuplicates(duplicates)
	}
	return all, nil
}

// newOnce finds the repeats within a request, and gives the fingerprints of the
// rest.
func newOnce(evs []*event.Event) (o *once, own []*journal.Fingerprint) {
	o = &once{events: evs, prints: make([]*journal.Fingerprint, len(evs)), firstAt: make([]int, len(evs)), known: map[int]string{}}
	firsts := make(map[journal.Fingerprint]int, len(evs))
	for i, e := range evs {
		o.firstAt[i] = i
		if e.Meta.Bus == "" {
			e.Meta.Bus = rules.DefaultBus
		}
		f := fingerprint(e)
		if f == nil {
			continue
		}
		if at, ok := firsts[*f]; ok {
			o.firstAt[i] = at
			continue
		}
		firsts[*f], o.prints[i] = i, f
		own = append(own, f)
	}
	return o, own
}

// lookUp finds the accepted events that are repeated.
func (o *once) lookUp(d *dedup, seen []bool) error {
	next := 0
	for i, f := range o.prints {
		if f == nil {
			continue
		}
		look := seen[next]
		next++
		if !look {
			continue
		}
		id, ok, err := d.first(f)
		if err != nil {
			return err
		}
		if ok {
			o.known[i] = id
		}
	}
	return nil
}

// fresh gives the events that are to be taken in, and their places.
func (o *once) fresh() (evs []*event.Event, prints []*journal.Fingerprint, at []int) {
	for i, e := range o.events {
		if _, ok := o.known[i]; ok || o.firstAt[i] != i {
			continue
		}
		evs, prints, at = append(evs, e), append(prints, o.prints[i]), append(at, i)
	}
	return evs, prints, at
}

// answer puts together what came of the events taken in and of the repeats. The
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

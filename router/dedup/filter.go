// Package dedup tells repeats of events on arrival from first ones.
package dedup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Filter knows the repeats of events on arrival. What was accepted is told by the
// journal; memory holds the events under way, and a Bloom filter that spares most
// new events the look at the disk. A nil Filter takes every event for new.
type Filter struct {
	journal *store.Journal
	window  time.Duration

	mu sync.Mutex
	// claimed holds the fingerprints of the events under way; the channel is
	// closed once their request has ended.
	claimed map[journal.Fingerprint]chan struct{}
	recent  recent

	// doubtful means that an append has failed, so that what is read may not be on
	// disk.
	doubtful atomic.Bool
}

// New returns the filter of a journal, whose window is how long a repeat is known as
// one; nil where the window is 0.
func New(j *store.Journal, window time.Duration) (*Filter, error) {
	if window <= 0 {
		return nil, nil
	}
	before, err := j.Repeats.HasFingerprints(window)
	if err != nil {
		return nil, fmt.Errorf("dedup: %w", err)
	}
	d := &Filter{journal: j, window: window, claimed: map[journal.Fingerprint]chan struct{}{}}
	d.recent.window = window
	if before {
		d.recent.blindUntil = time.Now().Add(window)
	}
	return d, nil
}

// Knows reports whether any of the events may be a repeat.
func (d *Filter) Knows(evs []*event.Event) bool {
	return d != nil && slices.ContainsFunc(evs, repeatable)
}

// Doubt notes that an append has failed: what is read from now on may not be on disk.
func (d *Filter) Doubt() {
	if d != nil {
		d.doubtful.Store(true)
	}
}

// claim makes the fingerprints this request's own, all or none: a request that
// holds some never waits for others. It waits until nobody else holds any of
// them. seen says which of them have to be looked up.
func (d *Filter) claim(ctx context.Context, prints []*journal.Fingerprint) (seen []bool, release func(), err error) {
	for {
		busy := d.tryClaim(prints)
		if busy.wait == nil {
			return busy.seen, busy.release, nil
		}
		select {
		case <-busy.wait:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// attempt is what came of a try to claim: either wait, or the rest.
type attempt struct {
	wait    chan struct{}
	seen    []bool
	release func()
}

func (d *Filter) tryClaim(prints []*journal.Fingerprint) attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range prints {
		if wait, ok := d.claimed[*f]; ok {
			return attempt{wait: wait}
		}
	}
	done := make(chan struct{})
	a := attempt{seen: make([]bool, len(prints))}
	now := time.Now()
	for i, f := range prints {
		d.claimed[*f] = done
		a.seen[i] = d.recent.add(f, now)
	}
	a.release = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, f := range prints {
			delete(d.claimed, *f)
		}
		close(done)
	}
	return a
}

// first returns the accepted event that a claimed fingerprint stands for.
func (d *Filter) first(f *journal.Fingerprint) (journal.First, bool, error) {
	first, ok, err := d.journal.Repeats.FirstOf(f, d.window)
	if err != nil {
		return first, false, fmt.Errorf("dedup: %w", err)
	}
	if ok && d.doubtful.Load() {
		if err := d.journal.Sync(); err != nil {
			return first, false, fmt.Errorf("journal: %w", err)
		}
	}
	return first, ok, nil
}

// find returns the accepted event that an event repeats; false if there is none.
// Where the id is known with other content only, it returns what is to be written
// for the contents to be told apart from now on.
func (d *Filter) find(f *journal.Fingerprint, e *event.Event) (first journal.First, known bool, marks []journal.Mark, err error) {
	first, ok, err := d.first(f)
	if err != nil || !ok || !byContent(e) {
		return first, ok, nil, err
	}
	rec, err := d.journal.Events.Event(first.Seq)
	if errors.Is(err, journal.ErrNotFound) {
		return first, true, nil, nil // nobody can tell any more
	}
	if err != nil {
		return journal.First{}, false, nil, fmt.Errorf("dedup: %w", err)
	}
	was, err := rec.Parsed()
	if err != nil {
		return journal.First{}, false, nil, fmt.Errorf("dedup: %w", err)
	}
	if sameContent(f, was, e) {
		return first, true, nil, nil
	}
	content := contentPrint(f, e)
	if other, ok, err := d.first(&content); err != nil || ok {
		return other, ok, nil, err
	}
	return journal.First{}, false, []journal.Mark{{Fingerprint: content}, {Fingerprint: contentPrint(f, was), First: first}}, nil
}

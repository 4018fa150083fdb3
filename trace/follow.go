package trace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/archive/past"
	"signalbox/journal"
)

// Followed is what Follow tells of: events, in the order of their acceptance, and how far it
// has come. Missing says why events are missing before them.
type Followed struct {
	Events  []*Listed
	Cursor  string
	Missing []string
}

// The events that Follow reads at a time, and how often it looks for new ones.
const (
	followBatch = 256
	followEvery = 100 * time.Millisecond
)

// Follow calls fn with the events that a filter chooses, and with new ones as they are
// accepted, until the context ends or fn returns an error. It begins behind a cursor; without
// one at the filter's Since, and without that with the next event. The filter can't choose by
// outcome or ask for an end: what comes of an event is not known when it is accepted. Fn is
// also called when there is nothing new, a few times a second; a slow one holds up nothing
// but itself.
func (r *Reader) Follow(ctx context.Context, f Filter, cursor string, content bool, fn func(Followed) error) error {
	m, from, err := r.beginning(f, cursor)
	if err != nil {
		return err
	}
	var missing []string
	reader := *r.past
	reader.Skip = func(err error) bool {
		missing = append(missing, err.Error())
		return true
	}
	if reader.Archived() && from < reader.Bound() {
		missing = append(missing, fmt.Sprintf("what was accepted before %s is read from archives, without what these do not take", reader.Bound().Time().Format(time.RFC3339)))
	}
	walk := reader.Walk(ctx)
	defer walk.Close()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		next, err := r.follow(walk, m, from, content)
		if err != nil {
			return err
		}
		next.Missing, missing = append(next.Missing, missing...), nil
		next.Cursor = r.cursor(stream, next.to)
		if err := fn(next.Followed); err != nil {
			return err
		}
		if from = next.to; next.more {
			if ctx.Err() == nil {
				continue
			}
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// beginning returns where to begin to follow.
func (r *Reader) beginning(f Filter, cursor string) (*matcher, journal.Seq, error) {
	switch {
	case f.Outcome != "":
		return nil, 0, &BadRequest{"outcome: is not known when an event is accepted; leave it out, or list events with it"}
	case !f.Until.IsZero():
		return nil, 0, &BadRequest{"until: what is followed has no end; leave it out, or list events with it"}
	}
	m, err := f.compile(r.now())
	if err != nil {
		return nil, 0, err
	}
	from := r.journal.Seqs.Stable()
	if cursor == "" && !f.Since.IsZero() {
		if from = min(from, journal.SeqAt(f.Since)); !r.past.Archived() {
			from = max(from, r.journal.Seqs.Oldest())
		}
	}
	from, err = r.place(stream, cursor, from)
	return m, from, err
}

// followed is a step, up to the events before to; more may lie behind.
type followed struct {
	Followed
	to   journal.Seq
	more bool
}

// follow reads a few events that follow from a place on.
func (r *Reader) follow(walk *past.Walk, m *matcher, from journal.Seq, content bool) (next followed, err error) {
	stable, oldest := r.journal.Seqs.Stable(), r.journal.Seqs.Oldest()
	if from < oldest && !r.past.Archived() {
		from, next.Missing = oldest, []string{"retention dropped them before they were read"}
	}
	looked, read := 0, 0
	var fault error
	next.to = max(from, stable)
	err = walk.Between(from, stable, func(rec journal.Record) bool {
		if looked == followBatch || read > maxContent {
			next.to, next.more = rec.Seq, true
			return false
		}
		looked++
		read += len(rec.Envelope)
		var l *Listed
		if l, fault = r.matched(m, &rec); errors.Is(fault, errUnreadable) {
			fault = nil // a search counts it
		}
		if l != nil && content {
			l.Event = rec.Envelope
		}
		if l != nil {
			l.After = r.cursor(stream, rec.Seq+1)
			next.Events = append(next.Events, l)
		}
		return fault == nil
	})
	if err == nil {
		err = fault
	}
	return next, err
}

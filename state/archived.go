package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/archive/past"
	"signalbox/archive/segment"
	"signalbox/journal"
)

// archivedAt returns the state of an object at a moment of which the store has no events any more,
// of those that archives have. It reads these from their beginning.
func (r *Reader) archivedAt(o journal.Object, before journal.Seq, at time.Time) (*Object, error) {
	gone := r.isKept(o.Type, at)
	if !r.past.Archived() {
		return nil, gone
	}
	var f *folding
	missing, err := r.foldArchived(o, before, func(_ *journal.Record, now *folding) { f = now })
	switch damage := (*segment.DamagedError)(nil); {
	case errors.As(err, &damage):
		return nil, &NotKept{fmt.Sprintf("the state of %s at %s is not known: %v", o.Type, at.Format(time.RFC3339Nano), damage), "put a copy of it back; signalbox archive verify lists all that is damaged"}
	case err != nil:
		return nil, err
	case f == nil && (!missing.whole || before <= missing.since):
		return nil, gone
	case f == nil && missing.since == 0:
		return nil, notYet(o.Type, o.Key, at)
	case f == nil:
		return nil, fmt.Errorf("%s %q at %s: no event since %s, where archives begin, tells of it: %w", o.Type, o.Key, at.Format(time.RFC3339Nano), missing.since.Time().Format(time.RFC3339), journal.ErrNotFound)
	}
	s, err := f.object()
	if err == nil {
		s.Partial = missing.of(r.catalog().Object(o.Type).Folds, o.Type)
	}
	return s, err
}

// missing is what archives have not.
type missing struct {
	// whole means that one of them has all events of a type since a number; zero is the first event
	// that there ever was.
	whole bool
	since journal.Seq
}

// of returns why a state of a type may be partial that is made of what archives have; empty if it is
// whole. What folds nothing needs the latest event alone.
func (m missing) of(folds bool, kind string) string {
	switch {
	case !m.whole:
		return "no archive takes all events of " + kind + ": those that none took are missing"
	case m.since > 0 && folds:
		return fmt.Sprintf("events before %s are in neither the store nor an archive: those of them that tell of it are missing", m.since.Time().Format(time.RFC3339))
	}
	return ""
}

// foldArchived folds the events about an object that archives have before a number, from their
// beginning. Each is called with those events, and with the state after each.
func (r *Reader) foldArchived(o journal.Object, before journal.Seq, each func(*journal.Record, *folding)) (m missing, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxTime)
	defer cancel()
	reader := r.past
	if whole := r.past.Whole(r.catalog().Telling(o.Type)); whole != nil {
		reader, m.whole = whole, true
	}
	if m.whole {
		m.since, err = reader.Since(ctx)
	}
	if err == nil {
		err = r.foldAll(ctx, reader, o, before, each)
	}
	if ctx.Err() != nil {
		err = &TooMuch{fmt.Sprintf("what archives have of %s %q takes more than %s to read: events are in the store since %s", o.Type, o.Key, maxTime, r.journal.Seqs.Oldest().Time().Format(time.RFC3339))}
	}
	return m, err
}

// foldAll folds those events about an object, of all that are read.
func (r *Reader) foldAll(ctx context.Context, from *past.Reader, o journal.Object, before journal.Seq, each func(*journal.Record, *folding)) error {
	first, err := from.Oldest(ctx)
	if err != nil || before <= first {
		return err
	}
	declared := r.catalog()
	var f *folding
	return from.BetweenContext(ctx, first, before, func(rec journal.Record) bool {
		e, err := rec.Parsed()
		if err != nil {
			return true // archive verify tells of it
		}
		told, err := Told(declared, e)
		if err != nil || told == nil || told.Type != o.Type || told.Key != o.Key {
			return true
		}
		if f == nil || !declared.Object(o.Type).Folds {
			f = &folding{Object: journal.Object{Type: o.Type, Key: o.Key}}
		}
		f.apply(declared, told.Gone, rec)
		each(&rec, f)
		return true
	})
}

// archivedChanges adds to a page of a history what archives have of it, up to the limit of the page.
// The cursor, if it is not zero, is the number of the change with which the page before ended.
func (r *Reader) archivedChanges(page *History, o journal.Object, cursor journal.Seq, limit int) error {
	before := r.journal.Seqs.Oldest()
	if cursor > 0 && cursor < before {
		before = cursor + 1
	}
	var old []Change // the oldest first
	size, more, found := 0, false, before != cursor+1
	m, err := r.foldArchived(o, before, func(rec *journal.Record, f *folding) {
		if rec.Seq == cursor {
			found = true
			return
		}
		old = append(old, f.change())
		size += len(f.State)
		for len(old) > limit || size > maxHistory && len(old) > 1 {
			size -= len(old[0].State)
			old, more = old[1:], true
		}
	})
	switch {
	case err != nil:
		page.Partial = err.Error()
	case !found:
		return noCursor(FormatVersion(cursor))
	default:
		page.Partial = m.of(true, o.Type)
	}
	for i := len(old) - 1; i >= 0 && err == nil; i-- {
		page.Changes = append(page.Changes, old[i])
	}
	if err == nil && more {
		page.Next = page.Changes[len(page.Changes)-1].Version
	}
	return nil
}

// began reports whether an object was there before the first event that the store has.
func (r *Reader) began(is *journal.ObjectState) (before bool, err error) {
	oldest := r.journal.Seqs.Oldest()
	if is.Version < oldest {
		return true, nil
	}
	err = r.journal.Objects.Snapshots(is.Object, oldest, func(journal.ObjectState) bool { before = true; return false })
	return before, err
}

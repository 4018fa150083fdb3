package state

import (
	"errors"
	"fmt"
	"time"

	"signalbox/journal"
)

// The bounds of one question: the events that are folded for it, and for how long.
const (
	maxEvents = 100_000
	maxTime   = 10 * time.Second
)

// budget is what is left of a question's bounds.
type budget struct {
	events int
	until  time.Time
}

func newBudget() *budget { return &budget{maxEvents, time.Now().Add(maxTime)} }

// take pays for one event; nil pays for all.
func (b *budget) take(o *journal.Object) error {
	if b == nil {
		return nil
	}
	if b.events--; b.events < 0 || time.Now().After(b.until) {
		return &TooMuch{fmt.Sprintf("the state of %s %q takes more than %d events, or %s, to make: the router makes it in the background; try again, or run signalbox state rebuild %s",
			o.Type, o.Key, maxEvents, maxTime, o.Type)}
	}
	return nil
}

// TooMuch is the error of a question that takes more than a question may.
type TooMuch struct{ Problem string }

func (e *TooMuch) Error() string { return e.Problem }

// errTrimmed means that retention has dropped an event while it was to be folded.
var errTrimmed = errors.New("an event was dropped meanwhile")

// fold returns the state of an object as of its last event before a number, or nil where no event
// before it is known. Each, if not nil, is called with the state after each event that is
// folded; its error ends the folding.
func (r *Reader) fold(o journal.Object, before journal.Seq, b *budget, each func(*folding) error) (*folding, error) {
	for tries := 0; ; tries++ {
		f, err := r.start(o, before)
		if err == nil {
			f, err = r.foldFrom(f, o, before, b, each)
		}
		if !errors.Is(err, errTrimmed) || tries == 3 {
			return f, err
		}
	}
}

// start returns the latest snapshot before a number that can be gone on from; nil for none. It is
// one of today's folds, or as of an event that is not kept, or not indexed.
func (r *Reader) start(o journal.Object, before journal.Seq) (f *folding, err error) {
	bound, err := r.refoldable(o.Type)
	if err != nil {
		return nil, err
	}
	today := r.catalog().Object(o.Type).Fingerprint
	return r.snapshot(o, before, func(f *folding) bool { return f.Fold == today || f.record.Seq < bound })
}

// snapshot returns the latest snapshot before a number that will do; nil for none.
func (r *Reader) snapshot(o journal.Object, before journal.Seq, will func(*folding) bool) (found *folding, err error) {
	var bad error
	err = r.journal.Objects.Snapshots(o, before, func(s journal.ObjectState) bool {
		f, err := resumed(&s)
		if bad = err; err == nil && will(f) {
			found = f
		}
		return err == nil && found == nil
	})
	return found, errors.Join(bad, err)
}

// refoldable is the number since which all changes of a type are kept and indexed, so that its
// states can be made anew.
func (r *Reader) refoldable(kind string) (journal.Seq, error) {
	since, err := r.since(kind)
	return max(since, r.journal.Seqs.Oldest()), err
}

// foldFrom folds the events behind a state, which is nil before the first one.
func (r *Reader) foldFrom(f *folding, o journal.Object, before journal.Seq, b *budget, each func(*folding) error) (*folding, error) {
	declared, from := r.catalog(), journal.Seq(0)
	if f != nil {
		from = f.record.Seq + 1
	}
	err := r.journal.Objects.Changes(o, from, before, func(c journal.Change) (bool, error) {
		if err := b.take(&o); err != nil {
			return false, err
		}
		rec, err := r.journal.Events.Event(c.Seq)
		switch {
		case errors.Is(err, journal.ErrNotFound) && c.Seq < r.journal.Seqs.Oldest():
			return false, errTrimmed
		case errors.Is(err, journal.ErrNotFound):
			rec = journal.Record{Seq: c.Seq} // the store is damaged: the event is told as one that failed
		case err != nil:
			return false, err
		}
		if f == nil {
			f = &folding{Object: journal.Object{Type: o.Type, Key: o.Key}}
		}
		f.Fold = declared.Object(o.Type).Fingerprint
		if f.apply(declared, c.Gone, rec); each == nil {
			return true, nil
		}
		return true, each(f)
	})
	return f, err
}

// At returns the state of an object at a moment. The error is a *BadRequest for a moment that
// has not come, *NotKept for one that is not known any more, and journal.ErrNotFound where there
// was no such object then.
func (r *Reader) At(kind, key string, at time.Time) (*Object, error) {
	before := journal.SeqAt(at) + 1
	if now := r.journal.Seqs.Clock(); before > now+1 {
		return nil, &BadRequest{fmt.Sprintf("at %s: that moment has not come: it is %s", at.Format(time.RFC3339Nano), now.Time().Format(time.RFC3339Nano))}
	}
	latest, err := r.journal.Objects.State(kind, key)
	if err != nil {
		return nil, err
	}
	if latest.Version < before {
		return r.latest(&latest, newBudget())
	}
	if before <= r.journal.Seqs.Oldest() {
		return r.archivedAt(latest.Object, before, at)
	}
	if err := r.isKept(kind, at); err != nil {
		return nil, err
	}
	if r.catalog().Object(kind).Folds {
		f, err := r.fold(latest.Object, before, newBudget(), nil)
		if err == nil && f == nil {
			err = r.unknown(kind, key, at)
		}
		if err != nil {
			return nil, err
		}
		return f.object()
	}
	return r.toldAt(latest.Object, before, at)
}

// toldAt returns the state that the last event before a number told alone.
func (r *Reader) toldAt(o journal.Object, before journal.Seq, at time.Time) (*Object, error) {
	var was *journal.ObjectState
	err := r.journal.Objects.LatestChanges(o, 0, before, func(c journal.Change) (bool, error) {
		rec, err := r.journal.Events.Event(c.Seq)
		if err == nil {
			was = &journal.ObjectState{Object: c.Object, Version: c.Seq, Record: rec}
		} else if errors.Is(err, journal.ErrNotFound) {
			err = nil // it was dropped meanwhile, and is a snapshot
		}
		return false, err
	})
	if err == nil && was == nil {
		err = r.journal.Objects.Snapshots(o, before, func(s journal.ObjectState) bool { was = &s; return false })
	}
	if err == nil && was == nil {
		err = r.unknown(o.Type, o.Key, at)
	}
	if err != nil {
		return nil, err
	}
	return told(was)
}

// isKept returns why the states of a type at a moment are not known; nil if they are.
func (r *Reader) isKept(kind string, at time.Time) error {
	if oldest := r.journal.Seqs.Oldest(); journal.SeqAt(at) < oldest {
		return &NotKept{fmt.Sprintf("the state of %s at %s is not kept: events are since %s", kind, at.Format(time.RFC3339Nano), oldest.Time().Format(time.RFC3339Nano)),
			"retention says for how long events are kept"}
	}
	since, err := r.since(kind)
	if err != nil || !r.catalog().Object(kind).Folds || journal.SeqAt(at) >= since {
		return err
	}
	return notIndexed(kind, at, since)
}

func notIndexed(kind string, at time.Time, since journal.Seq) error {
	return &NotKept{fmt.Sprintf("the state of %s at %s is not known: its changes are since %s", kind, at.Format(time.RFC3339Nano), since.Time().Format(time.RFC3339Nano)),
		fmt.Sprintf("signalbox state rebuild %s looks through the events that are kept from before", kind)}
}

// unknown is the error of an object of which no event before a moment is known.
func (r *Reader) unknown(kind, key string, at time.Time) error {
	since, err := r.since(kind)
	if err == nil && since > r.journal.Seqs.Oldest() {
		err = notIndexed(kind, at, since)
	}
	if err == nil {
		err = notYet(kind, key, at)
	}
	return err
}

func notYet(kind, key string, at time.Time) error {
	return fmt.Errorf("%s %q at %s: it was not there yet: %w", kind, key, at.Format(time.RFC3339Nano), journal.ErrNotFound)
}

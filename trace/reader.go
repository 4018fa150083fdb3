package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signalbox/archive/past"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Reader reads the events that a journal keeps, and those that archives have.
type Reader struct {
	journal *store.Journal
	past    *past.Reader
	target  func(journal.LaneID) string
}

// NewReader returns a reader of a journal, and of the archives that p reads beside it. Target
// names the target of a lane, even if it is gone.
func NewReader(j *store.Journal, p *past.Reader, target func(journal.LaneID) string) *Reader {
	return &Reader{journal: j, past: p, target: target}
}

// Stored is an event that is kept.
type Stored struct {
	ID        string     `json:"id"`
	Bus       string     `json:"bus"`
	Kind      event.Kind `json:"kind,omitempty"`
	Synthetic bool       `json:"synthetic,omitempty"`
	// Archived means that only an archive has the event: what came of it is not kept.
	Archived bool            `json:"archived,omitempty"`
	Event    json.RawMessage `json:"event"`
	// Parsed is Event taken apart, with its metadata.
	Parsed *event.Event `json:"-"`
	// Seq is its place in the journal.
	Seq journal.Seq `json:"-"`
}

// Find returns an accepted event by its id: from the store, or else from an archive if the id is
// one that the router made. The error is journal.ErrNotFound if it is in neither.
func (r *Reader) Find(ctx context.Context, id string) (*Stored, error) {
	e, err := r.Event(id)
	if errors.Is(err, journal.ErrNotFound) {
		rec, err := archivedByID(ctx, r.past, id)
		if err != nil {
			return nil, err
		}
		return stored(rec)
	}
	return e, err
}

// Event returns an accepted event by its id, or journal.ErrNotFound if there is
// none or retention has dropped it.
func (r *Reader) Event(id string) (*Stored, error) {
	if s, ok := journal.SeqOfEventID(id); ok {
		if rec, err := r.journal.Events.Event(s); err == nil {
			if e, err := stored(rec); err == nil && e.ID == id {
				return e, nil
			}
		}
	}
	rec, err := r.journal.Events.EventByGivenID(id)
	if err != nil {
		return nil, err
	}
	return stored(rec)
}

func stored(rec journal.Record) (*Stored, error) {
	e, err := rec.Parsed()
	if err != nil {
		return nil, err
	}
	return &Stored{ID: e.ID, Bus: e.Meta.Bus, Kind: e.Meta.Kind, Synthetic: e.Meta.Synthetic, Archived: rec.Archived, Event: rec.Envelope, Parsed: e, Seq: rec.Seq}, nil
}

// Oldest returns since when events are kept.
func (r *Reader) Oldest() time.Time { return r.journal.Seqs.Oldest().Time() }

// OfEvent returns the trace of an event and of all that came of it, with at
// most limit events; or journal.ErrNotFound.
func (r *Reader) OfEvent(ctx context.Context, id string, limit int) (*Trace, error) {
	e, err := r.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if e.Archived {
		return archivedTrace(e), nil
	}
	first, err := r.before(e)
	if err != nil {
		return nil, err
	}
	t := r.newTree(id, limit)
	if err := t.root(first); err != nil {
		return nil, err
	}
	return t.done(first)
}

// before goes back to where an event was first taken in: bus targets put it on
// other buses under the same id.
func (r *Reader) before(e *Stored) (journal.Seq, error) {
	for {
		path := e.Parsed.Meta.Path
		if len(path) == 0 || path[len(path)-1].EventID != e.ID {
			return e.Seq, nil
		}
		rec, err := r.journal.Events.EventByGivenIDBefore(e.ID, e.Seq)
		if errors.Is(err, journal.ErrNotFound) {
			return e.Seq, nil
		}
		if err != nil {
			return 0, err
		}
		if e, err = stored(rec); err != nil {
			return 0, err
		}
	}
}

// OfCorrelation returns the trace of all events with a correlation id, and of
// the event with this id if there is one; or journal.ErrNotFound.
func (r *Reader) OfCorrelation(id string, limit int) (*Trace, error) {
	t := r.newTree(id, limit)
	t.trace.Correlation = true
	seqs, err := r.correlated(id, t)
	if err != nil {
		return nil, err
	}
	if len(seqs) == 0 {
		return nil, fmt.Errorf("event or correlation id %q: %w", id, journal.ErrNotFound)
	}
	for _, s := range seqs {
		if t.full() {
			break
		}
		if _, shown := t.shown[s]; shown {
			continue
		}
		if err := t.root(s); err != nil {
			return nil, err
		}
	}
	return t.done(seqs[0])
}

// correlated returns the first events with a correlation id, in the order of their
// acceptance, and counts the rest.
func (r *Reader) correlated(id string, t *tree) (seqs []journal.Seq, err error) {
	if e, err := r.Event(id); err == nil {
		seqs = append(seqs, e.Seq)
	}
	known := len(seqs)
	err = r.journal.Events.Correlated(id, 0, func(s journal.Seq) bool {
		if slices.Contains(seqs[:min(1, len(seqs))], s) {
			return true
		}
		if known++; len(seqs) < t.limit {
			seqs = append(seqs, s)
		}
		return known < maxCounted
	})
	slices.Sort(seqs)
	t.trace.Known = known
	return slices.DeleteFunc(seqs, func(s journal.Seq) bool { return !t.belongs(s, id) }), err
}

// maxCounted bounds the events with one correlation id that are counted.
const maxCounted = 1_000_000

// Package state keeps the state of each object, as audit messages tell it or events are folded
// into it, and knows it at every moment that is kept.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"signalbox/archive/past"
	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Object is what is known of an object from the events about it.
type Object struct {
	Type string `json:"type"`
	Key  string `json:"key"`
	// Version grows from each state of the object to the next.
	Version string `json:"version"`
	// Gone means that the object is no more; State is then what was told last.
	Gone bool `json:"gone,omitempty"`
	// Updated is when the event that told this state was accepted, EventID its id.
	Updated time.Time `json:"updated"`
	EventID string    `json:"event_id"`
	Source  string    `json:"source"`
	// State is the event's detail, or its data where that is told apart from
	// metadata; or what is made of several events, as the catalog says.
	State json.RawMessage `json:"state"`
	// KnownSince is set where events before it are kept that may have changed the object, and are
	// not part of State.
	KnownSince time.Time `json:"known_since,omitzero"`
	// Partial is why events that tell of the object may be missing in State, as nothing has them any
	// more; empty if none are.
	Partial string `json:"partial,omitempty"`
	// Failed counts the events that could not be folded and left the state as it was; Fault is
	// the latest of them.
	Failed int    `json:"failed,omitempty"`
	Fault  *Fault `json:"fault,omitempty"`
}

// BadRequest is the error of a question that has no answer.
type BadRequest struct{ Problem string }

func (e *BadRequest) Error() string { return e.Problem }

// NotKept is the error of a state that the router can't know any more, or not yet.
type NotKept struct{ Problem, Hint string }

func (e *NotKept) Error() string { return e.Problem }

// Reader reads the states that a journal keeps.
type Reader struct {
	journal *store.Journal
	past    *past.Reader
	catalog func() *catalog.Catalog
	// updating is held while what is known of a type is changed.
	updating sync.Mutex
}

// NewReader returns a reader of a journal's states, and of earlier ones in the archives that p
// reads. Catalog returns the catalog that holds now; it may be nil.
func NewReader(j *store.Journal, p *past.Reader, catalog func() *catalog.Catalog) *Reader {
	return &Reader{journal: j, past: p, catalog: catalog}
}

// Get returns the latest state of an object, or, where version is not empty, that
// one, as long as its event is kept. The error is journal.ErrNotFound where there
// is none.
func (r *Reader) Get(kind, key, version string) (*Object, error) {
	latest, err := r.journal.Objects.State(kind, key)
	if err != nil {
		return nil, err
	}
	if version == "" || version == FormatVersion(latest.Version) {
		return r.latest(&latest, newBudget())
	}
	v, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("version %q of %s %q: %w", version, kind, key, journal.ErrNotFound)
	}
	if r.catalog().Object(kind).Folds {
		return r.version(latest.Object, journal.Seq(v))
	}
	rec, err := r.journal.Events.Event(journal.Seq(v))
	if err != nil {
		return nil, fmt.Errorf("version %s of %s %q, which is not kept any more or never was: %w", version, kind, key, journal.ErrNotFound)
	}
	e, err := rec.Parsed()
	if err != nil {
		return nil, err
	}
	o, err := Told(r.catalog(), e)
	if err != nil || o == nil || o.Type != kind || o.Key != key {
		return nil, fmt.Errorf("version %s of %s %q: %w", version, kind, key, errors.Join(err, journal.ErrNotFound))
	}
	return told(&journal.ObjectState{Object: *o, Version: rec.Seq, Record: rec})
}

// version returns the state that an event left of an object.
func (r *Reader) version(o journal.Object, v journal.Seq) (*Object, error) {
	f, err := r.fold(o, v+1, newBudget(), nil)
	if err == nil && (f == nil || f.record.Seq != v) {
		err = fmt.Errorf("version %d of %s %q, which is not kept any more or never was: %w", v, o.Type, o.Key, journal.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return f.object()
}

// latest returns the state of an object whose latest event is known.
func (r *Reader) latest(s *journal.ObjectState, b *budget) (*Object, error) {
	if !r.catalog().Object(s.Type).Folds {
		return told(s)
	}
	f, err := r.fold(s.Object, ^journal.Seq(0), b, nil)
	if err != nil {
		return nil, err
	}
	if f == nil { // its event is not indexed
		f = &folding{Object: s.Object}
		f.apply(r.catalog(), s.Gone, s.Record)
	}
	o, err := f.object()
	if err == nil {
		o.KnownSince, err = r.missing(s.Type)
	}
	return o, err
}

// List returns up to limit states of a type whose keys begin with prefix and
// come after a key, by key. More says that others follow.
func (r *Reader) List(kind, prefix, after string, limit int) (states []*Object, more bool, err error) {
	var bad error
	b := newBudget()
	err = r.journal.Objects.States(kind, prefix, after, func(s journal.ObjectState) bool {
		if more = len(states) == limit; more {
			return false
		}
		var o *Object
		if o, bad = r.latest(&s, b); bad == nil {
			states = append(states, o)
		}
		return bad == nil
	})
	return states, more, errors.Join(bad, err)
}

// Knows reports whether the state of an object has ever been told.
func (r *Reader) Knows(kind, key string) (bool, error) {
	_, err := r.journal.Objects.State(kind, key)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// KnowsType reports whether the state of any object of a type has been told.
func (r *Reader) KnowsType(kind string) (known bool, err error) {
	err = r.journal.Objects.States(kind, "", "", func(journal.ObjectState) bool { known = true; return false })
	return known, err
}

// Types returns up to limit types of the objects whose state is known, those behind one of
// them, or from the first on where after is empty. More says that others follow.
func (r *Reader) Types(after string, limit int) (types []string, more bool, err error) {
	types, err = r.journal.Objects.Types(after, limit+1)
	if more = len(types) > limit; more {
		types = types[:limit]
	}
	return types, more, err
}

// told returns the state that an event alone tells, or that a snapshot knows.
func told(s *journal.ObjectState) (*Object, error) {
	f, err := resumed(s)
	if err != nil {
		return nil, err
	}
	return f.object()
}

// object returns the state for users.
func (f *folding) object() (*Object, error) {
	e, err := f.record.Parsed()
	if err != nil {
		return nil, err
	}
	return &Object{
		Type: f.Type, Key: f.Key, Version: FormatVersion(f.record.Seq), Gone: f.Gone, Updated: f.record.Seq.Time(),
		EventID: e.ID, Source: e.Source, State: f.State, Failed: f.Failed, Fault: f.Fault,
	}, nil
}

// stateIn is the state that a message carries.
func stateIn(e *event.Event) json.RawMessage {
	var split struct{ Metadata, Data json.RawMessage }
	if err := json.Unmarshal(e.Detail, &split); err == nil && split.Metadata != nil && split.Data != nil {
		return split.Data
	}
	return e.Detail
}

// FormatVersion returns a version as users see it: a text, as it is too large for
// the numbers of many JSON readers.
func FormatVersion(v journal.Seq) string { return strconv.FormatUint(uint64(v), 10) }

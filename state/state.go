// Package state keeps the latest state of each object, as audit messages tell it.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// Object is what is known of an object from the audit messages about it.
type Object struct {
	Type string `json:"type"`
	Key  string `json:"key"`
	// Version grows from each state of the object to the next.
	Version string `json:"version"`
	// Gone means that the object is no more; State is then what was told last.
	Gone bool `json:"gone,omitempty"`
	// Updated is when the message that told this state was accepted, EventID its id.
	Updated time.Time `json:"updated"`
	EventID string    `json:"event_id"`
	Source  string    `json:"source"`
	// State is the message's detail, or its data where that is told apart from
	// metadata.
	State json.RawMessage `json:"state"`
}

// Reader reads the states that a journal keeps.
type Reader struct {
	journal *store.Journal
	catalog func() *catalog.Catalog
}

// NewReader returns a reader of a journal's states. Catalog returns the catalog that
// holds now; it may be nil.
func NewReader(j *store.Journal, catalog func() *catalog.Catalog) *Reader {
	return &Reader{journal: j, catalog: catalog}
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
		return objectOf(latest)
	}
	v, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("version %q of %s %q: %w", version, kind, key, journal.ErrNotFound)
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
	return objectOf(journal.ObjectState{Object: *o, Version: rec.Seq, Record: rec})
}

// List returns up to limit states of a type whose keys begin with prefix and
// come after a key, by key. More says that others follow.
func (r *Reader) List(kind, prefix, after string, limit int) (states []*Object, more bool, err error) {
	var bad error
	err = r.journal.Objects.States(kind, prefix, after, func(s journal.ObjectState) bool {
		if more = len(states) == limit; more {
			return false
		}
		var o *Object
		if o, bad = objectOf(s); bad == nil {
			states = append(states, o)
		}
		return bad == nil
	})
	return states, more, errors.Join(bad, err)
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

func objectOf(s journal.ObjectState) (*Object, error) {
	e, err := s.Record.Parsed()
	if err != nil {
		return nil, err
	}
	return &Object{
		Type: s.Type, Key: s.Key, Version: FormatVersion(s.Version), Gone: s.Gone,
		Updated: s.Version.Time(), EventID: e.ID, Source: e.Source, State: stateIn(e),
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

package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules/exprenv"
)

// maxState bounds a state that is folded, in bytes of JSON.
const maxState = 1 << 20

// Fault is an event that could not be folded: it left the state of its object as it was.
type Fault struct {
	EventID string    `json:"event_id"`
	At      time.Time `json:"at"`
	Message string    `json:"message"`
}

// kept is what a snapshot knows of a state.
type kept struct {
	// Fold is the fingerprint of the folds that made it.
	Fold   string          `json:"fold,omitempty"`
	Events int             `json:"events"`
	State  json.RawMessage `json:"state,omitempty"`
	// Failed counts the events that could not be folded; Fault is the latest of them.
	Failed int    `json:"failed,omitempty"`
	Fault  *Fault `json:"fault,omitempty"`
}

// folding is the state of an object as of one of its events.
type folding struct {
	kept
	journal.Object
	// record is that event; its number is 0 before the first one.
	record journal.Record
	// fault is why that event could not be folded.
	fault *Fault
}

// resumed returns the state that a snapshot knows.
func resumed(s *journal.ObjectState) (*folding, error) {
	f := &folding{Object: s.Object, record: s.Record}
	if s.Folded != nil {
		if err := json.Unmarshal(s.Folded, &f.kept); err != nil {
			return nil, fmt.Errorf("snapshot of %s %q: %w", s.Type, s.Key, err)
		}
		return f, nil
	}
	e, err := s.Record.Parsed()
	if err != nil {
		return nil, err
	}
	f.Events, f.State = 1, stateIn(e)
	return f, nil
}

// snapshot returns the state for the journal.
func (f *folding) snapshot() (journal.ObjectState, error) {
	folded, err := json.Marshal(f.kept)
	return journal.ObjectState{Object: f.Object, Version: f.record.Seq, Record: f.record, Folded: folded}, err
}

// apply folds an event, which says by gone that the object is no more. One that can't be folded
// leaves the state as it was.
func (f *folding) apply(c *catalog.Catalog, gone bool, rec journal.Record) {
	f.Events, f.record, f.fault = f.Events+1, rec, nil
	e, err := rec.Parsed()
	if err != nil {
		f.failed(fmt.Sprintf("sequence number %d", rec.Seq), err)
		return
	}
	var before json.RawMessage
	if !f.Gone {
		before = f.State
	}
	how := foldOf(c, e)
	if gone && how.Source != catalog.FoldReplace {
		f.Gone = true
		return
	}
	next, err := folded(how, before, e)
	switch {
	case err != nil:
		f.failed(e.ID, err)
	case next == nil:
		f.Gone = true
	default:
		f.State, f.Gone = next, gone
	}
}

func (f *folding) failed(id string, err error) {
	f.Failed++
	f.fault = &Fault{EventID: id, At: f.record.Seq.Time(), Message: err.Error()}
	f.Fault = f.fault
}

var replace = &catalog.Fold{Source: catalog.FoldReplace}

// foldOf returns how an event changes the state of its object.
func foldOf(c *catalog.Catalog, e *event.Event) *catalog.Fold {
	if t, ok := c.For(e); ok && t.Fold != nil {
		return t.Fold
	}
	return replace
}

// folded returns the state that comes of one and an event; nil for none.
func folded(how *catalog.Fold, before json.RawMessage, e *event.Event) (next json.RawMessage, err error) {
	switch {
	case how.Source == catalog.FoldMerge:
		next, err = merged(before, stateIn(e))
	case how.Program != nil:
		next, err = evaluated(how.Program, before, e)
	default:
		next = stateIn(e)
	}
	if err == nil && len(next) > maxState {
		err = exprenv.ErrTooLarge
	}
	if errors.Is(err, exprenv.ErrTooLarge) {
		return nil, fmt.Errorf("the state would be longer than %d MiB", maxState>>20)
	}
	return next, err
}

func evaluated(p *exprenv.FoldProgram, before json.RawMessage, e *event.Event) (json.RawMessage, error) {
	var state any
	if before != nil {
		var err error
		if state, err = exprenv.DecodeJSON(before); err != nil {
			return nil, fmt.Errorf("the state before: %w", err)
		}
	}
	result, err := p.Run(state, e)
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	text, err := exprenv.JSON(result, maxState)
	if err != nil || string(text) == "null" {
		return nil, err
	}
	return text, nil
}

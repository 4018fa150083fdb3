package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// Change is one change of an object, and the state that it left.
type Change struct {
	Version    string    `json:"version"`
	At         time.Time `json:"at"`
	EventID    string    `json:"event_id"`
	DetailType string    `json:"detail_type"`
	Source     string    `json:"source"`
	// Gone means that the object is no more since then.
	Gone  bool            `json:"gone,omitempty"`
	State json.RawMessage `json:"state,omitempty"`
	// Fault is why the event could not be folded: State is as it was before.
	Fault string `json:"fault,omitempty"`
}

// History is a part of the changes of an object, the latest first.
type History struct {
	Changes []Change `json:"changes"`
	// KnownSince is set where events before it are kept that may have changed the object, and are
	// not listed.
	KnownSince time.Time `json:"known_since,omitzero"`
	// Partial is why changes may be missing before those of the last page, as nothing has their events
	// any more; empty if none are.
	Partial string `json:"partial,omitempty"`
	// Next is the cursor of the page that follows; empty where there is none.
	Next string `json:"next_cursor,omitempty"`
}

// maxHistory bounds the bytes of the states in a page.
const maxHistory = 8 << 20

// History returns up to limit changes of an object that are kept, in the store or in archives, from
// where an earlier page ended. The error is journal.ErrNotFound where no state of the object is known, and a
// *BadRequest for a cursor that no page of this object has given.
func (r *Reader) History(kind, key, cursor string, limit int) (*History, error) {
	is, err := r.journal.Objects.State(kind, key)
	if err != nil {
		return nil, err
	}
	before, err := r.historyCursor(is.Object, cursor)
	if err != nil {
		return nil, err
	}
	var seqs []journal.Seq
	if err := r.journal.Objects.LatestChanges(is.Object, r.journal.Seqs.Oldest(), before, func(c journal.Change) (bool, error) {
		seqs = append(seqs, c.Seq)
		return len(seqs) <= limit, nil
	}); err != nil {
		return nil, err
	}
	more := len(seqs) > limit
	seqs = seqs[:min(len(seqs), limit)]
	page := &History{Changes: []Change{}}
	if page.KnownSince, err = r.missing(kind); err != nil {
		return nil, err
	}
	if len(seqs) > 0 {
		if page.Changes, err = r.changes(is.Object, seqs[len(seqs)-1], seqs[0]+1); err != nil {
			return nil, err
		}
		if bounded(page) || more {
			page.Next = page.Changes[len(page.Changes)-1].Version
			return page, nil
		}
	}
	return page, r.earlier(page, &is, before, limit)
}

// earlier adds to a page what there is before the events of the store, or says that it is missing.
func (r *Reader) earlier(page *History, is *journal.ObjectState, before journal.Seq, limit int) error {
	switch began, err := r.began(is); {
	case err != nil || !began:
		return err
	case !r.past.Archived():
		page.Partial = fmt.Sprintf("events before %s are in neither the store nor an archive: earlier changes are missing", r.journal.Seqs.Oldest().Time().Format(time.RFC3339))
		return nil
	case len(page.Changes) == limit:
		page.Next = page.Changes[limit-1].Version // they are on a page of their own
		return nil
	}
	cursor := before
	if cursor == ^journal.Seq(0) {
		cursor = 0
	}
	return r.archivedChanges(page, is.Object, cursor, limit-len(page.Changes))
}

// bounded cuts a page off where its states get too long, and reports whether it did.
func bounded(page *History) bool {
	size := 0
	for i := range page.Changes {
		if size += len(page.Changes[i].State); size > maxHistory && i > 0 {
			page.Changes = page.Changes[:i]
			return true
		}
	}
	return false
}

// historyCursor returns the number before which a page begins.
func (r *Reader) historyCursor(o journal.Object, cursor string) (journal.Seq, error) {
	if cursor == "" {
		return ^journal.Seq(0), nil
	}
	v, err := strconv.ParseUint(cursor, 10, 64)
	found := false
	if at := journal.Seq(v); err == nil && FormatVersion(at) == cursor && at < ^journal.Seq(0) {
		err = r.journal.Objects.LatestChanges(o, at, at+1, func(journal.Change) (bool, error) { found = true; return false, nil })
		if err != nil {
			return 0, err
		}
	}
	if !found && err == nil && journal.Seq(v) < r.journal.Seqs.Oldest() && r.past.Archived() {
		return journal.Seq(v), nil // archives are looked through for it
	}
	if !found {
		return 0, noCursor(cursor)
	}
	return journal.Seq(v), nil
}

func noCursor(cursor string) error {
	return &BadRequest{fmt.Sprintf("cursor %q: use the next_cursor of an earlier page; if its event has been dropped meanwhile, list from the beginning", cursor)}
}

// changes returns the changes of an object by the events from a number on and before another, the
// latest first.
func (r *Reader) changes(o journal.Object, from, before journal.Seq) (all []Change, err error) {
	var f *folding
	if r.catalog().Object(o.Type).Folds {
		f, err = r.start(o, from)
	} else { // each event tells all
		f = &folding{Object: journal.Object{Type: o.Type, Key: o.Key}, record: journal.Record{Seq: from - 1}}
	}
	if err != nil {
		return nil, err
	}
	_, err = r.foldFrom(f, o, before, newBudget(), func(f *folding) error {
		if f.record.Seq >= from {
			all = append(all, f.change())
		}
		return nil
	})
	slices.Reverse(all)
	return all, err
}

// change returns what the last event has made of the state.
func (f *folding) change() Change {
	c := Change{Version: FormatVersion(f.record.Seq), At: f.record.Seq.Time(), Gone: f.Gone, State: f.State}
	if f.fault != nil {
		c.Fault = f.fault.Message
	}
	if e, err := event.ParseEnvelope(f.record.Envelope); err == nil {
		c.EventID, c.DetailType, c.Source = e.ID, e.DetailType, e.Source
	}
	return c
}

package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"signalbox/catalog"
	"signalbox/journal"
	"signalbox/journal/store"
)

// typeRecord is what the journal keeps of a type of objects that is folded.
type typeRecord struct {
	// Tells is the fingerprint of the messages that tell of the objects; Fold that of the folds
	// by which all states were made last.
	Tells string `json:"tells"`
	Fold  string `json:"fold"`
	// Since is the number since which all those messages are indexed.
	Since   journal.Seq `json:"since"`
	Rebuild *Rebuild    `json:"rebuild,omitempty"`
	// Cursor is where the rebuild goes on.
	Cursor cursor `json:"cursor,omitzero"`
}

// cursor is where a rebuild is: among the events, and then among the objects.
type cursor struct {
	From, Seq, Until journal.Seq
	// Tells is the fingerprint of the messages that told of the objects when it began.
	Tells string
	// Objects means that all events have been looked at; Key is that of the last object since.
	Objects bool
	Key     string
}

// record returns what is kept of a type; nil for nothing.
func (r *Reader) record(kind string) (*typeRecord, error) {
	text, err := r.journal.Meta.Folds(kind)
	if err != nil || text == nil {
		return nil, err
	}
	rec := new(typeRecord)
	if err := json.Unmarshal(text, rec); err != nil {
		return nil, fmt.Errorf("folds of %s: %w", kind, err)
	}
	return rec, nil
}

// update changes what is known of a type, and with it indexes events that were found.
func (r *Reader) update(kind string, found []store.Found, change func(*typeRecord) error) (rec *typeRecord, err error) {
	r.updating.Lock()
	defer r.updating.Unlock()
	if rec, err = r.record(kind); err != nil {
		return nil, err
	}
	if rec == nil {
		rec = new(typeRecord)
		if rec.Since, err = r.journal.Meta.ChangesSince(); err != nil {
			return nil, err
		}
	}
	if err := change(rec); err != nil {
		return nil, err
	}
	text, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	return rec, r.journal.Index(found, kind, text)
}

// since is the number since which the changes of a type are indexed.
func (r *Reader) since(kind string) (journal.Seq, error) {
	rec, err := r.record(kind)
	if err != nil {
		return 0, err
	}
	if rec != nil {
		return rec.Since, nil
	}
	return r.journal.Meta.ChangesSince()
}

// missing returns since when the changes of a type are indexed, where events from before are kept.
func (r *Reader) missing(kind string) (time.Time, error) {
	since, err := r.since(kind)
	if err != nil || since <= r.journal.Seqs.Oldest() {
		return time.Time{}, err
	}
	kept := false
	if err := r.journal.Events.Between(r.journal.Seqs.Oldest(), since, func(journal.Record) bool { kept = true; return false }); err != nil || !kept {
		return time.Time{}, err
	}
	return since.Time(), nil
}

// Declare notes since when the messages of a catalog tell of objects. It returns the types whose
// folds are others than those by which their states were made.
func (r *Reader) Declare(c *catalog.Catalog) (changed []string, err error) {
	for kind, o := range c.ObjectTypes() {
		if !o.Folds {
			continue
		}
		rec, err := r.record(kind)
		if err != nil {
			return nil, err
		}
		if rec != nil && rec.Fold != o.Fingerprint {
			changed = append(changed, kind)
		}
		if rec != nil && rec.Tells == o.Tells {
			continue
		}
		if _, err := r.update(kind, nil, func(now *typeRecord) error {
			if now.Tells = o.Tells; rec == nil {
				now.Fold = o.Fingerprint
			}
			if !o.AuditsAlone { // which are indexed without being declared
				now.Since = r.journal.Seqs.Clock()
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	slices.Sort(changed)
	return changed, nil
}

package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"signalbox/journal"
)

// Found is an event that was found to have changed an object after it was accepted.
type Found struct {
	Object journal.Object
	Record journal.Record
}

// Index indexes events as changes of objects of a type, keeps what they tell where nothing later is
// known, and with them writes what is known of the type's folds: all or none.
func (j *Journal) Index(found []Found, kind string, folds []byte) error {
	for i := range found {
		if err := found[i].Object.Check(); err != nil {
			return fmt.Errorf("event %d: %w", found[i].Record.Seq, err)
		}
	}
	key, value := journal.FoldsRow(kind, folds)
	return j.submit(&request{
		found: found, change: func(b *pebble.Batch) error { return b.Set(key, value, nil) }, done: make(chan error, 1),
	})
}

// found indexes an event, unless that was done when it was accepted.
func (w *writer) found(f *Found) error {
	change := journal.Change{Object: f.Object, Seq: f.Record.Seq, Added: true}
	key, value := change.Row()
	there, err := journal.Has(w.j.db, key)
	if err != nil {
		return err
	}
	if !there {
		if err := w.set(key, value); err != nil {
			return err
		}
	}
	return w.latest(&f.Object, &f.Record)
}

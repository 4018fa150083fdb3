package store

import (
	"github.com/cockroachdb/pebble/v2"

	"signalbox/journal"
)

// tableBatch is a batch that is written table by table, whatever the order in
// which its rows come: to put neighbours into the store's memory one after the
// other costs a part of what jumping from table to table does. Rows of one key
// keep their order.
type tableBatch struct {
	db     *pebble.DB
	all    *pebble.Batch      // the rows of the event log, and then of all tables
	others [256]*pebble.Batch // by the letters of the tables
}

// newTableBatch returns a batch with room for so many bytes.
func newTableBatch(db *pebble.DB, room int) *tableBatch {
	return &tableBatch{db: db, all: db.NewBatchWithSize(room)}
}

// in is the batch for the rows of a key's table.
func (b *tableBatch) in(key []byte) *pebble.Batch {
	if key[0] == journal.TableEvent {
		return b.all
	}
	rows := &b.others[key[0]]
	if *rows == nil {
		*rows = b.db.NewBatch()
	}
	return *rows
}

// event sets the row of an event. It is made in the batch's own memory, as it may be large.
func (b *tableBatch) event(r *journal.Record) error {
	row := b.all.SetDeferred(journal.EventKeySize, r.ValueSize())
	journal.AppendEventKey(row.Key[:0], r.Seq)
	r.AppendValue(row.Value[:0])
	return row.Finish()
}

func (b *tableBatch) set(key, value []byte) error   { return b.in(key).Set(key, value, nil) }
func (b *tableBatch) delete(key []byte) error       { return b.in(key).Delete(key, nil) }
func (b *tableBatch) singleDelete(key []byte) error { return b.in(key).SingleDelete(key, nil) }

// join brings the rows of all tables together, in the order of their keys' first
// byte. Nothing is added afterwards.
func (b *tableBatch) join() error {
	for _, rows := range b.others {
		if rows == nil {
			continue
		}
		if err := b.all.Apply(rows, nil); err != nil {
			return err
		}
	}
	return nil
}

// release frees what join no longer needs.
func (b *tableBatch) release() error {
	for i, rows := range b.others {
		if rows == nil {
			continue
		}
		if err := rows.Close(); err != nil {
			return err
		}
		b.others[i] = nil
	}
	return nil
}

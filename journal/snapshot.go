package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// A snapshot is the state of an object as of one of its events, from which later states are
// folded. The last one before what is kept stays, so that the state at any moment that is kept
// is known.

func snapshotPrefix(o *Object) []byte {
	k := stateTypeKey(o.Type)
	k[0] = tableSnap
	k = binary.BigEndian.AppendUint16(k, uint16(len(o.Key)))
	return append(k, o.Key...)
}

func snapshotKey(o *Object, s Seq) []byte {
	return binary.BigEndian.AppendUint64(snapshotPrefix(o), uint64(s))
}

// readSnapshot reads a row of the table; it shares v's memory.
func readSnapshot(k, v []byte) (s ObjectState, err error) {
	corrupt := fmt.Errorf("snapshot %x: %w", k, ErrCorrupt)
	if len(k) < 3 {
		return s, corrupt
	}
	n := 3 + int(binary.BigEndian.Uint16(k[1:]))
	if len(k) < n+2 {
		return s, corrupt
	}
	at := n + 2 + int(binary.BigEndian.Uint16(k[n:]))
	if len(k) != at+8 {
		return s, corrupt
	}
	s, err = stateOf(Object{Type: string(k[3:n]), Key: string(k[n+2 : at])}, v)
	if err == nil && s.Version != Seq(binary.BigEndian.Uint64(k[at:])) {
		err = corrupt
	}
	return s, err
}

// Snapshots calls fn with the snapshots of an object as of events before a number, the latest
// first, until fn says stop. Each is given memory of its own.
func (s *Objects) Snapshots(o Object, before Seq, fn func(ObjectState) bool) error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: snapshotPrefix(&o), UpperBound: snapshotKey(&o, before)})
	if err != nil {
		return err
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		var snap ObjectState
		v, err := it.ValueAndErr()
		if err == nil {
			snap, err = readSnapshot(it.Key(), append([]byte(nil), v...))
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(snap) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// SnapshotWrite is a change of the snapshots of an object.
type SnapshotWrite struct {
	Object Object
	// DropFrom and DropBefore bound the snapshots that go: those as of events from the one
	// number on, up to but without the other.
	DropFrom, DropBefore Seq
	Keep                 []ObjectState
}

// WriteSnapshots makes changes of snapshots durable, all or none.
func (s *Objects) WriteSnapshots(writes []SnapshotWrite) error {
	return s.commit(func(b *pebble.Batch) error {
		for i := range writes {
			if err := writes[i].apply(b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *SnapshotWrite) apply(b *pebble.Batch) error {
	if w.DropBefore > w.DropFrom {
		if err := b.DeleteRange(snapshotKey(&w.Object, w.DropFrom), snapshotKey(&w.Object, w.DropBefore), nil); err != nil {
			return err
		}
	}
	for i := range w.Keep {
		if err := b.Set(snapshotKey(&w.Object, w.Keep[i].Version), w.Keep[i].appendValue(nil), nil); err != nil {
			return err
		}
	}
	return nil
}

// Outlived returns the row that makes a snapshot of the latest state of an object, which a
// later one takes the place of, and whether it is there already.
func (s *Objects) Outlived(o *Object) (key, value []byte, there bool, err error) {
	is, err := s.State(o.Type, o.Key)
	if err != nil {
		return nil, nil, false, err
	}
	key = snapshotKey(o, is.Version)
	there, err = Has(s.db, key)
	return key, is.appendValue(nil), there, err
}

// verifySnapshot checks a row of its table.
func verifySnapshot(v *verifier, k, value []byte) {
	s, err := readSnapshot(k, value)
	if err != nil {
		v.fault("%v", err)
		return
	}
	v.content("snapshot", &s.Record)
	switch {
	case s.Folded != nil && !json.Valid(s.Folded):
		v.fault("snapshot of %s %q as of event %d: %v", s.Type, s.Key, s.Version, ErrCorrupt)
	case v.lacks(s.Version):
		v.fault("snapshot of %s %q: its event %d is not there", s.Type, s.Key, s.Version)
	}
}

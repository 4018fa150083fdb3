package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// storeVersion is the version of the keys and records that this package writes.
// Version 2 has tables that an older Signalbox would leave behind; since version 3 the
// numbers of events have the number of a node in their low bits; version 4 indexes the
// changes of objects, and counts the repeats of events.
const storeVersion = 4

// HorizonKey leads to how far retention has dropped events.
var HorizonKey = []byte{TableMeta, 'h'}

// VersionKey leads to the version of the store.
var VersionKey = []byte{TableMeta, 'v'}

// RestoredKey means that the store was made of a backup, and that the router has not begun
// since.
var RestoredKey = []byte{TableMeta, 'r'}

// changesSinceKey leads to the number since which changes of objects are indexed; what an
// older Signalbox wrote is not.
var changesSinceKey = []byte{TableMeta, 'c'}

// idKey leads to what tells the store from all others.
var idKey = []byte{TableMeta, 'i'}

// foldsKey leads to what is known of the folds of a type of objects.
func foldsKey(kind string) []byte { return append([]byte{TableMeta, 'f'}, kind...) }

// Meta is what the store says of itself.
type Meta struct {
	db     *pebble.DB
	commit Committer
}

// Check refuses a store that a newer Signalbox wrote, and reports whether it is to
// be marked as one of this version: what is new in it came with tables of its own, or
// makes no difference to what is there.
func (m *Meta) Check() (older bool, err error) {
	n, err := m.version()
	switch {
	case err != nil:
		return false, err
	case n > storeVersion:
		return false, fmt.Errorf("written by a newer Signalbox (store version %d; this one reads up to %d): run that version, or set data_dir to a new directory", n, storeVersion)
	}
	return n < storeVersion, nil
}

// Mark marks the store as one of this version, whose changes of objects are indexed since a
// number, if that is not said yet.
func (m *Meta) Mark(since Seq) error {
	said, err := Has(m.db, changesSinceKey)
	if err != nil {
		return err
	}
	return m.commit(func(b *pebble.Batch) error {
		if !said {
			if err := b.Set(changesSinceKey, binary.BigEndian.AppendUint64(nil, uint64(since)), nil); err != nil {
				return err
			}
		}
		return b.Set(VersionKey, []byte(strconv.Itoa(storeVersion)), nil)
	})
}

// ChangesSince returns the number since which changes of objects are indexed.
func (m *Meta) ChangesSince() (Seq, error) {
	v, err := value(m.db, changesSinceKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err == nil && len(v) != 8:
		err = fmt.Errorf("changes of objects: %w", ErrCorrupt)
	}
	if err != nil {
		return 0, err
	}
	return Seq(binary.BigEndian.Uint64(v)), nil
}

// ID returns what tells the store from all others; nil while nothing does.
func (m *Meta) ID() ([]byte, error) {
	id, err := value(m.db, idKey)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return id, err
}

// SetID says what tells the store from all others.
func (m *Meta) SetID(id []byte) error {
	return m.commit(func(b *pebble.Batch) error { return b.Set(idKey, id, nil) })
}

// Folds returns what is known of the folds of a type of objects; nil for nothing.
func (m *Meta) Folds(kind string) ([]byte, error) {
	v, err := value(m.db, foldsKey(kind))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return v, err
}

// AllFolds calls fn with what is known of the folds of each type of objects.
func (m *Meta) AllFolds(fn func(kind string, state []byte) error) error {
	return Scan(m.db, foldsKey(""), behind(foldsKey("")), func(k, v []byte) (bool, error) {
		return true, fn(string(k[len(foldsKey("")):]), v)
	})
}

// FoldsRow returns the row that keeps what is known of the folds of a type of objects, which is
// JSON.
func FoldsRow(kind string, state []byte) (key, value []byte) { return foldsKey(kind), state }

// Version is that of the store on disk, 0 for a new one.
func (m *Meta) version() (int, error) {
	v, err := value(m.db, VersionKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	}
	n, err := strconv.Atoi(string(v))
	if err != nil {
		return 0, fmt.Errorf("store version %q: %w", v, ErrCorrupt)
	}
	return n, nil
}

// Horizon returns the number before which retention has dropped events; 0 if it has not yet.
func (m *Meta) Horizon() (Seq, error) { return horizon(m.db) }

func horizon(r pebble.Reader) (Seq, error) {
	v, err := value(r, HorizonKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err == nil && len(v) != 8:
		err = ErrCorrupt
	}
	if err != nil {
		return 0, fmt.Errorf("horizon of retention: %w", err)
	}
	return Seq(binary.BigEndian.Uint64(v)), nil
}

// Restored reports whether the store was made of a backup and the router has not begun since.
func (m *Meta) Restored() (bool, error) { return Has(m.db, RestoredKey) }

// ForgetRestored removes the mark that the store was made of a backup.
func (m *Meta) ForgetRestored() error {
	return m.commit(func(b *pebble.Batch) error { return b.Delete(RestoredKey, nil) })
}

// verifyMeta checks a row of its table.
func verifyMeta(v *verifier, k, value []byte) {
	switch {
	case bytes.Equal(k, VersionKey):
		if _, err := strconv.Atoi(string(value)); err != nil {
			v.fault("store version %q: %v", value, ErrCorrupt)
		}
	case bytes.Equal(k, HorizonKey):
		if len(value) != 8 {
			v.fault("horizon of retention %x: %v", value, ErrCorrupt)
		}
	case bytes.Equal(k, RestoredKey), bytes.Equal(k, idKey):
	case bytes.Equal(k, PositionKey):
		if len(value) != positionLen {
			v.fault("position in the log of the cluster %x: %v", value, ErrCorrupt)
		}
	case bytes.Equal(k, changesSinceKey):
		if len(value) != 8 {
			v.fault("changes of objects since %x: %v", value, ErrCorrupt)
		}
	case len(k) > 2 && k[1] == 'f':
		if !json.Valid(value) {
			v.fault("folds of %q: %v", k[2:], ErrCorrupt)
		}
	default:
		v.fault("meta %q: not known", k[1:])
	}
}

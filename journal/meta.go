package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// storeVersion is the version of the keys and records that this package writes.
// Version 2 has tables that an older Signalbox would leave behind; since version 3 the
// numbers of events have the number of a node in their low bits.
const storeVersion = 3

// HorizonKey leads to how far retention has dropped events.
var HorizonKey = []byte{TableMeta, 'h'}

// VersionKey leads to the version of the store.
var VersionKey = []byte{TableMeta, 'v'}

// RestoredKey means that the store was made of a backup, and that the router has not begun
// since.
var RestoredKey = []byte{TableMeta, 'r'}

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

// Mark marks the store as one of this version.
func (m *Meta) Mark() error {
	return m.commit(func(b *pebble.Batch) error { return b.Set(VersionKey, []byte(strconv.Itoa(storeVersion)), nil) })
}

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
	case bytes.Equal(k, RestoredKey):
	default:
		v.fault("meta %q: not known", k[1:])
	}
}

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

// horizonKey leads to how far retention has dropped events.
var horizonKey = []byte{tableMeta, 'h'}

var versionKey = []byte{tableMeta, 'v'}

// Meta is what the store says of itself.
type Meta struct {
	db     *pebble.DB
	commit committer
}

// check refuses a store that a newer Signalbox wrote, and reports whether it is to
// be marked as one of this version: what is new in it came with tables of its own, or
// makes no difference to what is there.
func (m *Meta) check() (older bool, err error) {
	n, err := m.version()
	switch {
	case err != nil:
		return false, err
	case n > storeVersion:
		return false, fmt.Errorf("written by a newer Signalbox (store version %d; this one reads up to %d): run that version, or set data_dir to a new directory", n, storeVersion)
	}
	return n < storeVersion, nil
}

func (m *Meta) mark() error {
	return m.commit(func(b *pebble.Batch) error { return b.Set(versionKey, []byte(strconv.Itoa(storeVersion)), nil) })
}

// version is that of the store on disk, 0 for a new one.
func (m *Meta) version() (int, error) {
	v, closer, err := m.db.Get(versionKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	n, err := strconv.Atoi(string(v))
	if err != nil {
		return 0, fmt.Errorf("store version %q: %w", v, errCorrupt)
	}
	return n, nil
}

// Restored reports whether the store was made of a backup and the router has not begun since.
func (m *Meta) Restored() (bool, error) { return hasIn(m.db, restoredKey) }

// ForgetRestored removes the mark that the store was made of a backup.
func (m *Meta) ForgetRestored() error {
	return m.commit(func(b *pebble.Batch) error { return b.Delete(restoredKey, nil) })
}

// verifyMeta checks a row of its table.
func verifyMeta(v *verifier, k, value []byte) {
	switch {
	case bytes.Equal(k, versionKey):
		if _, err := strconv.Atoi(string(value)); err != nil {
			v.fault("store version %q: %v", value, errCorrupt)
		}
	case bytes.Equal(k, horizonKey):
		if len(value) != 8 {
			v.fault("horizon of retention %x: %v", value, errCorrupt)
		}
	case bytes.Equal(k, restoredKey):
	default:
		v.fault("meta %q: not known", k[1:])
	}
}

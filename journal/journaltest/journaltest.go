// Package journaltest has what tests do to the disk of a journal.
package journaltest

import (
	"errors"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/journal/internal/disk"
	"signalbox/journal/store"
)

// Crashable returns a disk in memory whose power can be cut.
func Crashable() *store.Disk { return disk.New(vfs.NewCrashableMem()) }

// Crash returns a crashable disk as a power cut now leaves it: of what was not synced, it
// has unsynced percent, chosen by rng.
func Crash(d *store.Disk, unsynced int, rng *rand.Rand) *store.Disk {
	return disk.New(disk.FS(d).(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rng}))
}

// Overwrite changes the values of the rows whose keys begin with prefix, of a store that is
// not open. A nil value leaves the row as it is.
func Overwrite(d *store.Disk, dir, prefix string, to func(key, value []byte) []byte) error {
	db, err := pebble.Open(dir, &pebble.Options{FS: disk.FS(d), FormatMajorVersion: pebble.FormatValueSeparation})
	if err != nil {
		return err
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: []byte{prefix[0] + 1}})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	for ok := it.First(); ok; ok = it.Next() {
		if v := to(it.Key(), it.Value()); v != nil {
			err = errors.Join(err, db.Set(it.Key(), v, pebble.Sync))
		}
	}
	return errors.Join(err, it.Close(), db.Close())
}

package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkpointDir is where a copy of the store is while it is read, inside of the data
// directory, so that its tables can be links to those of the store.
const checkpointDir = "checkpoint.tmp"

// ErrCheckpoint is the error of a checkpoint while another one is read.
var ErrCheckpoint = errors.New("another copy of the store is being made")

// Checkpoint makes a copy of the store as it is now, calls read with the directory of the
// copy, and removes it. All that was acknowledged before the call is in it. Events are
// taken in meanwhile.
func (j *Journal) Checkpoint(read func(dir string) error) (err error) {
	if !j.copying.TryLock() {
		return ErrCheckpoint
	}
	defer j.copying.Unlock()
	if j.fs != vfs.Default {
		return errors.New("a store in memory has no copies")
	}
	dir := filepath.Join(j.dir, checkpointDir)
	if err := j.fs.RemoveAll(dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.fs.RemoveAll(dir)) }()
	if err := j.db.Flush(); err != nil { // little is then left to be copied of the log
		return fmt.Errorf("copy of the store: %w", err)
	}
	if err := j.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("copy of the store: %w", err)
	}
	if err := cutLog(j.fs, dir); err != nil {
		return fmt.Errorf("copy of the store: %w", err)
	}
	return read(dir)
}

// cutLog ends the newest log of a copy behind its last whole record. What follows was being
// written while it was copied, or is left of an older log whose file was used again.
func cutLog(fs vfs.FS, dir string) error {
	end, err := endOfLog(fs, dir)
	if err != nil || end.name == "" {
		return err
	}
	return truncate(filepath.Join(dir, end.name), end.offset)
}

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"signalbox/journal"
	"signalbox/journal/internal/files"

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
	if err := j.copyTo(dir); err != nil {
		return fmt.Errorf("copy of the store: %w", err)
	}
	return read(dir)
}

// copyTo makes a copy in a directory. Close waits for it.
func (j *Journal) copyTo(dir string) error {
	j.Trimmer.mu.RLock() // as MoveSync
	defer j.Trimmer.mu.RUnlock()
	j.mu.Lock()
	closed := j.closed
	j.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if err := j.db.Flush(); err != nil { // little is then left to be copied of the log
		return err
	}
	if err := j.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return err
	}
	return files.CutLog(j.fs, dir)
}

// MarkRestored marks a store as one that was made of a backup. It is of no cluster any more.
func MarkRestored(dir string) error {
	j, err := Open(dir, Options{Fatal: func(error) {}, leaves: true})
	if err != nil {
		return err
	}
	err = j.change(func(b *pebble.Batch) error {
		if err := b.Delete(journal.PositionKey, nil); err != nil {
			return err
		}
		return b.Set(journal.RestoredKey, time.Now().UTC().AppendFormat(nil, time.RFC3339), nil)
	})
	return errors.Join(err, j.Close())
}

// BeginCluster makes a store the beginning of a cluster, and calls read with it. Where that fails, the store is what it
// was.
func BeginCluster(dir string, at journal.Position, read func(*Journal) error) error {
	j, err := Open(dir, Options{Fatal: func(error) {}, leaves: true})
	if err != nil {
		return err
	}
	before, known := j.At()
	set := func(b *pebble.Batch) error { return b.Set(journal.PositionKey, at.AppendValue(nil), nil) }
	undo := func(b *pebble.Batch) error {
		if known {
			return b.Set(journal.PositionKey, before.AppendValue(nil), nil)
		}
		return b.Delete(journal.PositionKey, nil)
	}
	if err = j.change(set); err == nil {
		j.at.Store(&at)
		if err = read(j); err != nil {
			err = errors.Join(err, j.change(undo))
		}
	}
	return errors.Join(err, j.Close())
}

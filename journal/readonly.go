package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/journal/internal/disk"
	"signalbox/journal/internal/files"
)

// ReadOnly is a store, or a backup of one, that no router has open. Nothing in it is changed.
type ReadOnly struct {
	db   *pebble.DB
	lock io.Closer
	end  files.LogEnd
	// oldest is the number from which on it has all events.
	oldest Seq
}

// OpenReadOnly opens the store in dir. The error is ErrLocked if a router has it open,
// ErrNotFound if there is none.
func OpenReadOnly(dir string) (*ReadOnly, error) {
	s, err := openReadOnly(dir, disk.FS(nil))
	if err != nil {
		return nil, err
	}
	if err := s.findOldest(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Between is Events.Between.
func (s *ReadOnly) Between(from, before Seq, fn func(Record) bool) (err error) {
	defer files.Catch(&err)
	return (&Events{s.db, ended{}}).Between(from, before, fn)
}

// Oldest returns the number from which on the store has all events.
func (s *ReadOnly) Oldest() Seq { return s.oldest }

// Archives calls fn with the state of every archive, as Marks.All does.
func (s *ReadOnly) Archives(fn func(name string, state []byte) error) (err error) {
	defer files.Catch(&err)
	return (&Marks{table: tableArchive, db: s.db}).All(fn)
}

// findOldest finds what retention has left.
func (s *ReadOnly) findOldest() (err error) {
	defer files.Catch(&err)
	if s.oldest, err = horizon(s.db); err != nil || s.oldest > 0 {
		return err
	}
	s.oldest, _, err = (&Events{s.db, ended{}}).Ends()
	return err
}

// Close closes the store.
func (s *ReadOnly) Close() error { return errors.Join(s.closeDB(), s.lock.Close()) }

func (s *ReadOnly) closeDB() (err error) {
	defer files.Catch(&err) // it panics where an iterator gave up on a damaged file
	return s.db.Close()
}

// ended are the numbers of a store that nobody writes to: all that is there counts.
type ended struct{}

func (ended) Oldest() Seq { return 0 }
func (ended) Stable() Seq { return ^Seq(0) }
func (ended) Clock() Seq  { return SeqAt(time.Now()) }

func openReadOnly(dir string, fsys vfs.FS) (s *ReadOnly, err error) {
	if _, err := fsys.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data directory %s: no store: %w", dir, ErrNotFound)
	}
	if _, err := fsys.Stat(fsys.PathJoin(dir, files.BackupManifest)); err == nil {
		fsys = unlocked{fsys}
	}
	lock, err := files.TakeLock(dir, fsys)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	defer files.Catch(&err)
	if err := files.CheckRemains(dir, fsys); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	end, err := files.EndOfLog(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := files.CheckManifest(fsys, dir); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, files.Damaged(err))
	}
	db, err := pebble.Open(dir, &pebble.Options{
		FS: fsys, Lock: lock, ReadOnly: true, ErrorIfNotExists: true, Logger: quiet{},
		FormatMajorVersion: pebble.FormatValueSeparation,
	})
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return nil, fmt.Errorf("data directory %s: no store: %w", dir, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, files.Damaged(err))
	}
	if err := files.CheckBlobs(db, fsys, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, files.Damaged(err)), db.Close())
	}
	return &ReadOnly{db: db, lock: lock, end: end}, nil
}

// unlocked leaves a backup as it is, which nobody opens for writing, and which may lie where
// nothing can be written.
type unlocked struct{ vfs.FS }

// Lock does nothing.
func (unlocked) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// quiet is a logger that drops everything: what goes wrong in a store that is only read is an error.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, args ...any) {
	panic(fmt.Errorf(f, args...))
}

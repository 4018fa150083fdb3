package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
)

// BackupManifest is the file in a backup that says what is in it. No store opens where it is.
const BackupManifest = "backup.json"

// RestoreDir is where a store is made of a backup, inside of the data directory. No store
// opens where it is.
const RestoreDir = "restore.partial"

// restoredKey means that the store was made of a backup, and that the router has not begun
// since.
var restoredKey = []byte{tableMeta, 'r'}

// Claim makes the data directory where there is none, and takes its lock until release. The
// error is ErrLocked where another process has it.
func Claim(dir string) (release func(), err error) {
	lock, err := lockDirectory(dir, vfs.Default, zap.NewNop())
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return func() { _ = lock.Close() }, nil
}

// Files returns the names of the files in a directory that a store keeps its data in, sorted.
func Files(dir string) ([]string, error) { return filesOfStore(filepath.Clean(dir), vfs.Default) }

// MarkRestored marks a store as one that was made of a backup.
func MarkRestored(dir string) error {
	j, err := Open(dir, Options{Fatal: func(error) {}})
	if err != nil {
		return err
	}
	err = j.change(func(b *pebble.Batch) error {
		return b.Set(restoredKey, time.Now().UTC().AppendFormat(nil, time.RFC3339), nil)
	})
	return errors.Join(err, j.Close())
}

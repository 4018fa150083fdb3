// Package files is the directory of a store: its lock and modes, what may lie in it, the
// ends of logs, damage, and how the store's work in the background gives way.
package files

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"
)

// ErrLocked is the error if another process has the data directory open.
var ErrLocked = errors.New("the data directory is in use")

// The modes of what the store makes: nobody else has business with it.
const (
	DirMode  = 0o700
	FileMode = 0o600
)

// LockDirectory makes the data directory where there is none, and takes its lock.
func LockDirectory(dir string, fs vfs.FS, log *zap.Logger) (*pebble.Lock, error) {
	if err := fs.MkdirAll(dir, DirMode); err != nil {
		return nil, err
	}
	if fs == vfs.Default {
		if err := checkModes(dir, log); err != nil {
			return nil, err
		}
	}
	lock, err := TakeLock(dir, fs)
	if err == nil && fs == vfs.Default {
		err = os.Chmod(filepath.Join(dir, "LOCK"), FileMode)
	}
	return lock, err
}

// TakeLock takes the lock of a data directory. The error is ErrLocked only where another
// has it.
func TakeLock(dir string, fs vfs.FS) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fs)
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, syscall.EAGAIN),
		strings.Contains(err.Error(), "held by current process"), strings.Contains(err.Error(), "lock contention"):
		return nil, fmt.Errorf("%w by another process (%w): stop it, or set data_dir to a directory of its own", ErrLocked, err)
	}
	return nil, fmt.Errorf("its lock can't be taken: %w", err)
}

// checkModes refuses a data directory that anybody may write to, warns of one that a group
// may, and follows no symbolic link inside of it.
func checkModes(dir string, log *zap.Logger) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return fmt.Errorf("anybody may write to it (mode %04o), and so add or take away events: run chmod o-w %s", mode, dir)
	case mode&0o020 != 0:
		log.Warn("the group of the data directory may write to it, and so add or take away events",
			zap.String("data_dir", dir), zap.String("mode", fmt.Sprintf("%04o", mode)))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type()&iofs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link: the store follows none; move what it leads to here, or make data_dir itself a link", e.Name())
		}
	}
	return nil
}

// CheckRestore refuses a directory that is a backup, or that a restore has not ended in.
func CheckRestore(dir string, fs vfs.FS) error {
	if _, err := fs.Stat(fs.PathJoin(dir, BackupManifest)); err == nil {
		return errors.New("it is a backup: set data_dir to another directory, and run signalbox restore with this one")
	}
	if _, err := fs.Stat(fs.PathJoin(dir, RestoreDir)); err == nil {
		return fmt.Errorf("a restore into it was broken off: run signalbox restore again; or remove %s in it to continue with what is there", RestoreDir)
	}
	return nil
}

// CheckRemains refuses to begin a new store where there are files of one that can't be
// opened: they would be deleted as no longer needed.
func CheckRemains(dir string, fs vfs.FS) error {
	desc, err := pebble.Peek(dir, fs)
	if err != nil {
		return Damaged(err)
	}
	if desc.Exists {
		return nil
	}
	names, err := filesOfStore(dir, fs)
	if err != nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("it has %d files of a store (such as %s), and not the file that tells which of them belong to it (marker.manifest.…, which is empty and which some backup tools leave out): "+
		"restore the whole directory from a backup, or move these files elsewhere to begin with an empty store", len(names), names[0])
}

// filesOfStore returns the names of the files in a directory that a store keeps its data in,
// sorted.
func filesOfStore(dir string, fs vfs.FS) ([]string, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !ofStore(name) })
	slices.Sort(names)
	return names, nil
}

// ofStore reports whether a file is one that the store keeps its data in.
func ofStore(name string) bool {
	switch filepath.Ext(name) {
	case ".sst", ".log", ".blob":
		return true
	}
	return strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "OPTIONS-") || strings.HasPrefix(name, "marker.")
}

// Damaged adds to an error about a damaged file what to do about it.
func Damaged(err error) error {
	if !pebble.IsCorruptionError(err) && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("a file of the store is damaged or missing (%s): restore the data directory from a backup; signalbox verify shows what else is", OneLine(err.Error()))
}

// Catch makes an error of a panic, which is how the store gives up on some damaged files.
func Catch(err *error) {
	if p := recover(); p != nil {
		*err = errors.Join(*err, fmt.Errorf("a file of the store is damaged (%s): restore the data directory from a backup", OneLine(fmt.Sprint(p))))
	}
}

// OneLine is the first line of a text: the store's errors may continue with a stack trace.
func OneLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// BackupManifest is the file in a backup that says what is in it. No store opens where it is.
const BackupManifest = "backup.json"

// RestoreDir is where a store is made of a backup, inside of the data directory. No store
// opens where it is.
const RestoreDir = "restore.partial"

// Claim makes the data directory where there is none, and takes its lock until release. The
// error is ErrLocked where another process has it.
func Claim(dir string) (release func(), err error) {
	lock, err := LockDirectory(dir, vfs.Default, zap.NewNop())
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return func() { _ = lock.Close() }, nil
}

// Files returns the names of the files in a directory that a store keeps its data in, sorted.
func Files(dir string) ([]string, error) { return filesOfStore(filepath.Clean(dir), vfs.Default) }

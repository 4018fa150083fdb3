package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/journal/internal/files"
	"signalbox/journal/store"
)

// Restore makes the store of a data directory out of a backup that Check has found whole. The
// store is marked, so that the router starts with every target paused: what was pending
// when the backup was made would be sent again. It refuses a directory that has a store, or files of one.
//
// A restore that was broken off is begun again by the next one; until then no store opens
// in the directory.
func Restore(m *Manifest, backup, dataDir string, progress func(copied int64)) error {
	release, err := files.Claim(dataDir)
	if err != nil {
		return err
	}
	defer release()
	into := filepath.Join(dataDir, files.RestoreDir)
	if err := makeWay(dataDir, into); err != nil {
		return fmt.Errorf("data directory %s: %w", dataDir, err)
	}
	if err := fill(into, m, backup, progress); err != nil {
		return errors.Join(err, os.RemoveAll(into))
	}
	return move(into, dataDir)
}

// makeWay refuses a directory with a store, and removes what a restore that was broken off has
// left.
func makeWay(dataDir, into string) error {
	_, err := os.Lstat(into)
	begun := err == nil
	names, err := files.Files(dataDir)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(names, isMarker) || len(names) > 0 && !begun {
		return fmt.Errorf("it has files of a store (such as %s): move them elsewhere, or set data_dir to a new directory", names[0])
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dataDir, name)); err != nil {
			return err
		}
	}
	return os.RemoveAll(into)
}

// isMarker reports whether a file is the one without which no store opens.
func isMarker(name string) bool { return strings.HasPrefix(name, "marker.manifest.") }

// fill makes the directory of the store that is to be.
func fill(into string, m *Manifest, backup string, progress func(copied int64)) error {
	if err := os.Mkdir(into, 0o700); err != nil {
		return err
	}
	var copied int64
	for _, f := range m.Files {
		if err := copyFile(filepath.Join(backup, f.Name), into, f.Name); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if copied += f.Size; progress != nil {
			progress(copied)
		}
	}
	return store.MarkRestored(into)
}

func copyFile(from, dir, name string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := create(dir, name)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.Copy(w, bufio.NewReaderSize(r, 1<<20)); err != nil {
		return err
	}
	return errors.Join(w.Sync(), w.Close())
}

// move brings the files of a store to their place, the marker last.
func move(from, to string) error {
	names, err := files.Files(from)
	if err != nil {
		return err
	}
	for _, last := range []bool{false, true} {
		for _, name := range names {
			if isMarker(name) != last {
				continue
			}
			if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
				return err
			}
		}
		if err := syncDir(to); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(from); err != nil {
		return err
	}
	return syncDir(to)
}

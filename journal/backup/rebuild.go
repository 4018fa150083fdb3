package backup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"signalbox/journal/internal/files"
)

// Rebuild makes the store of a data directory anew out of what Send has written; without a reader it removes
// the store. What of a store is in the directory is lost: it is for those of clusters, which are made of a log. One
// that is broken off leaves a directory in which no store opens until Rebuild is called again.
func Rebuild(dataDir string, r io.Reader) error {
	release, err := files.Claim(dataDir)
	if err != nil {
		return err
	}
	defer release()
	into := filepath.Join(dataDir, files.RestoreDir)
	if err := os.RemoveAll(into); err != nil {
		return err
	}
	if err := os.Mkdir(into, 0o700); err != nil {
		return err
	}
	if err := syncDir(dataDir); err != nil {
		return err
	}
	names, err := files.Files(dataDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dataDir, name)); err != nil {
			return err
		}
	}
	if r == nil {
		return errors.Join(os.RemoveAll(into), syncDir(dataDir))
	}
	received := filepath.Join(into, "snapshot")
	if err := os.Mkdir(received+partial, 0o700); err != nil {
		return err
	}
	if _, err := Receive(r, received, nil); err != nil {
		return fmt.Errorf("data directory %s: %w", dataDir, err)
	}
	if err := move(received, dataDir); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(into), syncDir(dataDir))
}

// IsBroken reports whether a restore or a rebuild into a data directory was broken off.
func IsBroken(dataDir string) bool {
	_, err := os.Lstat(filepath.Join(dataDir, files.RestoreDir))
	return err == nil
}

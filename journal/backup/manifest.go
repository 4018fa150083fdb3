// Package backup copies the store of a running router to a client, checks such a copy, and
// makes a store of it again.
//
// A backup is a directory with the files of a store and a manifest, which is written last:
// without it, or with other files than it names, the copy is not whole.
package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"signalbox/journal/internal/files"
)

// manifestName is the file that says what is in a backup.
const manifestName = files.BackupManifest

// format is that of the manifest.
const format = 1

// Manifest lists what is in a backup.
type Manifest struct {
	Format int `json:"format"`
	// Created is when the copy was begun: what was acknowledged before is in it.
	Created time.Time `json:"created"`
	// Version is that of the program that wrote it.
	Version string `json:"version,omitempty"`
	Files   []File `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// SHA256 is the hash of its content, in hexadecimal digits.
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all files together.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// fileName is what the names of a store's files look like: no path, and nothing hidden.
var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

// parse reads a manifest.
func parse(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("%s: format %d; this Signalbox reads format %d", manifestName, m.Format, format)
	}
	for _, f := range m.Files {
		if !fileName.MatchString(f.Name) || f.Name == manifestName {
			return nil, fmt.Errorf("%s: %q is no file of a store", manifestName, f.Name)
		}
	}
	return m, nil
}

// Is reports whether a directory holds a backup, whole or not.
func Is(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, manifestName))
	return err == nil
}

// Check compares the files of a backup with its manifest. The error names all that differ.
// progress, if not nil, is called from time to time with the bytes read so far.
func Check(dir string, progress func(read int64)) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("backup %s: it has no %s, which comes last: the copy is not whole, or was never a backup", dir, manifestName)
	}
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", dir, err)
	}
	m, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", dir, err)
	}
	var faults []error
	var read int64
	for _, f := range m.Files {
		if err := f.check(dir); err != nil {
			faults = append(faults, fmt.Errorf("backup %s: %s: %w", dir, f.Name, err))
		}
		if read += f.Size; progress != nil {
			progress(read)
		}
	}
	return m, errors.Join(faults...)
}

// check compares a file with what the manifest says of it.
func (f *File) check(dir string) error {
	path := filepath.Join(dir, f.Name)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the file is missing")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() != f.Size:
		return fmt.Errorf("it has %d bytes, and had %d when it was written", info.Size(), f.Size)
	}
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, bufio.NewReaderSize(r, 1<<20)); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != f.SHA256 {
		return errors.New("its content is another than when it was written")
	}
	return nil
}

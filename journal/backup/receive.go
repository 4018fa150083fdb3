package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// partial is the end of the name under which a backup is written until it is whole.
const partial = ".partial"

// maxManifest bounds a manifest, in bytes.
const maxManifest = 64 << 20

// Begin makes the directory that a backup is written to until it is whole, and refuses a
// place that is taken.
func Begin(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return fmt.Errorf("%s is not empty: name a directory that is not there yet", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := discard(dir + partial); err != nil {
		return err
	}
	return os.Mkdir(dir+partial, 0o700)
}

// Abandon removes what Begin has made, and returns why it came to nothing.
func Abandon(dir string, why error) error { return errors.Join(why, os.RemoveAll(dir+partial)) }

// discard removes what an earlier backup, that was broken off, has left.
func discard(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !fileName.MatchString(e.Name()) {
			return fmt.Errorf("%s is in the way, and %s in it is of no backup: remove it", dir, e.Name())
		}
	}
	return os.RemoveAll(dir)
}

// Receive reads what Send has written, after Begin. Once all is on disk and as the manifest
// says, the directory gets its name. Else an error is returned, and nothing is left.
// progress, if not nil, is called from time to time with the bytes read so far.
func Receive(r io.Reader, dir string, progress func(read int64)) (m *Manifest, err error) {
	into := dir + partial
	defer func() {
		if err != nil {
			err = Abandon(dir, fmt.Errorf("no backup was made: %w", err))
		}
	}()
	var got []File
	var read int64
	for archive := tar.NewReader(r); m == nil; {
		h, err := archive.Next()
		if err != nil {
			return nil, fmt.Errorf("it was broken off after %d bytes: %w", read, unexpected(err))
		}
		if h.Typeflag != tar.TypeReg || !fileName.MatchString(h.Name) {
			return nil, fmt.Errorf("%q is no file of a store", h.Name)
		}
		if h.Name == manifestName {
			m, err = receiveManifest(archive, h.Size, into)
		} else {
			var f File
			f, err = receive(archive, into, h.Name)
			got = append(got, f)
			read += f.Size
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, unexpected(err))
		}
		if progress != nil {
			progress(read)
		}
	}
	if !slices.Equal(got, m.Files) {
		return nil, fmt.Errorf("%s names other files than those that came", manifestName)
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(r, maxManifest)); err != nil {
		return nil, fmt.Errorf("it was broken off at its end: %w", err)
	}
	if err := syncDir(into); err != nil {
		return nil, err
	}
	if err := os.Rename(into, dir); err != nil {
		return nil, err
	}
	return m, syncDir(filepath.Dir(dir))
}

// unexpected makes an error of the end of what is read.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func receive(r io.Reader, dir, name string) (File, error) {
	w, err := create(dir, name)
	if err != nil {
		return File{}, err
	}
	defer w.Close()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, hash), r)
	if err != nil {
		return File{}, err
	}
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(hash.Sum(nil))}, errors.Join(w.Sync(), w.Close())
}

func receiveManifest(r io.Reader, size int64, dir string) (*Manifest, error) {
	if size > maxManifest {
		return nil, fmt.Errorf("it has %d bytes", size)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	m, err := parse(text)
	if err != nil {
		return nil, err
	}
	w, err := create(dir, manifestName)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	return m, errors.Join(w.Sync(), w.Close())
}

// create makes a new file that is the caller's alone.
func create(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Store is what can be copied while it is in use; *store.Journal is one.
type Store interface {
	// Checkpoint calls read with a directory that holds a copy of the store.
	Checkpoint(read func(dir string) error) error
}

// Send writes a backup of a store in use, as a tar archive whose last file is the manifest.
// begin is called once the copy is there and before anything is written.
func Send(w io.Writer, store Store, version string, begin func()) error {
	m := &Manifest{Format: format, Created: time.Now().UTC(), Version: version}
	return store.Checkpoint(func(dir string) error {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		begin()
		archive := tar.NewWriter(w)
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			f, err := send(archive, filepath.Join(dir, e.Name()))
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name(), err)
			}
			m.Files = append(m.Files, f)
		}
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(header(manifestName, int64(len(text)))); err != nil {
			return err
		}
		if _, err := archive.Write(text); err != nil {
			return err
		}
		return archive.Close()
	})
}

// send writes one file, of which nothing changes any more.
func send(archive *tar.Writer, path string) (f File, err error) {
	r, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return f, err
	}
	f = File{Name: filepath.Base(path), Size: info.Size()}
	if err := archive.WriteHeader(header(f.Name, f.Size)); err != nil {
		return f, err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(archive, hash), r); err != nil {
		return f, err
	}
	f.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return f, nil
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX}
}

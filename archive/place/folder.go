package place

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is a folder of the machine. Only Prepare makes it, so that nothing is written beside a
// disk that is not mounted.
type Folder struct{ Root string }

// String returns the path of the folder.
func (f Folder) String() string { return f.Root }

// Close does nothing.
func (f Folder) Close() {}

// Prepare makes the folder.
func (f Folder) Prepare(context.Context) error { return makeFolder(f.Root) }

// Create begins a file in the folder, so that giving it its name is one step.
func (f Folder) Create(context.Context) (Draft, error) {
	file, err := os.CreateTemp(f.Root, Partial+"*")
	if err != nil {
		return nil, err
	}
	return &fileDraft{File: file, root: f.Root}, nil
}

// Open opens a file.
func (f Folder) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	return os.Open(f.path(name))
}

// List returns the names of the files that begin with a prefix.
func (f Folder) List(_ context.Context, prefix string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(f.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.Root, path)
		if name = filepath.ToSlash(name); err == nil && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	slices.Sort(names)
	return names, err
}

// Delete removes a file, and the folders that are empty then.
func (f Folder) Delete(_ context.Context, name string) error {
	path := f.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := filepath.Dir(path); len(dir) > len(f.Root) && os.Remove(dir) == nil; {
		dir = filepath.Dir(dir)
	}
	return nil
}

func (f Folder) path(name string) string { return filepath.Join(f.Root, filepath.FromSlash(name)) }

// fileDraft is a file that has no name of its own yet.
type fileDraft struct {
	*os.File
	root      string
	committed bool
}

// Commit syncs the file, renames it, and syncs the folders that lead to it.
func (d *fileDraft) Commit(_ context.Context, name string) error {
	path := filepath.Join(d.root, filepath.FromSlash(name))
	if err := errors.Join(d.Sync(), d.Chmod(0o600)); err != nil {
		return err
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Rename(d.Name(), path); err != nil {
		return err
	}
	d.committed = true
	return errors.Join(d.Close(), syncFolders(filepath.Dir(path), filepath.Dir(d.root)))
}

// Discard removes the file unless it was committed.
func (d *fileDraft) Discard() {
	if !d.committed {
		_ = d.Close()
		_ = os.Remove(d.Name()) // the next start removes it otherwise
	}
}

func makeFolder(path string) error { return os.MkdirAll(path, 0o700) }

// syncFolders makes the entries of a folder durable, and those of the folders above it up to
// one, as they may be new.
func syncFolders(path, up string) error {
	for {
		dir, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return err
		}
		if path == up || len(path) <= len(up) {
			return nil
		}
		path = filepath.Dir(path)
	}
}

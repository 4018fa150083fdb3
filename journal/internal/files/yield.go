package files

import (
	"os"
	"runtime"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// yieldingFS lets the store's work in the background, which is long and of which
// nobody waits for the end, give way with each block that it writes. The scheduler
// would let it run for 10 ms at a time, while requests and attempts, each of which
// needs microseconds, wait behind it on the same core.
type yieldingFS struct{ vfs.FS }

// Yielding returns a file system on which the store's work in the background gives way.
func Yielding(fs vfs.FS) vfs.FS { return yieldingFS{fs} }

// Unwrap returns the file system itself.
func (fs yieldingFS) Unwrap() vfs.FS { return fs.FS }

// Create makes a file. What it is for decides whether its writes give way: those of
// the log, for which events wait, never do.
func (fs yieldingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	if err == nil && fs.FS == vfs.Default {
		err = os.Chmod(name, FileMode)
	}
	if err != nil || !InBackground(category) {
		return f, err
	}
	return yieldingFile{f}, nil
}

// MkdirAll makes directories that are nobody else's business.
func (fs yieldingFS) MkdirAll(dir string, _ os.FileMode) error { return fs.FS.MkdirAll(dir, DirMode) }

// InBackground knows the names that Pebble gives to what it writes.
func InBackground(category vfs.DiskWriteCategory) bool {
	switch category {
	case "pebble-memtable-flush", "pebble-compaction", "pebble-blob-file-rewrite":
		return true
	}
	return false
}

type yieldingFile struct{ vfs.File }

func (f yieldingFile) Write(p []byte) (int, error) {
	runtime.Gosched()
	return f.File.Write(p)
}

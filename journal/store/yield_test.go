package store

import (
	"sync"
	"testing"

	"signalbox/journal/internal/files"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// categories notes for what each file is made.
type categories struct {
	vfs.FS
	mu   sync.Mutex
	seen map[vfs.DiskWriteCategory]bool
}

func (c *categories) Unwrap() vfs.FS { return c.FS }

func (c *categories) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[category] = true
	return c.FS.Create(name, category)
}

// The names by which background work is known are those that the store uses, and
// that of its log is not among them.
func TestBackgroundWorkIsKnownByItsName(t *testing.T) {
	fs := &categories{FS: vfs.NewMem(), seen: map[vfs.DiskWriteCategory]bool{}}
	j := open(t, fs)
	l := lane(t, j, "a")
	for range 2 {
		appendOne(t, j, l)
		if err := j.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for category, want := range map[vfs.DiskWriteCategory]bool{"pebble-memtable-flush": true, "pebble-compaction": true, "pebble-wal": false} {
		if !fs.seen[category] {
			t.Errorf("the store has no %q; it has %v", category, fs.seen)
		}
		if got := files.InBackground(category); got != want {
			t.Errorf("%q is work in the background: %v, want %v", category, got, want)
		}
	}
}

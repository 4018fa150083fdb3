package files

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestYieldingFilesKeepWhatIsWritten(t *testing.T) {
	mem := vfs.NewMem()
	fs := Yielding(mem)
	for category, yields := range map[vfs.DiskWriteCategory]bool{"pebble-memtable-flush": true, "pebble-wal": false} {
		f, err := fs.Create("file", category)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.(yieldingFile); ok != yields {
			t.Errorf("%s: gives way: %v, want %v", category, ok, yields)
		}
		if n, err := f.Write([]byte("block")); n != 5 || err != nil {
			t.Errorf("%s: wrote %d bytes, %v", category, n, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if info, err := mem.Stat("file"); err != nil || info.Size() != 5 {
			t.Errorf("%s: got %v, %v", category, info, err)
		}
	}
}

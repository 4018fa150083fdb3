package files

import (
	"context"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/blob"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// CheckBlobs opens the files that hold the bytes of events, once. The store itself opens one
// when it is first read from, in the background too, and panics where its end is damaged.
func CheckBlobs(db *pebble.DB, fs vfs.FS, dir string) error {
	levels, err := db.SSTables()
	if err != nil {
		return err
	}
	version := db.DebugCurrentVersion()
	var names []string
	for _, level := range levels {
		for _, table := range level {
			for _, id := range table.GetBlobReferenceFiles() {
				if number, ok := version.BlobFiles.Lookup(id); ok {
					names = append(names, fmt.Sprintf("%s.blob", number))
				}
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := checkBlob(fs, fs.PathJoin(dir, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func checkBlob(fs vfs.FS, path string) error {
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	r, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return err
	}
	b, err := blob.NewFileReader(context.Background(), r, blob.FileReaderOptions{})
	if err != nil {
		_ = r.Close()
		return err
	}
	return b.Close()
}

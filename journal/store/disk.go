package store

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"signalbox/journal/internal/disk"
)

// Disk is the file system that a store is on.
type Disk = disk.Disk

// InMemory returns a disk that is gone with the process.
func InMemory() *Disk { return disk.New(vfs.NewMem()) }

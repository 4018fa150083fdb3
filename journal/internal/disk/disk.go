// Package disk is the file system that a journal is on, without its type for those who
// only pass it on.
package disk

import "github.com/cockroachdb/pebble/v2/vfs"

// Disk is a file system. A nil one is the machine's own.
type Disk struct{ fs vfs.FS }

// New returns the disk of a file system.
func New(fs vfs.FS) *Disk { return &Disk{fs} }

// FS returns the file system of a disk.
func FS(d *Disk) vfs.FS {
	if d == nil {
		return vfs.Default
	}
	return d.fs
}

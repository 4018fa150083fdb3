// Package place is where the files of an archive lie: in a folder, or in a bucket.
package place

import (
	"context"
	"io"
)

// Place is where the files of one archive lie. Their names have slashes. It is safe for
// concurrent use.
type Place interface {
	// Prepare makes the place if it is not there yet.
	Prepare(ctx context.Context) error
	// Create begins a file, which is nowhere until it is committed.
	Create(ctx context.Context) (Draft, error)
	// Open opens a file. The error is fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// List returns the names of all files that begin with a prefix, sorted; none where the place
	// itself is not there.
	List(ctx context.Context, prefix string) ([]string, error)
	// Delete removes a file, and is content if there is none.
	Delete(ctx context.Context, name string) error
	// Close lets go of what is kept open for the next call, which may come all the same.
	Close()
	// String returns the place as it may be shown.
	String() string
}

// Draft is a file that is written. Commit or Discard ends it.
type Draft interface {
	io.Writer
	// Commit gives the file its name, in place of one that has it. When it returns without an
	// error, the file is there for good, and whole; else it is not there at all.
	Commit(ctx context.Context, name string) error
	// Discard removes what was written, unless that was committed.
	Discard()
}

// Partial is how the names of files begin that were not committed before the process ended.
const Partial = ".partial-"

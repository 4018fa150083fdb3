//go:build !linux

package files

import (
	"io/fs"
	"time"
)

// changedAt is known on Linux alone.
func changedAt(fs.FileInfo) (at time.Time, ok bool) { return at, false }

package files

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lockFails is a disk on which no lock can be taken.
type lockFails struct {
	vfs.FS
	why error
}

// Lock fails.
func (l lockFails) Lock(string) (io.Closer, error) { return nil, l.why }

func TestALockThatFailsForAnotherReasonIsNotInUse(t *testing.T) {
	for why, inUse := range map[error]bool{syscall.EAGAIN: true, syscall.EROFS: false, syscall.EACCES: false, syscall.ENOSPC: false} {
		_, err := TakeLock("data", lockFails{vfs.NewMem(), why})
		if errors.Is(err, ErrLocked) != inUse || !errors.Is(err, why) {
			t.Errorf("%v: got %v", why, err)
		}
	}
}

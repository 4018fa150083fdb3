package files

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt returns when a file was last changed, renamed, or given other rights. A copy may
// bring an old modification time with it; this one it can't.
func changedAt(info fs.FileInfo) (at time.Time, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return at, false
	}
	return time.Unix(stat.Ctim.Unix()), true
}

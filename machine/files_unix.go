//go:build unix

package machine

import "golang.org/x/sys/unix"

// FileLimit returns how many files the process may open. Go has raised the limit as far as
// it may when the process started.
func FileLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return unknownFileLimit
	}
	return int(min(uint64(l.Cur), 1<<20))
}

// unknownFileLimit is the limit of most systems.
const unknownFileLimit = 1024

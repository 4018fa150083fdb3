//go:build unix

package pattern

import (
	"syscall"
	"time"
)

// cpuTime is the processor time this process has used: on a machine that others
// use as well, the clock on the wall says little.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

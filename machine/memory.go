// Package machine tells what the machine gives the router, memory and file descriptors,
// and how they are shared out.
package machine

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Memory is how much memory the router may use, in bytes, and what each part of it gets.
type Memory struct {
	// Total is what the whole is held to.
	Total int64
	// Lanes is for the events that lanes hold, Bodies for the bodies of requests that are
	// being read, Work for what is made of bodies that have been read.
	Lanes, Bodies, Work int64
}

// share is the part of the machine's memory that the router uses where nothing is said.
const share = 0.6

const (
	// ownMemory is what the store and the program itself need.
	ownMemory = 96 << 20
	// leastMemory is what the parts get however little there is.
	leastMemory = 16 << 20
	// mostWork is as much work under way as is of use: with more, larger groups share an
	// fsync, and the disk is no faster.
	mostWork = 6 << 20
)

// ShareMemory shares out a total; 0 stands for 60 % of what the machine has, or for
// GOMEMLIMIT, if that is less.
func ShareMemory(total int64) Memory {
	if total <= 0 {
		total = defaultMemory(available(), debug.SetMemoryLimit(-1))
	}
	third := max(total-ownMemory, leastMemory) / 3
	return Memory{Total: total, Lanes: third, Bodies: third, Work: min(third, mostWork)}
}

// defaultMemory returns the total for a machine with so much memory, 0 if that is not
// known, and the garbage collector's limit.
func defaultMemory(available uint64, limit int64) int64 {
	if available == 0 || available > math.MaxInt64 {
		available = 2 << 30
	}
	return min(int64(share*float64(available)), limit)
}

// Hold makes the garbage collector hold the process to the total and spare memory, unless the
// environment says GOMEMLIMIT or GOGC, until the returned function is called.
func (m Memory) Hold() (end func()) {
	var ends []func()
	if os.Getenv("GOMEMLIMIT") == "" {
		before := debug.SetMemoryLimit(m.Total)
		ends = append(ends, func() { debug.SetMemoryLimit(before) })
	}
	if os.Getenv("GOGC") == "" {
		ends = append(ends, pace())
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// available returns the memory of the control group or of the machine, whichever is
// less, in bytes; 0 where neither is known.
func available() uint64 {
	least := uint64(0)
	for _, provider := range []memlimit.Provider{memlimit.FromCgroup, memlimit.FromSystem} {
		if n, err := provider(); err == nil && n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

package machine

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestGarbage: how much garbage there may be goes by what has to be scanned, not by what lies
// in the heap.
func TestGarbage(t *testing.T) {
	const mib = 1 << 20
	for name, test := range map[string]struct {
		live, scanned uint64
		want          int
	}{
		"empty":                     {0, 0, 3200},
		"a little":                  {16 * mib, 8 * mib, 200},
		"tables in memory":          {80 * mib, 12 * mib, 40},
		"many rules":                {400 * mib, 300 * mib, 75},
		"all of it must be scanned": {300 * mib, 300 * mib, 100},
	} {
		if got := garbage(test.live, test.scanned); got != test.want {
			t.Errorf("%s: %d %%, want %d", name, got, test.want)
		}
	}
}

// TestHoldPacesTheCollector: after a collection the percentage goes by the heap as it is then,
// and once it has ended it is that of before.
func TestHoldPacesTheCollector(t *testing.T) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		t.Skip("GOGC or GOMEMLIMIT is set: the router leaves the collector alone then")
	}
	before := percent()
	end := ShareMemory(0).Hold()
	table := make([]byte, 128<<20) // nothing to scan
	for deadline := time.Now().Add(10 * time.Second); percent() >= 100; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d %% with a heap that has next to nothing to scan", percent())
		}
	}
	runtime.KeepAlive(table)
	end()
	for range 3 {
		runtime.GC()
	}
	if got := percent(); got != before {
		t.Errorf("%d %% afterwards, %d before", got, before)
	}
}

// percent returns the collector's percentage.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

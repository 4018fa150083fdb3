package cluster

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestHowFarBehindANodeIs goes by the node's own clock, also where it never reaches the end of a log that grows.
func TestHowFarBehindANodeIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p progress
		is := func(groups uint64, behind time.Duration) {
			t.Helper()
			if g, b := p.lag(); g != groups || b != behind {
				t.Errorf("it is %d messages and %v behind, want %d and %v", g, b, groups, behind)
			}
		}
		p.ends(10)
		is(10, 0)
		time.Sleep(3 * time.Second)
		is(10, 3*time.Second)
		p.ends(20)
		time.Sleep(time.Second)
		p.reads(10) // what the log had 4 s ago
		is(10, 4*time.Second)
		p.ends(30)
		time.Sleep(time.Second)
		is(20, 4*time.Second)
		time.Sleep(4 * time.Second)
		is(20, 5*time.Second)
		p.reads(30)
		is(0, 0)
		p.ends(30)
		p.ends(31)
		is(1, 0)
	})
}

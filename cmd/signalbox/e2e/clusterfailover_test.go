package e2e

import (
	"slices"
	"testing"
	"time"
)

// TestClusterFailover kills the leader again and again, and measures how long it takes from its death
// to the first delivery by its successor. CLUSTER_ROUNDS makes it as often, and then again with the leader's
// whole machine, which has a NATS server too.
func TestClusterFailover(t *testing.T) {
	rounds := fromEnvironment(t, "CLUSTER_ROUNDS", 0)
	for _, c := range []struct {
		name string
		// server kills the server on the leader's machine too.
		server bool
	}{{"router", false}, {"machine", true}} {
		if c.server && rounds == 0 {
			continue // one of TestClusterFaults
		}
		t.Run(c.name, func(t *testing.T) {
			x := newClustered(t, usualServers, "64MiB")
			x.begin()
			var took []time.Duration
			for range max(rounds, 1) {
				leader := x.leader()
				var died time.Time
				x.round(func() func() {
					died = time.Now()
					x.nodes[leader].kill()
					servers := func() {}
					if c.server {
						servers = x.killServers(leader)
					}
					took = append(took, x.awaitDelivery(leader, died).Sub(died))
					return func() { servers(); x.nodes[leader].launch() }
				}, 0)
			}
			x.judge()
			slices.Sort(took)
			at := func(q float64) time.Duration {
				return took[int(q*float64(len(took)-1)+0.5)].Round(10 * time.Millisecond)
			}
			t.Logf("from the death of the leader's %s to the first delivery by its successor, %d times: p50 %v, p95 %v, longest %v", c.name, len(took), at(0.5), at(0.95), took[len(took)-1].Round(10*time.Millisecond))
			if longest := took[len(took)-1]; longest > 30*time.Second {
				t.Errorf("no delivery for %v", longest)
			}
		})
	}
}

// awaitDelivery waits for a delivery by another node than one after a time, and returns when it came.
func (x *clustered) awaitDelivery(than int, after time.Time) (at time.Time) {
	x.t.Helper()
	name := x.nodeName(than)
	x.nodes[0].eventually(60*time.Second, "delivering by another node", func() bool {
		all := x.s.receipts()
		for i := len(all) - 1; i >= 0 && all[i].at.After(after); i-- {
			if all[i].node != name {
				at = all[i].at
			}
		}
		return !at.IsZero()
	})
	return at
}

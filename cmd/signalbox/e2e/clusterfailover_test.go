package e2e

import (
	"net/http"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestClusterFailover ends the leader again and again, and measures how long it takes from then to the first delivery by
// its successor. CLUSTER_ROUNDS makes it as often, and in each way.
func TestClusterFailover(t *testing.T) {
	rounds := fromEnvironment(t, "CLUSTER_ROUNDS", 0)
	for _, c := range []struct {
		name string
		end  func(x *clustered, leader int) (mend func())
	}{
		{"router killed", func(x *clustered, leader int) func() { return x.killNodes(leader) }},
		{"machine killed", func(x *clustered, leader int) func() {
			nodes, servers := x.killNodes(leader), x.killServers(leader)
			return func() { servers(); nodes() }
		}},
		{"machine silent", func(x *clustered, leader int) func() { // nobody tells that its connections are gone
			x.nodes[leader].signal(syscall.SIGSTOP)
			x.nats.Servers[leader].Signal(syscall.SIGSTOP)
			return func() {
				nodes, servers := x.killNodes(leader), x.killServers(leader)
				servers()
				nodes()
			}
		}},
		{"router stopped in good order", func(x *clustered, leader int) func() {
			x.nodes[leader].signal(os.Interrupt)
			return func() {
				_ = x.nodes[leader].cmd.Wait()
				x.nodes[leader].launch()
			}
		}},
		{"router told to step down", func(x *clustered, leader int) func() {
			x.stepDown(leader)
			return func() {}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if rounds == 0 && c.name != "router killed" {
				t.Skip("CLUSTER_ROUNDS is not set; TestClusterFaults has the others")
			}
			x := newClustered(t, usualServers, "64MiB")
			x.begin()
			var took []time.Duration
			for range max(rounds, 1) {
				leader := x.leader()
				x.round(func() func() {
					began := time.Now()
					mend := c.end(x, leader)
					took = append(took, x.awaitDelivery(leader, began).Sub(began))
					return mend
				}, 0)
			}
			x.judge()
			slices.Sort(took)
			at := func(q float64) time.Duration {
				return took[int(q*float64(len(took)-1)+0.5)].Round(10 * time.Millisecond)
			}
			t.Logf("%s, %d times: from then to the first delivery by its successor p50 %v, p95 %v, longest %v", c.name, len(took), at(0.5), at(0.95), took[len(took)-1].Round(10*time.Millisecond))
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

// stepDown tells the leader to let another node lead, once one follows that could.
func (x *clustered) stepDown(leader int) {
	x.t.Helper()
	x.nodes[leader].eventually(60*time.Second, "stepping down", func() bool {
		r, err := x.nodes[leader].do(impatient, http.MethodPost, "/v1/cluster/step-down", nil)
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusAccepted
	})
}

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestClusterWiped removes the data of a follower under load, again and again. It catches up of a
// snapshot, while the log before the snapshot has been purged. CLUSTER_RATE is how many events a second
// come in meanwhile.
func TestClusterWiped(t *testing.T) {
	x := newClustered(t, usualServers, "1MiB")
	rate := fromEnvironment(t, "CLUSTER_RATE", 500)
	x.load = clusterLoad{producers: 16, batch: max(rate/200, 1), pause: 50 * time.Millisecond}
	x.begin()
	for range fromEnvironment(t, "CLUSTER_ROUNDS", 1) {
		victim := (x.leader() + 1) % 3
		x.insistOn("/v1/cluster/snapshot", "")
		before, begin := x.acknowledged(), time.Now()
		after := x.round(func() func() { return x.wipeNodes(victim) }, time.Second)
		t.Logf("node %d was wiped: whole again after %v; %.0f events/s were acknowledged meanwhile", victim+1, after.Round(time.Millisecond), float64(x.acknowledged()-before)/time.Since(begin).Seconds())
	}
	x.judge()
}

// TestClusterRestart restarts the whole cluster, the servers too, while deliveries are pending:
// CLUSTER_PENDING events with one each to three targets that are down. It measures until all nodes are ready.
func TestClusterRestart(t *testing.T) {
	pending := fromEnvironment(t, "CLUSTER_PENDING", 2000)
	x := newClustered(t, usualServers, "64MiB")
	x.load = clusterLoad{producers: 8, batch: min(100, pending/8)}
	x.s.be(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	})
	x.begin()
	x.nodes[0].eventually(30*time.Minute, "filled", func() bool { return x.acknowledged() >= pending })
	x.stop.Store(true)
	x.producers.Wait()
	acked := uint64(x.acknowledged())
	for _, c := range []struct {
		name    string
		servers []int
	}{{"routers", nil}, {"routers and servers", []int{0, 1, 2}}} {
		from := time.Now()
		routers, servers := x.killNodes(0, 1, 2), x.killServers(c.servers...)
		servers()
		if c.servers != nil {
			x.nats.AwaitLeader()
		}
		begin := time.Now()
		routers()
		var a accounts
		x.nodes[0].eventually(5*time.Minute, "led again", func() bool {
			var err error
			a, err = x.nodes[0].accounts()
			return err == nil
		})
		x.awaitReady(5 * time.Minute)
		x.breaks = append(x.breaks, span{from, time.Now()})
		t.Logf("%s were killed with %d events pending: all are ready after %v", c.name, acked, time.Since(begin).Round(time.Millisecond))
		if d := a.Deliveries; d.Planned != 3*acked || d.Delivered+d.Dead+d.Dropped > 0 {
			t.Errorf("%d events are pending; the accounts say %+v", acked, a)
		}
	}
	if pending > 100_000 {
		return // they are not delivered in a time that anybody would wait
	}
	x.s.be(kind)
	x.judge()
}

func (x *clustered) nodeName(n int) string { return fmt.Sprint(n + 1) }

package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"signalbox/targets/targetstest/natsserver"
)

// clusterFault is one way in which a part of a cluster fails, until it is mended.
type clusterFault struct {
	name string
	// least and most are how long it lasts; a lease ends after 5 s.
	least, most time.Duration
	fault       func(x *clustered, leader int) (mend func())
}

var clusterFaults = []clusterFault{
	{"leader killed", 0, 8 * time.Second, func(x *clustered, leader int) func() { return x.killNodes(leader) }},
	{"node killed", 0, 8 * time.Second, func(x *clustered, leader int) func() { return x.killNodes(rand.IntN(3)) }},
	{"all nodes killed", 0, 2 * time.Second, func(x *clustered, leader int) func() { return x.killNodes(0, 1, 2) }},
	{"leader wiped", 0, 6 * time.Second, func(x *clustered, leader int) func() { return x.wipeNodes(leader) }},
	{"node wiped", 0, 6 * time.Second, func(x *clustered, leader int) func() { return x.wipeNodes(rand.IntN(3)) }},
	{"all nodes wiped", 0, 2 * time.Second, func(x *clustered, leader int) func() { return x.wipeNodes(0, 1, 2) }},
	{"leader stopped", time.Second, 12 * time.Second, func(x *clustered, leader int) func() { return x.stopNode(leader) }},
	{"node stopped", time.Second, 12 * time.Second, func(x *clustered, leader int) func() { return x.stopNode(rand.IntN(3)) }},
	{"leader held from the servers", time.Second, 10 * time.Second, func(x *clustered, leader int) func() { return x.holdNode(leader) }},
	{"node held from the servers", time.Second, 10 * time.Second, func(x *clustered, leader int) func() { return x.holdNode(rand.IntN(3)) }},
	{"node held from a server", time.Second, 10 * time.Second, func(x *clustered, leader int) func() {
		w := x.toServer[rand.IntN(3)][rand.IntN(3)]
		w.Hold(direction())
		return w.Mend
	}},
	{"node's connections cut", 0, 3 * time.Second, func(x *clustered, leader int) func() {
		ways := x.toServer[rand.IntN(3)]
		for _, w := range ways {
			w.Cut()
		}
		return func() {
			for _, w := range ways {
				w.Mend()
			}
		}
	}},
	{"leader held from the nodes", time.Second, 8 * time.Second, func(x *clustered, leader int) func() {
		w := x.toNode[leader]
		w.Hold(direction())
		return w.Mend
	}},
	{"leader steps down", 0, time.Second, func(x *clustered, leader int) func() {
		r, err := x.nodes[leader].do(impatient, http.MethodPost, "/v1/cluster/step-down", nil)
		if err == nil { // it may have been killed just before
			r.Body.Close()
		}
		return func() {}
	}},
	{"server killed", 0, 6 * time.Second, func(x *clustered, leader int) func() { return x.killServers(rand.IntN(3)) }},
	{"two servers killed", 0, 6 * time.Second, func(x *clustered, leader int) func() {
		n := rand.IntN(3)
		return x.killServers(n, (n+1)%3)
	}},
	{"all servers killed", 0, 3 * time.Second, func(x *clustered, leader int) func() { return x.killServers(0, 1, 2) }},
	{"server stopped", time.Second, 12 * time.Second, func(x *clustered, leader int) func() {
		s := x.nats.Servers[rand.IntN(3)]
		s.Signal(syscall.SIGSTOP)
		return func() { s.Signal(syscall.SIGCONT) }
	}},
	{"server held from the others", time.Second, 12 * time.Second, func(x *clustered, leader int) func() {
		n, both := rand.IntN(3), rand.IntN(2) == 0
		x.nats.Hold(n, (n+1)%3, both)
		x.nats.Hold(n, (n+2)%3, both)
		return x.nats.Mend
	}},
	{"server hears nobody", time.Second, 12 * time.Second, func(x *clustered, leader int) func() {
		n := rand.IntN(3)
		x.nats.Hold((n+1)%3, n, false)
		x.nats.Hold((n+2)%3, n, false)
		return x.nats.Mend
	}},
	{"machine gone", 0, 12 * time.Second, func(x *clustered, leader int) func() {
		n := leader
		servers, nodes := x.killServers(n), x.killNodes(n)
		return func() { servers(); nodes() }
	}},
}

// direction is what a way holds: one direction, the other, or both.
func direction() (toServer, fromServer bool) {
	n := 1 + rand.IntN(3)
	return n&1 > 0, n&2 > 0
}

func (x *clustered) killNodes(nodes ...int) (mend func()) {
	for _, n := range nodes {
		x.nodes[n].kill()
	}
	return func() {
		for _, n := range nodes {
			if x.nodes[n].cmd == nil { // another fault may have killed it too
				x.nodes[n].launch()
			}
		}
	}
}

// wipeNodes kills nodes and removes their data.
func (x *clustered) wipeNodes(nodes ...int) (mend func()) {
	mend = x.killNodes(nodes...)
	for _, n := range nodes {
		if err := os.RemoveAll(filepath.Join(x.nodes[n].dir, "data")); err != nil {
			x.t.Fatal(err)
		}
	}
	return mend
}

func (x *clustered) stopNode(n int) (mend func()) {
	signal := func(s syscall.Signal) {
		if x.nodes[n].cmd != nil {
			x.nodes[n].signal(s)
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGCONT) }
}

func (x *clustered) holdNode(n int) (mend func()) {
	toServer, fromServer := direction()
	for _, w := range x.toServer[n] {
		w.Hold(toServer, fromServer)
	}
	return func() {
		for _, w := range x.toServer[n] {
			w.Mend()
		}
	}
}

func (x *clustered) killServers(servers ...int) (mend func()) {
	for _, n := range servers {
		x.nats.Servers[n].Kill()
	}
	return func() {
		for _, n := range servers {
			x.nats.Servers[n].Start()
		}
	}
}

// TestClusterFaults makes one thing after another fail in a cluster under load. CLUSTER_ROUNDS makes as
// many faults, at random and sometimes two at once; after each ten the cluster is held against what the
// producers and the sink know, and begun anew.
func TestClusterFaults(t *testing.T) {
	const perCluster = 10
	rounds := fromEnvironment(t, "CLUSTER_ROUNDS", 0)
	if rounds == 0 {
		t.Run("usual", usualFaults)
	}
	for first := 0; first < rounds; first += perCluster {
		t.Run("random", func(t *testing.T) {
			servers := natsserver.Settings{Sync: []string{"always", "2m"}[rand.IntN(2)], MaxPayload: maxPayload}
			inParts := rand.IntN(3) == 0
			if inParts {
				servers.MaxPayload = "64KB"
			}
			x := newClustered(t, servers, "1MiB")
			if inParts {
				x.load = clusterLoad{producers: 4, batch: 5, pause: 300 * time.Millisecond, note: 15_000}
			}
			x.beginOperated()
			for n := first; n < min(first+perCluster, rounds); n++ {
				faults := []clusterFault{clusterFaults[rand.IntN(len(clusterFaults))]}
				if rand.IntN(5) == 0 {
					faults = append(faults, clusterFaults[rand.IntN(len(clusterFaults))])
				}
				x.fail(n, faults)
			}
			x.s.be(kind)
			x.judge()
		})
	}
}

// usualFaults makes those of every run of the tests, within half a minute or so.
func usualFaults(t *testing.T) {
	x := newClustered(t, usualServers, "1MiB")
	x.beginOperated()
	for n, name := range []string{"leader killed", "leader stopped", "leader held from the servers", "leader steps down", "machine gone", "server held from the others"} {
		f := clusterFaults[slices.IndexFunc(clusterFaults, func(f clusterFault) bool { return f.name == name })]
		f.most = min(f.most, 6*time.Second)
		x.fail(n, []clusterFault{f})
	}
	x.s.be(kind)
	x.judge()
}

// fail is one round of faults.
func (x *clustered) fail(round int, faults []clusterFault) {
	x.t.Helper()
	if rand.IntN(3) == 0 {
		x.s.be(x.refuses(flapping))
	}
	lasts := faults[0].least + rand.N(faults[0].most-faults[0].least)
	names := ""
	leader := x.leader()
	after := x.round(func() func() {
		var mends []func()
		for _, f := range faults {
			names += f.name + ", "
			mends = append(mends, f.fault(x, leader))
		}
		return func() {
			for _, mend := range mends {
				mend()
			}
		}
	}, lasts)
	x.s.be(x.refuses(kind))
	x.t.Logf("round %d: %sfor %v; whole again after %v", round+1, names, lasts.Round(time.Millisecond), after.Round(time.Millisecond))
}

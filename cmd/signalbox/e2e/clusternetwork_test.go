package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"signalbox/targets/targetstest"
)

// lan is a network of three machines, each a network namespace with an address, and of the test.
type lan struct {
	t testing.TB
	// ip is the test's address.
	ip       string
	machines []targetstest.Machine
	// names are those of the namespaces, and ports what joins each to the network.
	names, ports []string
}

// newLAN makes one, which ends with the test. That needs root, ip and nft.
func newLAN(t testing.TB) *lan {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("networks are made by root alone")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("networks are made with %s: %v", tool, err)
		}
	}
	id := os.Getpid() % 100_000
	n := &lan{t: t, ip: n3(id, 254)}
	bridge := fmt.Sprint("sb", id)
	if out, err := exec.Command("ip", "link", "add", bridge, "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("this machine makes no networks: %v: %s", err, out)
	}
	t.Cleanup(func() { n.ran("ip link del " + bridge) })
	n.ran("ip addr add " + n.ip + "/24 dev " + bridge)
	n.ran("ip link set " + bridge + " up")
	for i := range 3 {
		name, port, ip := fmt.Sprintf("%s-%d", bridge, i+1), fmt.Sprintf("%sp%d", bridge, i+1), n3(id, i+1)
		n.ran("ip netns add " + name)
		t.Cleanup(func() { n.ran("ip netns del " + name) })
		n.ran("ip link add " + port + " type veth peer name eth0 netns " + name)
		n.ran("ip link set " + port + " master " + bridge + " up")
		n.ran("ip -n " + name + " addr add " + ip + "/24 dev eth0")
		n.ran("ip -n " + name + " link set eth0 up")
		n.ran("ip -n " + name + " link set lo up")
		n.names, n.ports = append(n.names, name), append(n.ports, port)
		n.machines = append(n.machines, targetstest.Machine{IP: ip, Exec: []string{"ip", "netns", "exec", name}})
		n.filter(i, "add table inet cut")
		n.filter(i, "add chain inet cut in { type filter hook input priority 0 ; }")
	}
	return n
}

// n3 is an address in a network of its own.
func n3(id, host int) string { return fmt.Sprintf("10.213.%d.%d", id%250, host) }

// ran runs a command that must not fail.
func (n *lan) ran(command string) {
	n.t.Helper()
	args := strings.Fields(command)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		n.t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// filter changes what a machine takes of the network.
func (n *lan) filter(machine int, command string) {
	n.t.Helper()
	n.ran("ip netns exec " + n.names[machine] + " nft " + command)
}

// drop has a machine take nothing that comes from another.
func (n *lan) drop(at, from int) {
	n.t.Helper()
	n.filter(at, "add rule inet cut in ip saddr "+n.machines[from].IP+" drop")
}

// mend ends all that has been cut.
func (n *lan) mend() {
	n.t.Helper()
	for i := range n.names {
		n.filter(i, "flush chain inet cut in")
		n.ran("ip link set " + n.ports[i] + " up")
	}
}

// faults are those of the network.
func (n *lan) faults() []clusterFault {
	cut := func(name string, most time.Duration, fault func(leader int)) clusterFault {
		return clusterFault{name, time.Second, most, func(_ *clustered, leader int) func() {
			fault(leader)
			return n.mend
		}}
	}
	return []clusterFault{
		cut("leader unplugged", 12*time.Second, func(leader int) { n.ran("ip link set " + n.ports[leader] + " down") }),
		cut("leader's machine hears neither", 12*time.Second, func(leader int) {
			n.drop(leader, (leader+1)%3)
			n.drop(leader, (leader+2)%3)
		}),
		cut("neither hears the leader's machine", 12*time.Second, func(leader int) {
			n.drop((leader+1)%3, leader)
			n.drop((leader+2)%3, leader)
		}),
		cut("leader's machine and another apart", 8*time.Second, func(leader int) {
			other := (leader + 1 + rand.IntN(2)) % 3
			n.drop(leader, other)
			n.drop(other, leader)
		}),
		cut("one machine does not hear another", 8*time.Second, func(int) {
			at := rand.IntN(3)
			n.drop(at, (at+1+rand.IntN(2))%3)
		}),
		cut("machine unplugged", 12*time.Second, func(int) { n.ran("ip link set " + n.ports[rand.IntN(3)] + " down") }),
		cut("a fifth of all packets lost", 8*time.Second, func(int) {
			for i := range n.names {
				n.filter(i, "add rule inet cut in numgen random mod 5 == 0 drop")
			}
		}),
		cut("all apart", 4*time.Second, func(int) {
			for i := range 3 {
				n.drop(i, (i+1)%3)
				n.drop(i, (i+2)%3)
			}
		}),
	}
}

// TestClusterNetworks parts three machines of one router and one server each, which are joined by a network and not by
// ways of the test: whoever is cut off gets no packet, and no end of a connection. CLUSTER_ROUNDS makes as many faults.
func TestClusterNetworks(t *testing.T) {
	n := newLAN(t)
	servers := usualServers
	servers.Machines = n.machines
	x := newClusteredAround(t, newSinkAt(t, n.ip), servers, "1MiB")
	x.beginOperated()
	faults := n.faults()
	for round := range fromEnvironment(t, "CLUSTER_ROUNDS", len(faults)) {
		x.fail(round, faults[round%len(faults):][:1])
	}
	x.s.be(kind)
	x.judge()
}

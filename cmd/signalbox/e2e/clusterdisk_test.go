package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signalbox/targets/targetstest"
)

// volume is a disk of its own, on a file, whose power can be cut.
type volume struct {
	t         testing.TB
	file, dir string
}

// newVolume makes one of so many MiB. That needs root.
func newVolume(t testing.TB, mebibytes int64) *volume {
	t.Helper()
	base := t.TempDir()
	v := &volume{t, filepath.Join(base, "disk"), filepath.Join(base, "on")}
	must(t, os.Mkdir(v.dir, 0o700))
	must(t, os.WriteFile(v.file, nil, 0o600))
	must(t, os.Truncate(v.file, mebibytes<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", v.file).CombinedOutput(); err != nil {
		t.Skipf("a disk can't be made here: %v: %s", err, out)
	}
	if out, err := v.mount(); err != nil {
		t.Skipf("a disk can't be mounted here: %v: %s", err, out)
	}
	t.Cleanup(v.unmount)
	return v
}

func (v *volume) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop", v.file, v.dir).CombinedOutput()
}

func (v *volume) unmount() {
	v.t.Helper()
	if out, err := exec.Command("umount", v.dir).CombinedOutput(); err != nil {
		v.t.Errorf("umount: %v: %s", err, out)
	}
}

// cut ends the disk as the end of its power would: what has not been synced is not there when it is mounted again.
func (v *volume) cut() {
	v.t.Helper()
	const shutdown, withoutFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	d, err := os.Open(v.dir)
	must(v.t, err)
	defer d.Close()
	if err := unix.IoctlSetPointerInt(int(d.Fd()), shutdown, withoutFlush); err != nil {
		v.t.Fatalf("the disk's power can't be cut: %v", err)
	}
}

// restore mounts the disk again, once nothing has a file of it open.
func (v *volume) restore() {
	v.t.Helper()
	v.unmount()
	if out, err := v.mount(); err != nil {
		v.t.Fatalf("mount: %v: %s", err, out)
	}
}

// TestClusterPowerCut cuts the power of all three machines at once, and of the leader's alone. With servers that sync
// always nothing is lost that was acknowledged.
func TestClusterPowerCut(t *testing.T) {
	var disks []*volume
	servers := usualServers
	for range 3 {
		v := newVolume(t, 256)
		disks, servers.Machines = append(disks, v), append(servers.Machines, targetstest.Machine{Dir: v.dir})
	}
	x := newClustered(t, servers, "1MiB")
	for _, p := range x.nodes {
		p.write("config.yaml", p.read("config.yaml")+"min_free_disk: 4MiB\n")
	}
	x.beginOperated()
	cut := func(machines ...int) (mend func()) {
		for _, n := range machines {
			disks[n].cut()
		}
		servers, nodes := x.killServers(machines...), x.killNodes(machines...)
		return func() {
			for _, n := range machines {
				disks[n].restore()
			}
			servers()
			nodes()
		}
	}
	faults := []clusterFault{
		{"all powers cut", 0, 2 * time.Second, func(*clustered, int) func() { return cut(0, 1, 2) }},
		{"leader's power cut", 0, 8 * time.Second, func(_ *clustered, leader int) func() { return cut(leader) }},
	}
	for round := range fromEnvironment(t, "CLUSTER_ROUNDS", 3) {
		x.fail(round, faults[round%2:][:1])
	}
	x.s.be(kind)
	x.judge()
}

// TestClusterFullDisks fills the disk of the leader, and then the one of its whole machine, which has a NATS server
// too. Another leads then, and takes events in; with room again all is as on the others.
func TestClusterFullDisks(t *testing.T) {
	servers := usualServers
	servers.Machines = make([]targetstest.Machine, 3)
	for i := range servers.Machines {
		servers.Machines[i].Dir = t.TempDir()
	}
	small := func(t *testing.T, dir string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size=64m"); err != nil {
			t.Skipf("a small disk can't be had here: mounting a tmpfs: %v", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct {
		name string
		// of returns the directory of a machine that is a disk of its own.
		of func(machine string) string
	}{
		{"router", func(machine string) string { return filepath.Join(machine, "router") }},
		{"machine", func(machine string) string { return machine }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range servers.Machines {
				small(t, c.of(servers.Machines[i].Dir))
			}
			x := newClustered(t, servers, "1MiB")
			for _, p := range x.nodes {
				p.write("config.yaml", p.read("config.yaml")+"min_free_disk: 4MiB\n")
			}
			x.begin()
			leader := x.leader()
			ballast := filepath.Join(c.of(servers.Machines[leader].Dir), "ballast")
			x.round(func() func() {
				fill(t, ballast)
				acked := x.acknowledged()
				x.nodes[0].eventually(60*time.Second, "taking events while the leader's disk is full", func() bool { return x.acknowledged() > acked+500 })
				return func() {
					must(t, os.Remove(ballast))
					x.nodes[leader].kill()
					x.nodes[leader].launch()
					x.nats.Servers[leader].Kill()
					x.nats.Servers[leader].Start()
				}
			}, 0)
			t.Log(fmt.Sprint("led by node ", x.leader()+1, " after node ", leader+1))
			x.judge()
		})
	}
}

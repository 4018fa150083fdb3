package natsserver

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/targets/targetstest"
)

// Cluster is three servers in processes of their own, with JetStream on files. They reach each
// other by ways that can be cut, and so do the clients of Address.
type Cluster struct {
	Servers []*Process

	t testing.TB
	// between has the ways from each server to each other one.
	between [][]*targetstest.Way
}

// Process is a server in a process of its own.
type Process struct {
	// Address is where clients reach the server itself.
	Address string

	t            testing.TB
	on           targetstest.Machine
	binary, file string
	log          *os.File
	cmd          *exec.Cmd
}

// Build builds the server of the module's version in a directory, unless it is there.
func Build(t testing.TB, dir string) (binary string) {
	t.Helper()
	binary = filepath.Join(dir, "nats-server")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	build := exec.Command("go", "build", "-o", binary, "github.com/nats-io/nats-server/v2")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("nats-server does not build: %v\n%s", err, out)
	}
	return binary
}

// clusterConfig is a server's. It tells clients and servers of no address, so that all connections
// are made along the ways: what it would be reached at as a server is an address where nobody is.
const clusterConfig = `
server_name: n%[1]d
listen: %[2]q
max_payload: %[7]s
jetstream {store_dir: %[3]q, sync_interval: %[4]s}
cluster {name: test, listen: %[5]q, no_advertise: true, advertise: "127.0.0.1:1", routes: [%[6]s]}
`

// Settings are those of a cluster's servers.
type Settings struct {
	// Sync is when they sync their files: always, or an interval such as 2m, their default.
	Sync string
	// MaxPayload is how large a message can be, such as 1MB, their default.
	MaxPayload string
	// Machines are what the servers run on; nil is the test's own. Those with an address of their own reach each other
	// straight, so that Hold does nothing.
	Machines []targetstest.Machine
}

// StartCluster starts three servers and waits until they have a leader.
func StartCluster(t testing.TB, binary string, settings Settings) *Cluster {
	t.Helper()
	const servers = 3
	c := &Cluster{t: t, between: make([][]*targetstest.Way, servers)}
	var routes []string
	for i := range servers {
		s := &Process{t: t, binary: binary}
		if settings.Machines != nil {
			s.on = settings.Machines[i]
		}
		s.Address, routes = s.on.Listen(t, 4222), append(routes, s.on.Listen(t, 6222))
		c.Servers = append(c.Servers, s)
	}
	for i, s := range c.Servers {
		dir := t.TempDir()
		var urls []string
		for j, to := range c.Servers {
			address := routes[j]
			if to.on.IP == "" {
				w := targetstest.NewWay(t, address)
				c.between[i], address = append(c.between[i], w), w.Address
			}
			if j != i {
				urls = append(urls, fmt.Sprintf("%q", "nats-route://"+address))
			}
		}
		s.file = filepath.Join(dir, "nats.conf")
		text := fmt.Sprintf(clusterConfig, i+1, s.Address, filepath.Join(cmp.Or(s.on.Dir, dir), "store"), settings.Sync, routes[i], strings.Join(urls, ", "), settings.MaxPayload)
		if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if s.log, err = os.Create(filepath.Join(t.ArtifactDir(), fmt.Sprintf("nats-%d.log", i+1))); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			s.Kill()
			s.log.Close()
			if t.Failed() {
				b, _ := os.ReadFile(s.log.Name())
				t.Logf("the end of the log of server %d:\n%s", i+1, b[max(0, len(b)-2000):])
			}
		})
		s.Start()
	}
	c.AwaitLeader()
	return c
}

// URLs returns what a client connects to that reaches the servers themselves.
func (c *Cluster) URLs() string {
	var all []string
	for _, s := range c.Servers {
		all = append(all, "nats://"+s.Address)
	}
	return strings.Join(all, ",")
}

// AwaitLeader waits until JetStream answers as a cluster of three.
func (c *Cluster) AwaitLeader() {
	c.t.Helper()
	nc, err := nats.Connect(c.URLs(), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		c.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Second))
	if err != nil {
		c.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "AWAIT", Replicas: len(c.Servers)})
		if err == nil {
			err = js.DeleteStream(context.Background(), "AWAIT")
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("the NATS cluster has no leader within a minute: %v", err)
		}
	}
}

// Hold keeps what two servers send to each other, or only what the first sends to the second,
// until Mend.
func (c *Cluster) Hold(from, to int, both bool) {
	c.between[from][to].Hold(true, both)
	c.between[to][from].Hold(both, true)
}

// Mend ends all that Hold has begun.
func (c *Cluster) Mend() {
	for _, ways := range c.between {
		for _, w := range ways {
			w.Mend()
		}
	}
}

// Start starts the server, again if it was killed, and does not wait for it. One that runs is left as it is.
func (p *Process) Start() {
	p.t.Helper()
	if p.cmd != nil {
		return
	}
	p.cmd = p.on.Command(p.binary, "-c", p.file)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// Kill ends the server as a power cut would end it, but for what the kernel has of its files.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// Signal sends a signal to the server, if it runs.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// PID returns the number of the server's process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

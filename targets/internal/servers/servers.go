// Package servers starts real servers for tests: each in a directory of its own, on a free
// port of this machine, ended with its test. A test whose server is not installed is skipped,
// and the skip says which package is missing.
package servers

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a server that runs.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	output lines
	ended  chan struct{}
}

// lines keeps the end of what a server prints.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() > 64<<10 {
		l.buf.Reset()
	}
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start starts a program in a group of processes of its own, which kill ends.
func start(t testing.TB, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = time.Second // a child of it may keep the pipe open
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // it is killed
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // which may have ended
	<-p.ended
}

// await waits until something is so.
func (p *process) await(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(90 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended before %s:\n%s", p.cmd.Path, what, p.output.String())
		default:
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: not %s in time:\n%s", p.cmd.Path, what, p.output.String())
		}
	}
}

// listens reports whether somebody accepts connections at an address.
func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// The ports that FreePort gives are below those that the kernel gives to connections and to listeners at
// port 0, which begin at 32768 on Linux (ip_local_port_range) and at 49152 elsewhere (RFC 6335): one of
// those could be in use again before the server of a test listens there, or while it is down.
const (
	firstPort = 10000
	lastPort  = 32000
)

// FreePort returns a port that nobody listens at. Until the test ends no other call is given it, in this
// process or another's: each holds the port of UDP that has its number.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		held, err := net.ListenPacket("udp", local(port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", local(port))
		if err != nil {
			_ = held.Close()
			continue
		}
		_ = l.Close()
		t.Cleanup(func() { _ = held.Close() })
		return port
	}
	t.Fatalf("no port from %d to %d is free", firstPort, lastPort)
	return 0
}

// tempDir is a directory that others may enter, for servers that run as another user.
func tempDir(t testing.TB, pattern string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// says reports whether the process has printed a text.
func (p *process) says(text string) bool { return strings.Contains(p.output.String(), text) }

// local returns an address of this machine.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

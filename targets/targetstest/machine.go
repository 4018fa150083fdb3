package targetstest

import (
	"net"
	"os/exec"
	"slices"
	"strconv"
	"testing"
)

// Machine is what a server runs on; the empty one is the test's own.
type Machine struct {
	// IP is its address in a network of its own; empty for loopback.
	IP string
	// Exec begins each command that is run on it.
	Exec []string
	// Dir is where the server keeps its files; empty for a directory that ends with the test.
	Dir string
}

// Command is one that runs on the machine.
func (m *Machine) Command(name string, args ...string) *exec.Cmd {
	all := slices.Concat(m.Exec, []string{name}, args)
	return exec.Command(all[0], all[1:]...)
}

// Listen returns where a server can listen on the machine: at a port, where it has an address of its own.
func (m *Machine) Listen(t testing.TB, port int) string {
	t.Helper()
	if m.IP == "" {
		return FreeAddress(t)
	}
	return net.JoinHostPort(m.IP, strconv.Itoa(port))
}

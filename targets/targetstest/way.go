package targetstest

import (
	"net"
	"sync"
	"testing"
)

// Way is a way to a server that can be cut, or hold what goes along it. It is for servers that lose
// what they have when they are killed themselves, and for networks that come apart.
type Way struct {
	// Address is where it begins.
	Address string

	mu      sync.Mutex
	changed *sync.Cond
	cut     bool
	held    [2]bool
	open    map[net.Conn]bool
}

// The directions of a way.
const (
	there = iota
	back
)

// NewWay returns a way to a server at an address.
func NewWay(t testing.TB, to string) *Way {
	t.Helper()
	w := &Way{open: map[net.Conn]bool{}}
	w.changed = sync.NewCond(&w.mu)
	w.Address = Serve(t, func(c net.Conn) {
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer w.forget(c, server)
		if !w.note(c, server) {
			return
		}
		go w.carry(c, server, back)
		w.carry(server, c, there)
	})
	t.Cleanup(w.Cut)
	return w
}

// carry takes bytes in one direction until either end is closed.
func (w *Way) carry(to, from net.Conn, direction int) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.wait(from, direction)
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// wait waits while a direction is held and the connection has not been cut.
func (w *Way) wait(c net.Conn, direction int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.held[direction] && w.open[c] {
		w.changed.Wait()
	}
}

// note notes connections; false where the way is cut.
func (w *Way) note(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.open[c] = true
	}
	return !w.cut
}

func (w *Way) forget(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(w.open, c)
	}
}

// Cut breaks all connections, and those that begin, until Mend.
func (w *Way) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.open {
		_ = c.Close()
	}
	clear(w.open)
	w.changed.Broadcast()
}

// Hold keeps what goes to the server, what comes from it, or both, as a network does that loses
// every packet: nobody is told. It goes on its way with Mend.
func (w *Way) Hold(toServer, fromServer bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = [2]bool{there: toServer, back: fromServer}
	w.changed.Broadcast()
}

// Mend ends a cut, and what was held goes on.
func (w *Way) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
	w.held = [2]bool{}
	w.changed.Broadcast()
}

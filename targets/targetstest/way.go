package targetstest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Way is a way to a server that can be cut. It is for servers that lose what they have when they are
// killed themselves.
type Way struct {
	// Address is where it begins.
	Address string

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

// NewWay returns a way to a server at an address.
func NewWay(t testing.TB, to string) *Way {
	t.Helper()
	w := &Way{open: map[net.Conn]bool{}}
	w.Address = Serve(t, func(c net.Conn) {
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		if !w.note(c, server) {
			return
		}
		go func() {
			_, _ = io.Copy(c, server)
			_ = c.Close()
		}()
		_, _ = io.Copy(server, c)
	})
	return w
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

// Cut breaks all connections, and those that begin, until Mend.
func (w *Way) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.open {
		_ = c.Close()
	}
	clear(w.open)
}

// Mend ends a cut.
func (w *Way) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}

package targetstest

import (
	"fmt"
	"net"
	"testing"

	"signalbox/targets/internal/servers"
)

// Serve makes up a server, which serves each connection in a goroutine of its own and then closes
// it, and returns its address. It listens until the test ends.
func Serve(t testing.TB, serve func(c net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// FreeAddress returns an address of this machine that nobody listens at, and that no listener at port 0
// and no connection is given.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", servers.FreePort(t))
}

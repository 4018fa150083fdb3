package targetstest_test

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"signalbox/targets/targetstest"
)

// TestWayHolds holds each direction of a way: what is held comes late, in order, and what goes in the
// other direction comes at once. A cut ends what is held.
func TestWayHolds(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	w := targetstest.NewWay(t, server.Addr().String())
	near, err := net.Dial("tcp", w.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	send := func(c net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	comes := func(c net.Conn, text string) {
		t.Helper()
		got := make([]byte, len(text))
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("%q came, want %q: %v", got, text, err)
		}
	}
	nothing := func(c net.Conn) {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n > 0 || !os.IsTimeout(err) {
			t.Fatalf("%d bytes came along a way that is held: %v", n, err)
		}
	}
	for _, d := range []struct {
		toServer   bool
		from, to   net.Conn
		word, back string
	}{{true, near, far, "ping", "pong"}, {false, far, near, "pong", "ping"}} {
		w.Hold(d.toServer, !d.toServer)
		send(d.from, d.word)
		send(d.to, d.back)
		comes(d.from, d.back)
		nothing(d.to)
		w.Mend()
		comes(d.to, d.word)
	}
	w.Hold(true, true)
	send(near, "lost")
	w.Cut()
	for _, c := range []net.Conn{near, far} {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 8)); n > 0 || err == nil || os.IsTimeout(err) {
			t.Errorf("%d bytes came along a way that was cut: %v", n, err)
		}
	}
}

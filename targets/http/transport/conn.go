package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// conn is one connection, used by one request at a time.
type conn struct {
	net.Conn
	reader *bufio.Reader
	// left is how much more of an answer may be read, of most.
	left, most int
	// broken is why the connection could not be read, which a parser of what came
	// before it may not tell.
	broken error
	out    []byte
	// used is when it was used last, until how long it may be.
	used, until time.Time
	probe       probe
}

func newConn(c net.Conn) *conn {
	out := &conn{Conn: c}
	out.reader = bufio.NewReader(out)
	socket := c
	if secured, ok := c.(*tls.Conn); ok {
		socket = secured.NetConn()
	}
	out.probe = newProbe(socket)
	return out
}

// Read reads from the connection, within the bounds of an answer.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", c.most)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	c.broken = err
	return n, err
}

func (c *conn) write(head, content []byte) error {
	if len(content) >= largeBody {
		both := net.Buffers{head, content} // in one system call, if the connection is TCP
		_, err := both.WriteTo(c.Conn)
		return err
	}
	c.out = append(append(c.out[:0], head...), content...)
	_, err := c.Conn.Write(c.out)
	return err
}

// quiet reports whether an idle connection is open and has nothing to read. Some
// servers send a 408 before they close one; a hostile one may send an answer that
// nobody has asked for.
func (c *conn) quiet() bool { return c.probe.quiet() && c.decryptedAll() }

// decryptedAll reports whether TLS has no record left that it has read and not yet
// handed on. With a deadline in the past it reads nothing from the socket.
func (c *conn) decryptedAll() bool {
	secured, ok := c.Conn.(*tls.Conn)
	if !ok {
		return true
	}
	if err := secured.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return false
	}
	var b [1]byte
	n, err := secured.Read(b[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

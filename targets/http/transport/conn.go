package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// longAgo is a deadline that breaks off whatever waits.
var longAgo = time.Unix(1, 0)

// conn is one connection, used by one request at a time.
type conn struct {
	net.Conn
	reader *bufio.Reader
	// left is how much more of an answer may be read, of most.
	left, most int
	// broken is why the connection could not be read, which a parser of what came
	// before it may not tell.
	broken error
	// watched is the context whose end breaks off what is done, until stop; once means that it
	// is that of one request.
	watched context.Context
	stop    func() bool
	once    bool
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

// lasting is a context that ends at its deadline, or with another one that outlives the request.
type lasting interface{ Lasting() context.Context }

// begin makes the connection end what is done with it when a request's context ends: its
// deadline is the connection's, and what lasts longer is watched once for many requests.
func (c *conn) begin(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	watched := ctx
	if l, ok := ctx.(lasting); ok {
		watched = l.Lasting()
	}
	if c.watched != watched {
		if !c.unwatch() {
			return net.ErrClosed
		}
		c.watched, c.stop = watched, context.AfterFunc(watched, func() { _ = c.SetDeadline(longAgo) })
	}
	c.once = watched == ctx
	return ctx.Err() // where it ended before the deadline was set
}

// end reports whether the connection can be used for another request. Where the watch has
// fired, it may yet touch the connection's deadline.
func (c *conn) end() bool {
	if c.once {
		return c.unwatch()
	}
	return c.watched.Err() == nil
}

// unwatch ends the watch, and reports whether it has not fired.
func (c *conn) unwatch() bool {
	if c.watched == nil {
		return true
	}
	stop := c.stop
	c.watched, c.stop = nil, nil
	return stop()
}

// Close closes the connection.
func (c *conn) Close() error {
	c.unwatch()
	return c.Conn.Close()
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
	if err := secured.SetReadDeadline(longAgo); err != nil {
		return false
	}
	var b [1]byte
	n, err := secured.Read(b[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

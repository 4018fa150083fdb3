package http

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"signalbox/targets"
	"signalbox/targets/remote"
)

const (
	// maxAnswerBytes bounds one answer with its header.
	maxAnswerBytes = targets.MaxAnswer + 64<<10
	// maxInformational is how many answers of 1xx may come before the final one.
	maxInformational = 5
	// largeBody is from what size on a body is not copied behind its header.
	largeBody = 16 << 10
)

// direct speaks HTTP/1.1 to one server, from the goroutine of the attempt.
//
// An http.Transport runs two goroutines for each connection, and hands each
// request to one and its answer back from the other; with small messages those
// hand-overs cost more than the messages. A target makes one request at a time
// on a connection and waits for its answer, so it can read and write itself.
// What is parsed, net/http parses.
type direct struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// address is host:port to dial. begin is the request up to its headers.
	address string
	begin   []byte
	// slots bounds the connections.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*directConn // the one used last is at the end
	sweep  *time.Timer   // closes idle connections; nil while there are none
	closed bool
}

// directConn is one connection, used by one attempt at a time.
type directConn struct {
	net.Conn
	reader *bufio.Reader
	// left is how much more of an answer may be read.
	left int
	// broken is why the connection could not be read, which a parser of what came
	// before it may not tell.
	broken error
	out    []byte
	used   time.Time
}

// Read reads from the connection, within the bounds of an answer.
func (c *directConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", maxAnswerBytes)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	c.broken = err
	return n, err
}

func newDirect(r *http.Request, tlsConfig *tls.Config, concurrency int) *direct {
	dialer := &net.Dialer{}
	port := "80"
	dial := dialer.DialContext
	if r.URL.Scheme == "https" {
		port = "443"
		tlsConfig = tlsConfig.Clone()
		if tlsConfig == nil {
			tlsConfig = &tls.Config{}
		}
		tlsConfig.NextProtos = []string{"http/1.1"}
		dial = (&tls.Dialer{NetDialer: dialer, Config: tlsConfig}).DialContext
	}
	return &direct{
		dial:    dial,
		address: net.JoinHostPort(r.URL.Hostname(), cmp.Or(r.URL.Port(), port)),
		begin:   fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), cmp.Or(r.Host, r.URL.Host)),
		slots:   make(chan struct{}, concurrency),
	}
}

// exchange sends a request and gives the answer, whose body must be closed. On a
// connection that had been used before and breaks before anything is answered,
// as when the server has closed it meanwhile, the request is sent again on
// another: it carries an idempotency key.
func (t *direct) exchange(r *http.Request, body *requestBody) (*http.Response, error) {
	ctx := r.Context()
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		body.tries++
		conn, reused, err := t.conn(ctx)
		if err != nil {
			<-t.slots
			return nil, err
		}
		resp, answered, err := t.try(conn, r, body.message)
		if err == nil {
			return resp, nil
		}
		conn.Close()
		if answered || !reused || ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			<-t.slots
			return nil, err
		}
	}
}

// conn gives the idle connection that was used last, else a new one.
func (t *direct) conn(ctx context.Context) (conn *directConn, reused bool, err error) {
	for {
		conn := t.takeIdle()
		if conn == nil {
			break
		}
		if time.Since(conn.used) < time.Second || quiet(conn.Conn) {
			return conn, true, nil
		}
		conn.Close()
	}
	c, err := t.dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, false, err
	}
	conn = &directConn{Conn: c}
	conn.reader = bufio.NewReader(conn)
	return conn, false, nil
}

// try makes one request. It tells whether anything was answered.
func (t *direct) try(conn *directConn, r *http.Request, m *remote.Message) (resp *http.Response, answered bool, err error) {
	ctx := r.Context()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if err != nil {
			stop()
		}
	}()
	conn.left = maxAnswerBytes
	writeErr := t.write(conn, m)
	// A server may answer and close before it has read all of the request; what it
	// has answered says more than that the write broke.
	if _, err := conn.reader.Peek(1); err != nil {
		return nil, false, cmp.Or(writeErr, err)
	}
	resp, err = readResponse(conn.reader, r)
	if err != nil {
		if errors.Is(conn.broken, os.ErrDeadlineExceeded) {
			err = conn.broken
		}
		return nil, true, err
	}
	answer := &directBody{body: resp.Body, owner: t, conn: conn, stop: stop, keep: writeErr == nil && !resp.Close}
	if resp.Body == http.NoBody {
		answer.ended = true
		answer.release()
		return resp, true, nil
	}
	resp.Body = answer
	return resp, true, nil
}

func (t *direct) write(conn *directConn, m *remote.Message) error {
	out := append(conn.out[:0], t.begin...)
	for _, f := range m.Fields {
		out = append(out, f.Name...)
		out = append(out, ": "...)
		out = append(out, f.Value...)
		out = append(out, "\r\n"...)
	}
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(len(m.Body)), 10)
	out = append(out, "\r\n\r\n"...)
	if len(m.Body) >= largeBody {
		conn.out = out
		both := net.Buffers{out, m.Body} // in one system call, if the connection is TCP
		_, err := both.WriteTo(conn.Conn)
		return err
	}
	conn.out = append(out, m.Body...)
	_, err := conn.Write(conn.out)
	return err
}

// readResponse reads the head of the final answer.
func readResponse(reader *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range maxInformational + 1 {
		resp, err := http.ReadResponse(reader, r)
		if err != nil || resp.StatusCode >= 200 {
			return resp, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("the server switches to another protocol")
		}
	}
	return nil, fmt.Errorf("more than %d answers of 1xx", maxInformational)
}

// directBody is the body of an answer; closing it gives the connection back.
type directBody struct {
	body  io.Reader
	owner *direct
	conn  *directConn
	// stop ends the watch over the attempt's context.
	stop func() bool
	// keep says that the connection can be used again once the body has ended.
	keep, ended, released bool
}

// Read gives the next bytes of the body.
func (b *directBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.ended = true
	}
	return n, err
}

// Close gives the connection back if the body was read to its end, and closes
// it otherwise.
func (b *directBody) Close() error {
	if !b.released {
		b.release()
	}
	return nil
}

func (b *directBody) release() {
	b.released = true
	// Where the watch has fired, it may yet touch the connection's deadline.
	watched := b.stop()
	if watched && b.keep && b.ended && b.conn.reader.Buffered() == 0 {
		b.owner.putIdle(b.conn)
	} else {
		b.conn.Close()
	}
	<-b.owner.slots
}

func (t *direct) takeIdle() *directConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle) == 0 {
		return nil
	}
	last := len(t.idle) - 1
	conn := t.idle[last]
	t.idle[last] = nil
	t.idle = t.idle[:last]
	return conn
}

func (t *direct) putIdle(conn *directConn) {
	conn.used = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		conn.Close()
		return
	}
	t.idle = append(t.idle, conn)
	if t.sweep == nil {
		t.sweep = time.AfterFunc(idleConnTimeout, t.closeIdle)
	}
}

// closeIdle closes the connections that were not used for too long.
func (t *direct) closeIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.idle = slices.DeleteFunc(t.idle, func(conn *directConn) bool {
		old := now.Sub(conn.used) >= idleConnTimeout
		if old {
			conn.Close()
		}
		return old
	})
	t.sweep = nil
	if len(t.idle) > 0 && !t.closed {
		// They are in the order of their last use.
		t.sweep = time.AfterFunc(idleConnTimeout-now.Sub(t.idle[0].used), t.closeIdle)
	}
}

// close closes the idle connections, and those in use as soon as they are idle.
func (t *direct) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.sweep != nil {
		t.sweep.Stop()
	}
	for _, conn := range t.idle {
		conn.Close()
	}
	t.idle = nil
}

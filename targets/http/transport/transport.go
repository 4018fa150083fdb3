// Package transport speaks HTTP/1.1 to one server, from the goroutine of the request.
//
// An http.Transport runs two goroutines for each connection, and hands each request to
// one and its answer back from the other; with small messages those hand-overs cost
// more than the messages. A target makes one request at a time on a connection and
// waits for its answer, so it can read and write itself. What is parsed, net/http
// parses; what net/http's client refuses, this one refuses.
package transport

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// maxInformational is how many answers of 1xx may come before the final one.
const maxInformational = 50

// Options are what a Transport is made of.
type Options struct {
	// TLS is for https; nil means Go's defaults.
	TLS *tls.Config
	// Connections bounds the connections, each of which has one request at a time.
	Connections int
	// IdleTimeout is after how long an idle connection is closed.
	IdleTimeout time.Duration
	// MaxAge is about how old a connection becomes before another takes its place, so
	// that a change of the server's address is followed; 0 is no limit.
	MaxAge time.Duration
	// MaxAnswer bounds one answer with its header, in bytes.
	MaxAnswer int
	// Dial makes connections; the default is a net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Transport is an http.RoundTripper for the requests to one server. It is safe for
// concurrent use.
type Transport struct {
	opts Options
	// slots bounds the connections.
	slots chan struct{}
	idle  idle
}

// New returns a Transport.
func New(o Options) *Transport {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	t := &Transport{opts: o, slots: make(chan struct{}, o.Connections)}
	t.idle.timeout = o.IdleTimeout
	return t
}

// errUnasked is the error of a server that answers before it is asked.
var errUnasked = errors.New("the server sent an answer before there was a request")

// errIdleTooLong is the error of a server that gave up waiting for a request when this one
// was on its way: RFC 9110 (15.5.9) lets it be sent again on another connection.
var errIdleTooLong = errors.New("the server closes the connection, as no request had come for too long")

// RoundTrip sends a request, whose body is a Message, and returns the answer, whose
// body must be closed. On a connection that had been used before and breaks before
// anything is answered, as when the server has closed it meanwhile, the request is sent
// again on another: it has an idempotency key. The error is an *UnsendableError, or of
// the connection.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	m, ok := r.Body.(Message)
	if !ok {
		return nil, errors.New("transport: the body is no Message")
	}
	b := buffers.Get().(*buffer)
	defer b.free()
	if err := b.appendHead(r, m); err != nil {
		return nil, err
	}
	b.addBody(m.Content())
	ctx := r.Context()
	if err := t.slot(ctx); err != nil {
		return nil, err
	}
	for {
		m.Try()
		c, reused, err := t.conn(ctx, r.URL)
		if err != nil {
			<-t.slots
			return nil, err
		}
		resp, answered, err := t.try(c, reused, r, b)
		if err == nil {
			return resp, nil
		}
		c.Close()
		if answered || !reused || ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			<-t.slots
			return nil, err
		}
	}
}

// slot waits for the place of a connection.
func (t *Transport) slot(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	default: // asking for Done makes a timer
	}
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes the idle connections, and those in use as soon as they are idle.
func (t *Transport) Close() { t.idle.close() }

// conn returns the idle connection that was used last, else a new one. Neither has
// anything to read: an answer that nobody asked for would be taken for that to the
// next request.
func (t *Transport) conn(ctx context.Context, u *url.URL) (c *conn, reused bool, err error) {
	for now := time.Now(); ; {
		c := t.idle.take()
		if c == nil {
			break
		}
		if (t.opts.MaxAge == 0 || now.Before(c.until)) && c.quiet() {
			return c, true, nil
		}
		c.Close()
	}
	dialed, err := t.dial(ctx, u)
	if err != nil {
		return nil, false, err
	}
	c = newConn(dialed)
	if _, secured := dialed.(*tls.Conn); !secured && !c.probe.silent() {
		c.Close() // with TLS this would be the server's session tickets
		return nil, false, errUnasked
	}
	// Up to a quarter sooner or later, so that those made at once do not end at once.
	c.until = time.Now().Add(t.opts.MaxAge*3/4 + rand.N(t.opts.MaxAge/2+1))
	return c, false, nil
}

func (t *Transport) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := "80"
	if u.Scheme == "https" {
		port = "443"
	}
	address := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	c, err := t.opts.Dial(ctx, "tcp", address)
	if err != nil || u.Scheme != "https" {
		return c, err
	}
	cfg := t.opts.TLS.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	cfg.NextProtos = []string{"http/1.1"}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	secured := tls.Client(c, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return secured, nil
}

// try makes one request, and tells whether anything was answered.
func (t *Transport) try(c *conn, reused bool, r *http.Request, b *buffer) (resp *http.Response, answered bool, err error) {
	if err := c.begin(r.Context()); err != nil {
		return nil, false, err
	}
	c.left, c.most = t.opts.MaxAnswer, t.opts.MaxAnswer
	writeErr := b.writeTo(c.Conn)
	// A server may answer and close before it has read all of the request; what it
	// has answered tells more than that the write broke.
	if _, err := c.reader.Peek(1); err != nil {
		return nil, false, cmp.Or(writeErr, err)
	}
	resp, err = readResponse(c.reader, r)
	if err != nil {
		if errors.Is(c.broken, os.ErrDeadlineExceeded) {
			err = c.broken
		}
		return nil, true, err
	}
	if reused && resp.StatusCode == http.StatusRequestTimeout && resp.Close {
		return nil, false, errIdleTooLong
	}
	answer := &body{body: resp.Body, owner: t, conn: c, keep: writeErr == nil && !resp.Close && resp.StatusCode >= 200}
	if resp.Body == http.NoBody {
		answer.ended = true
		answer.release()
		return resp, true, nil
	}
	resp.Body = answer
	return resp, true, nil
}

// errInformational is the error of a server that never comes to its answer.
var errInformational = fmt.Errorf("more than %d answers of 1xx", maxInformational)

// readResponse reads the head of the final answer.
func readResponse(reader *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range maxInformational + 1 {
		resp, err := http.ReadResponse(reader, r)
		if err != nil || resp.StatusCode < 100 || resp.StatusCode >= 200 {
			return resp, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("the server switches to another protocol")
		}
	}
	return nil, errInformational
}

// body is the body of an answer; closing it gives the connection back.
type body struct {
	body  io.Reader
	owner *Transport
	conn  *conn
	// keep means that the connection can be used again once the body has ended.
	keep, ended, released bool
}

// Read returns the next bytes of the body.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.ended = true
	}
	return n, err
}

// Close returns the connection to the pool if the body was read to its end and nothing follows
// it, and closes it otherwise.
func (b *body) Close() error {
	if !b.released {
		b.release()
	}
	return nil
}

func (b *body) release() {
	b.released = true
	if b.conn.end() && b.keep && b.ended && b.conn.reader.Buffered() == 0 {
		b.owner.idle.put(b.conn)
	} else {
		b.conn.Close()
	}
	<-b.owner.slots
}

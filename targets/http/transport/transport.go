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
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	// largeBody is from what size on a body is not copied behind its header.
	largeBody = 16 << 10
	// maxInformational is how many answers of 1xx may come before the final one.
	maxInformational = 50
)

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

// Message is a request's body that has its header too, and is in memory. http.Client
// copies the header of a request in case that it is redirected; so it travels in the
// body.
type Message interface {
	io.ReadCloser
	// Fields calls fn with each field of the header.
	Fields(fn func(name, value string))
	// Content is the body itself.
	Content() []byte
	// Try is called before each try to send it.
	Try()
}

// UnsendableError is the error of a request that can't be written: trying again can't
// help.
type UnsendableError struct{ Reason string }

func (e *UnsendableError) Error() string { return "the request can't be sent: " + e.Reason }

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
	head, err := appendHead(nil, r, m)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		m.Try()
		c, reused, err := t.conn(ctx, r.URL)
		if err != nil {
			<-t.slots
			return nil, err
		}
		resp, answered, err := t.try(c, reused, r, head, m.Content())
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

// Close closes the idle connections, and those in use as soon as they are idle.
func (t *Transport) Close() { t.idle.close() }

// appendHead writes the head of a request. Every part of it that others may have
// chosen is checked as net/http does, so that nothing but one request can be in it.
func appendHead(dst []byte, r *http.Request, m Message) ([]byte, error) {
	uri, host := r.URL.RequestURI(), cmp.Or(r.Host, r.URL.Host)
	switch {
	case !httpguts.ValidHeaderFieldName(r.Method): // both are tokens
		return nil, &UnsendableError{fmt.Sprintf("%q is no method", r.Method)}
	case !sendableURI(uri):
		return nil, &UnsendableError{"its address has a space or a control character"}
	case !httpguts.ValidHostHeader(host):
		return nil, &UnsendableError{fmt.Sprintf("%q is no host", host)}
	}
	dst = fmt.Appendf(dst, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, uri, host)
	var bad error
	m.Fields(func(name, value string) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			bad = &UnsendableError{fmt.Sprintf("the name or the value of its header %q has a character that a header can't have", name)}
			return
		}
		dst = append(dst, name...)
		dst = append(dst, ": "...)
		dst = append(dst, value...)
		dst = append(dst, "\r\n"...)
	})
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(m.Content())), 10)
	return append(dst, "\r\n\r\n"...), bad
}

func sendableURI(uri string) bool {
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] == 0x7f {
			return false
		}
	}
	return true
}

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
func (t *Transport) try(c *conn, reused bool, r *http.Request, head, content []byte) (resp *http.Response, answered bool, err error) {
	ctx := r.Context()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return nil, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if err != nil {
			stop()
		}
	}()
	c.left, c.most = t.opts.MaxAnswer, t.opts.MaxAnswer
	writeErr := c.write(head, content)
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
	b := &body{body: resp.Body, owner: t, conn: c, stop: stop, keep: writeErr == nil && !resp.Close && resp.StatusCode >= 200}
	if resp.Body == http.NoBody {
		b.ended = true
		b.release()
		return resp, true, nil
	}
	resp.Body = b
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
	// stop ends the watch over the request's context.
	stop func() bool
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
	// Where the watch has fired, it may yet touch the connection's deadline.
	watched := b.stop()
	if watched && b.keep && b.ended && b.conn.reader.Buffered() == 0 {
		b.owner.idle.put(b.conn)
	} else {
		b.conn.Close()
	}
	<-b.owner.slots
}

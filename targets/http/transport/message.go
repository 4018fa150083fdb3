package transport

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/http/httpguts"
)

const (
	// largeBody is from what size on a body is not copied behind its header.
	largeBody = 16 << 10
	// maxBuffer is the largest buffer that is kept for another request.
	maxBuffer = 2 * largeBody
)

// Message is a request's body that has its header too, and is in memory. http.Client
// copies the header of a request in case that it is redirected; so it travels in the
// body.
type Message interface {
	io.ReadCloser
	// Field returns the i-th field of the header, and whether there is one.
	Field(i int) (name, value string, ok bool)
	// Content is the body itself.
	Content() []byte
	// Try is called before each try to send it.
	Try()
}

// UnsendableError is the error of a request that can't be written: trying again can't
// help.
type UnsendableError struct{ Reason string }

func (e *UnsendableError) Error() string { return "the request can't be sent: " + e.Reason }

// buffer holds a request as it is written.
type buffer struct {
	bytes []byte
	// large is a body that is written behind them.
	large []byte
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// free gives the buffer back, which nobody reads any more.
func (b *buffer) free() {
	if cap(b.bytes) <= maxBuffer {
		b.bytes, b.large = b.bytes[:0], nil
		buffers.Put(b)
	}
}

// appendHead writes the head of a request. Every part of it that others may have
// chosen is checked as net/http does, so that nothing but one request can be in it.
func (b *buffer) appendHead(r *http.Request, m Message) error {
	uri, host := r.URL.RequestURI(), cmp.Or(r.Host, r.URL.Host)
	switch {
	case !httpguts.ValidHeaderFieldName(r.Method): // both are tokens
		return &UnsendableError{fmt.Sprintf("%q is no method", r.Method)}
	case !sendableURI(uri):
		return &UnsendableError{"its address has a space or a control character"}
	case !httpguts.ValidHostHeader(host):
		return &UnsendableError{fmt.Sprintf("%q is no host", host)}
	}
	b.add(r.Method, " ", uri, " HTTP/1.1\r\nHost: ", host, "\r\n")
	for i := 0; ; i++ {
		name, value, ok := m.Field(i)
		if !ok {
			break
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return &UnsendableError{fmt.Sprintf("the name or the value of its header %q has a character that a header can't have", name)}
		}
		b.add(name, ": ", value, "\r\n")
	}
	b.add("Content-Length: ")
	b.bytes = strconv.AppendInt(b.bytes, int64(len(m.Content())), 10)
	b.add("\r\n\r\n")
	return nil
}

func (b *buffer) add(texts ...string) {
	for _, text := range texts {
		b.bytes = append(b.bytes, text...)
	}
}

// addBody puts a body behind the head.
func (b *buffer) addBody(content []byte) {
	if len(content) >= largeBody {
		b.large = content
	} else {
		b.bytes = append(b.bytes, content...)
	}
}

// writeTo writes the request, with a large body in one system call if the connection is TCP.
func (b *buffer) writeTo(c net.Conn) (err error) {
	if b.large == nil {
		_, err = c.Write(b.bytes)
		return err
	}
	both := net.Buffers{b.bytes, b.large}
	_, err = both.WriteTo(c)
	return err
}

func sendableURI(uri string) bool {
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] == 0x7f {
			return false
		}
	}
	return true
}

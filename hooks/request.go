package hooks

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ParseRequest reads a request as it is written out: the line of the request, headers, an
// empty line, and the body. The body ends with Content-Length, or else with the text, but for
// a line break that editors add there.
func ParseRequest(text []byte) (*Request, error) {
	head, body, found := bytes.Cut(text, []byte("\n\n"))
	if h, b, crlf := bytes.Cut(text, []byte("\r\n\r\n")); crlf && (!found || len(h) < len(head)) {
		head, body, found = h, b, true
	}
	if !found {
		return nil, errors.New("has no empty line between headers and body")
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(head) + "\r\n\r\n")))
	if err != nil {
		return nil, fmt.Errorf("is no request: %w", err)
	}
	switch n := r.ContentLength; {
	case n > int64(len(body)):
		return nil, fmt.Errorf("the body has %d bytes, and Content-Length is %d", len(body), n)
	case r.Header.Get("Content-Length") != "":
		body = body[:n]
	default:
		body = bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r"))
	}
	return &Request{Header: r.Header, Query: r.URL.Query(), Body: body}, nil
}

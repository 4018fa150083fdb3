package console

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// inProcess is an http.RoundTripper that asks a handler of this process, in the name of a
// viewer: from the viewer's address, under the name that the viewer uses for the router.
type inProcess struct {
	api    http.Handler
	viewer *http.Request
}

// RoundTrip returns the handler's whole answer.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.Clone(r.Context())
	q.Host, q.RemoteAddr, q.TLS, q.RequestURI = t.viewer.Host, t.viewer.RemoteAddr, t.viewer.TLS, r.URL.RequestURI()
	if q.Body == nil {
		q.Body = http.NoBody
	}
	a := &answer{header: http.Header{}}
	t.api.ServeHTTP(a, q)
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

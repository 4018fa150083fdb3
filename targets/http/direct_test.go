package http

import (
	"bufio"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// TestDirectAnswers delivers three times over a server that sends the same bytes
// to each request, and counts the connections.
func TestDirectAnswers(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		connections  int64
		status       int // 0 for success
	}{
		{"of no length", "HTTP/1.1 204 No Content\r\n\r\n", 1, 0},
		{"of a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1, 0},
		{"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1, 0},
		{"in chunks, with a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n", 1, 0},
		{"after informational ones", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 1, 0},
		{"a failure", "HTTP/1.1 503 Oh\r\nContent-Length: 5\r\n\r\nlater", 1, 503},
		{"that closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 3, 0},
		{"of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 3, 0},
		{"and more than one", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Oh\r\n\r\n", 3, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var connections atomic.Int64
			url := serveRaw(t, func(_ int, c net.Conn, r *bufio.Reader) {
				connections.Add(1)
				defer c.Close()
				for {
					if body, err := readRequest(r); err != nil {
						return
					} else if body != targetstest.Envelope {
						t.Errorf("body %q, want the envelope", body)
					}
					if _, err := io.WriteString(c, test.answer); err != nil {
						return
					}
				}
			})
			target := open(t, httpConfig(url), targets.Env{})
			for range 3 {
				err := target.Deliver(t.Context(), targetstest.Delivery())
				if test.status == 0 && err != nil {
					t.Error(err)
				}
				if test.status != 0 && targetstest.Error(t, err).Status != test.status {
					t.Errorf("error %v, want status %d", err, test.status)
				}
			}
			if n := connections.Load(); n != test.connections {
				t.Errorf("%d connections, want %d", n, test.connections)
			}
		})
	}
}

func TestDirectBadAnswers(t *testing.T) {
	for _, test := range []struct{ name, answer string }{
		{"endless header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)},
		{"endless informational", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100)},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
		{"a bad length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
		{"a bad status", "HTTP/1.1 abc OK\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := serveRaw(t, func(_ int, c net.Conn, r *bufio.Reader) {
				defer c.Close()
				if _, err := readRequest(r); err == nil {
					_, _ = io.WriteString(c, test.answer)
					_, _ = io.Copy(io.Discard, r)
				}
			})
			e := targetstest.Error(t, open(t, httpConfig(url), targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != targets.CodeConnectionFailure || e.Final || e.Status != 0 {
				t.Errorf("error %q, code %s, final %t, want CONNECTION_FAILURE, to be retried", e, e.Code, e.Final)
			}
		})
	}
}

// TestDirectEarlyAnswer answers before it has read a large body.
func TestDirectEarlyAnswer(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	d := targetstest.Delivery()
	d.Body = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	err := open(t, httpConfig(server.URL), targets.Env{}).Deliver(t.Context(), d)
	if e := targetstest.Error(t, err); e.Status != http.StatusRequestEntityTooLarge && e.Code != targets.CodeConnectionFailure {
		t.Errorf("error %q, code %s, want the answer or a broken connection", e, e.Code)
	}
}

func TestDirectLargeBody(t *testing.T) {
	d := targetstest.Delivery()
	d.Body = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != string(d.Body) {
			t.Errorf("%d bytes (%v), want the whole body", len(body), err)
		}
	})
	if err := open(t, httpConfig(server.URL), targets.Env{}).Deliver(t.Context(), d); err != nil {
		t.Error(err)
	}
}

// TestDirectIdleConnection has a server say 408 to an idle connection before it
// closes it, which is no answer to the next request.
func TestDirectIdleConnection(t *testing.T) {
	said := make(chan bool)
	url := serveRaw(t, func(n int, c net.Conn, r *bufio.Reader) {
		defer c.Close()
		if _, err := readRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		if n == 1 {
			_, _ = io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
			c.Close()
			said <- true
		}
	})
	target := open(t, httpConfig(url), targets.Env{})
	if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
	<-said
	if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Error(err)
	}
}

func TestDirectTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.ProtoMajor != 1 {
			t.Errorf("request over %s, want HTTP/1.1 over TLS", r.Proto)
		}
	}))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		tls   remote.TLS
		wrong bool
	}{
		{"not trusted", remote.TLS{}, true},
		{"trusted", remote.TLS{CAFile: ca}, false},
		{"another name", remote.TLS{CAFile: ca, ServerName: "shop.invalid"}, true},
		{"not verified", remote.TLS{InsecureSkipVerify: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := httpConfig(server.URL)
			c.Options.(*Options).TLS = test.tls
			target := open(t, c, targets.Env{})
			for range 2 {
				err := target.Deliver(t.Context(), targetstest.Delivery())
				if !test.wrong && err != nil {
					t.Error(err)
				}
				if test.wrong {
					if e := targetstest.Error(t, err); e.Code != targets.CodeConnectionFailure || e.Final || !strings.Contains(e.Error(), "certificate") {
						t.Errorf("error %q, code %s, want one of the certificate, to be retried", e, e.Code)
					}
				}
			}
		})
	}
}

// FuzzDirectAnswer answers with anything; the target must neither hang nor take
// what is no success for one.
func FuzzDirectAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 500 Oh\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", "", "\r\n", "HTTP/1.1 302 Found\r\nLocation: %\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		url := serveRaw(t, func(_ int, c net.Conn, r *bufio.Reader) {
			defer c.Close()
			if _, err := readRequest(r); err == nil {
				_, _ = c.Write(answer)
			}
		})
		err := open(t, httpConfig(url), targets.Env{}).Deliver(t.Context(), targetstest.Delivery())
		if err == nil && !strings.Contains(string(answer), " 2") {
			t.Errorf("success after %q", answer)
		}
		if err != nil && targetstest.Error(t, err).Tries < 1 {
			t.Errorf("error %v without a try", err)
		}
	})
}

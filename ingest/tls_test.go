package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/auth"
	"signalbox/auth/authtest"
)

// secured is a server that speaks TLS with the files of a directory.
type secured struct {
	t     *testing.T
	dir   string
	ca    *authtest.CA
	certs *auth.Certificates
	addr  string
	logs  *observer.ObservedLogs
}

// secure serves; with clients it asks for certificates of the same root.
func secure(t *testing.T, clients bool, opts ServerOptions) *secured {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	s := &secured{t: t, dir: t.TempDir(), ca: authtest.NewCA(t), logs: logs}
	s.ca.Write(s.dir, time.Hour)
	files := auth.TLSFiles{Cert: s.path("tls.crt"), Key: s.path("tls.key")}
	if clients {
		files.ClientCA = s.path("ca.crt")
	}
	var err error
	if s.certs, err = auth.NewCertificates(files, zap.New(core), nil); err != nil {
		t.Fatal(err)
	}
	opts.Listen, opts.TLS, opts.Logger = "127.0.0.1:0", s.certs.Config(), zap.New(core)
	server, err := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }), opts)
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	s.addr = server.Addr().String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	})
	return s
}

func (s *secured) path(name string) string { return filepath.Join(s.dir, name) }

func (s *secured) write(name string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// get asks over a new connection, and returns the body and the server's certificate.
func (s *secured) get(cfg *tls.Config) (string, *x509.Certificate, error) {
	transport := &http.Transport{TLSClientConfig: cfg.Clone(), ForceAttemptHTTP2: cfg.NextProtos == nil}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", "https://"+s.addr, nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp.TLS.PeerCertificates[0], err
}

func (s *secured) trusting(more func(*tls.Config)) *tls.Config {
	cfg := &tls.Config{RootCAs: s.ca.Pool()}
	if more != nil {
		more(cfg)
	}
	return cfg
}

func TestTLSHandshakes(t *testing.T) {
	open, closed := secure(t, false, ServerOptions{}), secure(t, true, ServerOptions{})
	stranger := authtest.NewCA(t)
	with := func(cert ...tls.Certificate) func(*tls.Config) {
		// Over HTTP/2 the client's error does not show the alert.
		return func(c *tls.Config) { c.Certificates, c.NextProtos = cert, []string{"http/1.1"} }
	}
	for name, test := range map[string]struct {
		server *secured
		client func(*tls.Config)
		want   string // of the body, or of the error
	}{
		"HTTP/2":                           {open, nil, "HTTP/2.0"},
		"HTTP/1.1":                         {open, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, "HTTP/1.1"},
		"TLS 1.2":                          {open, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "HTTP/2.0"},
		"TLS 1.1":                          {open, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "protocol version not supported"},
		"another root of the server":       {open, func(c *tls.Config) { c.RootCAs = stranger.Pool() }, "unknown authority"},
		"another name of the server":       {open, func(c *tls.Config) { c.ServerName = "events.example" }, "not events.example"},
		"no certificate where none needed": {open, with(stranger.Pair(time.Hour)), "HTTP/1.1"},
		"no certificate":                   {closed, with(), "certificate required"},
		"a certificate":                    {closed, with(closed.ca.Pair(time.Hour)), "HTTP/1.1"},
		"that of another root":             {closed, with(stranger.Pair(time.Hour)), "remote error: tls: "},
		"one that is over":                 {closed, with(closed.ca.Pair(-time.Hour)), "expired certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			body, _, err := test.server.get(test.server.trusting(test.client))
			if err != nil {
				body = "error: " + err.Error()
			}
			if !strings.Contains(body, test.want) || strings.HasPrefix(test.want, "HTTP") == (err != nil) {
				t.Errorf("got %q, want %q", body, test.want)
			}
		})
	}
	if n := closed.logs.FilterMessage("a connection failed").Len(); n < 1 || n > 6 {
		t.Errorf("%d failed connections were logged", n)
	}
}

// TestTicketsEndWithTheirRoot resumes a session after the client's root has changed.
func TestTicketsEndWithTheirRoot(t *testing.T) {
	s := secure(t, true, ServerOptions{})
	cfg := s.trusting(func(c *tls.Config) {
		c.Certificates, c.ClientSessionCache = []tls.Certificate{s.ca.Pair(time.Hour)}, tls.NewLRUClientSessionCache(4)
	})
	if _, _, err := s.get(cfg); err != nil {
		t.Fatal(err)
	}
	s.write("ca.crt", authtest.NewCA(t).PEM)
	s.certs.Reload()
	if body, _, err := s.get(cfg); err == nil {
		t.Errorf("let in: %s", body)
	}
}

// TestCertificatesRotateUnderLoad changes the certificate while clients connect, with
// faulty ones in between, and counts the requests that failed.
func TestCertificatesRotateUnderLoad(t *testing.T) {
	s := secure(t, false, ServerOptions{})
	trust := s.trusting(nil)
	_, first, err := s.get(trust)
	if err != nil {
		t.Fatal(err)
	}
	stop, served := make(chan struct{}), make(chan int, 4)
	var clients sync.WaitGroup
	for range cap(served) {
		clients.Go(func() {
			n := 0
			defer func() { served <- n }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := s.get(trust); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				n++
			}
		})
	}
	for i := range 20 {
		s.ca.Write(s.dir, time.Hour+time.Duration(i)*time.Minute)
		s.certs.Reload()
		s.write("tls.key", []byte("half of a k"))
		s.certs.Reload()
	}
	close(stop)
	clients.Wait()
	close(served)
	total := 0
	for n := range served {
		total += n
	}
	_, last, err := s.get(trust)
	if err != nil || last.Equal(first) || total < 4 {
		t.Errorf("%d requests; the last: %v, %v", total, err, last.Equal(first))
	}
}

func TestABadCertificateChangesNothing(t *testing.T) {
	s := secure(t, true, ServerOptions{})
	mine := s.trusting(func(c *tls.Config) { c.Certificates = []tls.Certificate{s.ca.Pair(time.Hour)} })
	_, first, err := s.get(mine)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile(s.path("tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(s.path("tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	otherCert, otherKey := s.ca.Issue(time.Hour, "localhost")
	overCert, overKey := s.ca.Issue(-time.Minute, "localhost")
	for name, files := range map[string]map[string][]byte{
		"expired":             {"tls.crt": overCert, "tls.key": overKey},
		"another key":         {"tls.crt": cert, "tls.key": otherKey},
		"another certificate": {"tls.crt": otherCert, "tls.key": key},
		"empty":               {"tls.crt": nil, "tls.key": key},
		"no PEM":              {"tls.crt": []byte("nonsense"), "tls.key": key},
		"too long":            {"tls.crt": make([]byte, 1<<20), "tls.key": key},
		"no roots":            {"tls.crt": otherCert, "tls.key": otherKey, "ca.crt": []byte("nonsense")},
	} {
		t.Run(name, func(t *testing.T) {
			for file, text := range files {
				s.write(file, text)
			}
			before := s.logs.FilterMessage("the new certificate can't be used; the old one continues to serve").Len()
			s.certs.Reload()
			s.certs.Reload()
			if _, now, err := s.get(mine); err != nil || !now.Equal(first) {
				t.Errorf("%v; the first serves: %v", err, now.Equal(first))
			}
			if n := s.logs.FilterMessage("the new certificate can't be used; the old one continues to serve").Len() - before; n != 1 {
				t.Errorf("logged %d times", n)
			}
			s.write("tls.crt", cert)
			s.write("tls.key", key)
			s.write("ca.crt", s.ca.PEM)
			s.certs.Reload()
		})
	}
	s.write("tls.crt", otherCert)
	s.write("tls.key", otherKey)
	s.certs.Reload()
	s.certs.Reload()
	mine.ServerName = "localhost"
	if _, now, err := s.get(mine); err != nil || now.Equal(first) {
		t.Errorf("the right one does not serve: %v", err)
	}
}

// TestStrangersAtTheTLSPort speak HTTP, nonsense, or nothing at all.
func TestStrangersAtTheTLSPort(t *testing.T) {
	s := secure(t, false, ServerOptions{ReadHeaderTimeout: 100 * time.Millisecond})
	for name, test := range map[string]struct{ said, answer string }{
		"HTTP":     {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
		"nonsense": {"SSH-2.0-OpenSSH\r\n", ""},
		"nothing":  {"", ""},
		"half":     {"\x16\x03\x01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, test.said); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			answer, err := io.ReadAll(c)
			if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection stays open: %v", err)
			}
			if test.answer != "" && string(answer) != test.answer {
				t.Errorf("answered %q", answer)
			}
		})
	}
}

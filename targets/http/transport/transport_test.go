package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// message is a Message of a test.
type message struct {
	fields  [][2]string
	content string
	tries   int
}

func (m *message) Field(i int) (name, value string, ok bool) {
	if i >= len(m.fields) {
		return "", "", false
	}
	return m.fields[i][0], m.fields[i][1], true
}
func (m *message) Content() []byte          { return []byte(m.content) }
func (m *message) Try()                     { m.tries++ }
func (m *message) Read([]byte) (int, error) { return 0, io.EOF }
func (m *message) Close() error             { return nil }

func open(t testing.TB, o Options) *Transport {
	o.Connections, o.MaxAnswer = max(o.Connections, 1), 64<<10
	if o.IdleTimeout == 0 {
		o.IdleTimeout = time.Minute
	}
	tr := New(o)
	t.Cleanup(tr.Close)
	return tr
}

// ask makes one request whose number the server sees, and reads the whole answer.
func ask(t testing.TB, rt http.RoundTripper, url string, n int, m *message) (status int, header http.Header, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.fields = append(m.fields, [2]string{"X-Number", strconv.Itoa(n)}, [2]string{"Idempotency-Key", strconv.Itoa(n)})
	if _, own := rt.(*Transport); own {
		r.Body = m
	} else {
		for _, f := range m.fields {
			r.Header.Add(f[0], f[1])
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(m.content)), int64(len(m.content))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(m.content)), nil }
	}
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 32<<10))
	return resp.StatusCode, resp.Header, string(b), err
}

// hostile serves raw bytes: for each request the text that answer returns, in which
// {n} stands for the request's number. What it returns as late is sent once the answer
// is; the returned channel hears when that is on its way.
func hostile(t testing.TB, answer func(n int) (now, late string, end bool)) (url string, late chan int, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late, connections = make(chan int, 16), new(atomic.Int64)
	served := make(chan struct{})
	go func() {
		defer close(served)
		var open []net.Conn
		defer func() {
			for _, c := range open {
				c.Close()
			}
		}()
		done := make(chan struct{}, 64)
		running := 0
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			connections.Add(1)
			open = append(open, c)
			running++
			go func() {
				defer func() { done <- struct{}{} }()
				serveRaw(c, answer, late)
			}()
		}
		for _, c := range open {
			c.Close()
		}
		for range running {
			<-done
		}
	}()
	t.Cleanup(func() { l.Close(); <-served })
	return "http://" + l.Addr().String() + "/", late, connections
}

func serveRaw(c net.Conn, answer func(n int) (now, late string, end bool), told chan int) {
	defer c.Close()
	reader := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		n, _ := strconv.Atoi(r.Header.Get("X-Number"))
		now, late, end := answer(n)
		if _, err := io.WriteString(c, strings.ReplaceAll(now, "{n}", strconv.Itoa(n))); err != nil {
			return
		}
		if late != "" {
			if _, err := io.WriteString(c, late); err != nil {
				return
			}
			told <- n
		}
		if end {
			return
		}
	}
}

const (
	good   = "HTTP/1.1 200 OK\r\nX-For: {n}\r\nContent-Length: 2\r\n\r\nok"
	poison = "HTTP/1.1 200 OK\r\nX-For: nobody\r\nContent-Length: 2\r\n\r\nno"
)

// TestAnAnswerIsBookedOnItsRequest has a server send what nobody has asked for, in
// between. Whatever it is, no later request gets it for an answer.
func TestAnAnswerIsBookedOnItsRequest(t *testing.T) {
	for name, unasked := range map[string]struct{ now, late string }{
		"an answer too many":       {good, poison},
		"two answers at once":      {good + poison, ""},
		"a 408 as it closes":       {good, "HTTP/1.1 408 Request Timeout\r\nX-For: nobody\r\nConnection: close\r\n\r\n"},
		"a body after a 204":       {"HTTP/1.1 204 No Content\r\nX-For: {n}\r\n\r\n", "HTTP/1.1 200 OK\r\nX-For: nobody\r\n\r\n"},
		"a 204 with a body":        {"HTTP/1.1 204 No Content\r\nX-For: {n}\r\nContent-Length: 96\r\n\r\n" + poison, ""},
		"a 304 with a body":        {"HTTP/1.1 304 Not Modified\r\nX-For: {n}\r\nContent-Length: 96\r\n\r\n" + poison, ""},
		"bytes after the body":     {good + "surplus", ""},
		"bytes after it, later":    {good, "surplus"},
		"a blank line":             {good, "\r\n"},
		"an informational answer":  {good, "HTTP/1.1 103 Early Hints\r\nX-For: nobody\r\n\r\n"},
		"bytes after the chunks":   {"HTTP/1.1 200 OK\r\nX-For: {n}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + poison, ""},
		"both lengths":             {"HTTP/1.1 200 OK\r\nX-For: {n}\r\nContent-Length: 500\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", poison},
		"a shorter length":         {"HTTP/1.1 200 OK\r\nX-For: {n}\r\nContent-Length: 1\r\n\r\nok", ""},
		"nothing, until it closes": {"HTTP/1.0 200 OK\r\nX-For: {n}\r\n\r\nok", ""},
	} {
		t.Run(name, func(t *testing.T) {
			url, late, _ := hostile(t, func(int) (string, string, bool) {
				return unasked.now, unasked.late, strings.HasPrefix(unasked.now, "HTTP/1.0")
			})
			tr := open(t, Options{})
			for n := 1; n <= 5; n++ {
				status, header, _, err := ask(t, tr, url, n, &message{content: "body"})
				if err != nil {
					t.Fatalf("request %d: %v", n, err)
				}
				if got := header.Get("X-For"); got != strconv.Itoa(n) {
					t.Fatalf("request %d got the answer (%d) for %q", n, status, got)
				}
				if unasked.late != "" {
					<-late // it lies in the connection now
				}
			}
		})
	}
}

func TestAServerThatSpeaksFirstIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	spoken := make(chan struct{})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, poison)
			spoken <- struct{}{}
			defer c.Close()
		}
	}()
	tr := open(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		<-spoken
		return c, err
	}})
	if _, _, _, err := ask(t, tr, "http://"+l.Addr().String(), 1, &message{}); !errors.Is(err, errUnasked) {
		t.Errorf("%v, want %v", err, errUnasked)
	}
}

// answers are those of which net/http's client says what to do. Each is given to a
// fresh client.
var answers = []string{
	good,
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
	"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\nok\r\n0\r\nT: 1\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
	"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good,
	"HTTP/1.1 100 Continue\r\n\r\n" + good,
	strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 6) + good,
	"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/0.9 200 OK\r\n\r\nok",
	"ICY 200 OK\r\n\r\nok",
	"ok",
	"\r\n" + good,
	"HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n",
	"HTTP/1.1 200 OK\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
}

// same sends an answer to both clients, and compares what they make of it.
func same(t *testing.T, answer string) {
	t.Helper()
	url, _, _ := hostile(t, func(int) (string, string, bool) { return answer, "", true })
	ours := open(t, Options{})
	theirs := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}
	defer theirs.CloseIdleConnections()
	status, header, body, err := ask(t, ours, url, 1, &message{content: "x"})
	wantStatus, wantHeader, wantBody, wantErr := ask(t, theirs, url, 1, &message{content: "x"})
	if wantErr != nil {
		if err == nil {
			t.Errorf("%q: %d, which net/http refuses: %v", answer, status, wantErr)
		}
		return
	}
	if wantStatus == http.StatusSwitchingProtocols || errors.Is(err, errInformational) {
		return // ours is stricter: nobody has asked for another protocol
	}
	if err != nil || status != wantStatus || body != wantBody || fmt.Sprint(header) != fmt.Sprint(wantHeader) {
		t.Errorf("%q: %d %v %q (%v), want %d %v %q", answer, status, header, body, err, wantStatus, wantHeader, wantBody)
	}
}

func TestAnswersAreReadAsNetHTTPDoes(t *testing.T) {
	for i, answer := range answers {
		t.Run(strconv.Itoa(i), func(t *testing.T) { same(t, answer) })
	}
}

func FuzzAnswersAreReadAsNetHTTPDoes(f *testing.F) {
	for _, answer := range answers {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		if len(answer) < 32<<10 {
			same(t, answer)
		}
	})
}

// TestNoRequestOfOthers sends what an attacker would put into names and values, and has
// the server count what comes.
func TestNoRequestOfOthers(t *testing.T) {
	attack := "text/plain\r\nContent-Length: 0\r\n\r\nDELETE /admin/users/1 HTTP/1.1\r\nHost: internal-admin\r\nX-Evil: 1"
	for name, change := range map[string]func(*http.Request, *message){
		"a value":             func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"Content-Type", attack}) },
		"a bare CR":           func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"X", "a\rb"}) },
		"a bare LF":           func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"X", "a\nb"}) },
		"a NUL":               func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"X", "a\x00b"}) },
		"a name":              func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"X: 1\r\nY", "1"}) },
		"an empty name":       func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"", "1"}) },
		"a name with a space": func(_ *http.Request, m *message) { m.fields = append(m.fields, [2]string{"X ", "1"}) },
		"the host":            func(r *http.Request, _ *message) { r.Host = "x\r\nX-Evil: 1" },
		"the method":          func(r *http.Request, _ *message) { r.Method = "POST / HTTP/1.1\r\nX-Evil:" },
		"the address":         func(r *http.Request, _ *message) { r.URL.Opaque = "//x/ HTTP/1.1\r\nX-Evil: 1" },
		"the query":           func(r *http.Request, _ *message) { r.URL.RawQuery = "a=1 HTTP/1.1\r\nX-Evil: 1" },
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := &message{content: "x"}
			change(r, m)
			r.Body = m
			_, err = open(t, Options{}).RoundTrip(r)
			if unsendable := (*UnsendableError)(nil); !errors.As(err, &unsendable) {
				t.Errorf("%v, want an *UnsendableError", err)
			}
			if n := requests.Load(); n != 0 || m.tries != 0 {
				t.Errorf("%d requests came, of %d tries", n, m.tries)
			}
		})
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	for name, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				_, _ = w.Write(body)
			}))
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					connections.Add(1)
				}
			}
			o := Options{}
			if secure {
				server.StartTLS()
				o.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
			} else {
				server.Start()
			}
			defer server.Close()
			tr := open(t, o)
			defer tr.Close()
			for n := range 20 {
				content := strings.Repeat("x", 1+n*1500)
				if status, _, body, err := ask(t, tr, server.URL, n, &message{content: content}); err != nil || status != 200 || body != content {
					t.Fatalf("request %d: %d, %d bytes (%v)", n, status, len(body), err)
				}
			}
			if n := connections.Load(); n != 1 {
				t.Errorf("%d connections for 20 requests", n)
			}
		})
	}
}

func TestAnOldConnectionIsReplaced(t *testing.T) {
	url, _, connections := hostile(t, func(int) (string, string, bool) { return good, "", false })
	tr := open(t, Options{MaxAge: time.Nanosecond})
	for n := range 3 {
		if _, _, _, err := ask(t, tr, url, n, &message{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("%d connections for 3 requests, each older than allowed", n)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	closed := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reader := bufio.NewReader(c)
			if r, err := http.ReadRequest(reader); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, good)
			}
			_, err = reader.ReadByte()
			closed <- err
			c.Close()
		}
	}()
	for name, tr := range map[string]*Transport{"unused for long": open(t, Options{IdleTimeout: time.Millisecond}), "by Close": open(t, Options{})} {
		t.Run(name, func(t *testing.T) {
			if _, _, _, err := ask(t, tr, "http://"+l.Addr().String(), 1, &message{}); err != nil {
				t.Fatal(err)
			}
			if name == "by Close" {
				tr.Close()
			}
			if err := <-closed; !errors.Is(err, io.EOF) {
				t.Errorf("the server read %v, want the end", err)
			}
		})
	}
}

func TestWhatWasAnsweredIsNotSentAgain(t *testing.T) {
	url, _, _ := hostile(t, func(n int) (string, string, bool) {
		if n == 2 {
			return "HTTP/1.1 200 O", "", true // and breaks off
		}
		return good, "", false
	})
	tr := open(t, Options{})
	if _, _, _, err := ask(t, tr, url, 1, &message{}); err != nil {
		t.Fatal(err)
	}
	m := &message{}
	if _, _, _, err := ask(t, tr, url, 2, m); err == nil || m.tries != 1 {
		t.Errorf("%d tries (%v), want one that fails", m.tries, err)
	}
}

// lasts is the context of one request that ends with another, which lasts.
type lasts struct{ context.Context }

func (l lasts) Lasting() context.Context { return l.Context }

// TestACancelledRequestEnds breaks off the second request of a connection, and sees that the
// connection is not used for a third one.
func TestACancelledRequestEnds(t *testing.T) {
	for name, of := range map[string]func(context.Context) context.Context{
		"of its own":     func(ctx context.Context) context.Context { return ctx },
		"one that lasts": func(ctx context.Context) context.Context { return lasts{ctx} },
	} {
		t.Run(name, func(t *testing.T) {
			received := make(chan struct{})
			url, _, connections := hostile(t, func(n int) (string, string, bool) {
				if n == 2 {
					close(received)
					return "HTTP/1.1 200 OK\r\n", "", false
				}
				return good, "", false
			})
			tr := open(t, Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ask := func(ctx context.Context, n int) error {
				r, err := http.NewRequestWithContext(of(ctx), "POST", url, &message{fields: [][2]string{{"X-Number", strconv.Itoa(n)}}})
				if err != nil {
					t.Fatal(err)
				}
				resp, err := tr.RoundTrip(r)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					err = resp.Body.Close()
				}
				return err
			}
			if err := ask(ctx, 1); err != nil {
				t.Fatal(err)
			}
			go func() { <-received; cancel() }()
			if err := ask(ctx, 2); err == nil {
				t.Error("it was answered")
			}
			if err := ask(ctx, 3); err == nil {
				t.Error("one was answered whose context had ended")
			}
			if err := ask(t.Context(), 4); err != nil || connections.Load() != 2 {
				t.Errorf("%d connections (%v), want another one for what follows", connections.Load(), err)
			}
		})
	}
}

// TestAnIdleConnectionOutlivesNoContext ends a context that lasts while its connection is idle.
func TestAnIdleConnectionOutlivesNoContext(t *testing.T) {
	url, _, connections := hostile(t, func(int) (string, string, bool) { return good, "", false })
	tr := open(t, Options{})
	for n := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(lasts{ctx}, "POST", url, &message{})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatalf("request %d: %v", n+1, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		cancel()
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections, want one for each context", n)
	}
}

func benchmark(b *testing.B, rt http.RoundTripper, url string) {
	content := strings.Repeat("x", 600)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequestWithContext(b.Context(), "POST", url, nil)
			if err != nil {
				b.Error(err)
				return
			}
			if _, own := rt.(*Transport); own {
				r.Body = &message{content: content, fields: [][2]string{{"Content-Type", "application/json"}, {"Idempotency-Key", "1"}}}
			} else {
				r.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"1"}}
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(content))), int64(len(content))
			}
			resp, err := rt.RoundTrip(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

// BenchmarkTransport compares this transport with net/http's, over 32 connections to a
// server of net/http in the same process.
func BenchmarkTransport(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(server.Close)
	b.Run("own", func(b *testing.B) {
		benchmark(b, open(b, Options{Connections: 32, MaxAge: time.Minute}), server.URL)
	})
	b.Run("net-http", func(b *testing.B) {
		rt := &http.Transport{MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32, DisableCompression: true}
		b.Cleanup(rt.CloseIdleConnections)
		benchmark(b, rt, server.URL)
	})
}

// TestA408ThatCrossesARequest has a server give up on an idle connection when a request is
// on its way there. It is no answer to that request, which goes again to another one; on a
// new connection it is an answer.
func TestA408ThatCrossesARequest(t *testing.T) {
	var conns, requests atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := conns.Add(1)
			go func() {
				defer c.Close()
				reader := bufio.NewReader(c)
				for i := 0; ; i++ {
					if _, err := http.ReadRequest(reader); err != nil {
						return
					}
					requests.Add(1)
					answer := "HTTP/1.1 204 No Content\r\n\r\n"
					if i == 1 || n == 3 { // the second of a connection comes too late for it
						answer = "HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n"
					}
					if _, err := io.WriteString(c, answer); err != nil || answer[:8] == "HTTP/1.0" {
						return
					}
				}
			}()
		}
	}()
	tr := open(t, Options{})
	for i, want := range []struct{ status, conns, requests int }{{204, 1, 1}, {204, 2, 3}, {408, 3, 5}} {
		status, _, _, err := ask(t, tr, "http://"+l.Addr().String(), i, &message{})
		if err != nil {
			t.Fatal(err)
		}
		if status != want.status || int(conns.Load()) != want.conns || int(requests.Load()) != want.requests {
			t.Errorf("request %d: %d after %d requests on %d connections, want %+v", i, status, requests.Load(), conns.Load(), want)
		}
	}
}

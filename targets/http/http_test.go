package http

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/event"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// serve starts a server for one test.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// serveRaw starts a server that handles each connection itself; a connection
// that handle leaves open is closed when the test ends.
func serveRaw(t testing.TB, handle func(n int, c net.Conn, r *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var open sync.Map
	all.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			all.Go(func() { handle(n, c, bufio.NewReader(c)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

// readRequest reads one request and gives its body.
func readRequest(r *bufio.Reader) (string, error) {
	request, err := http.ReadRequest(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(request.Body)
	return string(body), err
}

func httpConfig(url string) targets.Config {
	return targets.Config{Options: &Options{Options: remote.Options{URL: url}}}
}

// overEach runs a test over connections that the target handles itself, and over
// those of net/http.
func overEach(t *testing.T, test func(t *testing.T, config func(url string) targets.Config)) {
	t.Run("direct", func(t *testing.T) { test(t, httpConfig) })
	t.Run("pooled", func(t *testing.T) {
		test(t, func(url string) targets.Config {
			c := httpConfig(url)
			c.Options.(*Options).ProxyFromEnv = true
			return c
		})
	})
}

func TestHTTPRequest(t *testing.T) { overEach(t, testHTTPRequest) }

func testHTTPRequest(t *testing.T, config func(url string) targets.Config) {
	var got *http.Request
	var body string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, body = r, string(b)
	})
	c := config(server.URL + "/events?a=1")
	c.Options.(*Options).Headers = map[string]string{"x-team": "orders", "Authorization": "Bearer ${TOKEN}", "Host": "shop.example"}
	target := open(t, c, targets.Env{Version: "1.2.3", Secrets: targetstest.Vars("TOKEN", "s3cr3t")})
	d := targetstest.Delivery()
	d.Attempt = 3
	d.Rule = "big orders, größer"
	d.Meta = &event.Metadata{
		TraceParent:   "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
		TraceState:    "vendor=1",
		XRay:          "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
		CorrelationID: "c-1\r\nX-Evil: 1",
		Synthetic:     true,
	}
	if err := target.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}

	if got.Method != "POST" || got.RequestURI != "/events?a=1" || got.Host != "shop.example" || got.ContentLength != int64(len(targetstest.Envelope)) {
		t.Errorf("request %s %s to %s with %d bytes, want POST /events?a=1 to shop.example with %d", got.Method, got.RequestURI, got.Host, got.ContentLength, len(targetstest.Envelope))
	}
	if body != targetstest.Envelope {
		t.Errorf("body = %s, want the envelope", body)
	}
	want := map[string]string{
		"Content-Type":            "application/json; charset=utf-8",
		"Content-Length":          fmt.Sprint(len(targetstest.Envelope)),
		"User-Agent":              "Signalbox/1.2.3",
		"X-Team":                  "orders",
		"Authorization":           "Bearer s3cr3t",
		"X-Signalbox-Delivery-Id": d.ID,
		"Idempotency-Key":         d.ID,
		"X-Signalbox-Event-Id":    d.EventID,
		"X-Signalbox-Rule":        "big orders, gr%C3%B6%C3%9Fer",
		"X-Signalbox-Attempt":     "3",
		"X-Signalbox-Hops":        "1",
		"X-Signalbox-Path":        d.EventID + ";OrderCreated;default;big+orders%2C+gr%C3%B6%C3%9Fer;warehouse",
		"X-Signalbox-Synthetic":   "true",
		"X-Correlation-Id":        "c-1%0D%0AX-Evil: 1",
		"Traceparent":             "00-4bf92f3577b34da6a3ce929d0e0e4736-" + got.Header.Get("Traceparent")[36:52] + "-00",
		"Tracestate":              "vendor=1",
		"X-Amzn-Trace-Id":         "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=" + got.Header.Get("Traceparent")[36:52] + ";Sampled=1",
	}
	have := map[string]string{}
	for name, values := range got.Header {
		have[name] = strings.Join(values, ", ")
	}
	if !maps.Equal(have, want) {
		t.Errorf("headers\n%v, want\n%v", have, want)
	}

	preview, err := target.Preview(d)
	if err != nil {
		t.Fatal(err)
	}
	delete(want, "Content-Length")
	want["Authorization"] = "***"
	want["Host"] = "shop.example"
	if !maps.Equal(preview.Headers, want) {
		t.Errorf("preview's headers\n%v, want\n%v", preview.Headers, want)
	}
	if preview.Method != "POST" || preview.Address != server.URL+"/events?a=***" || preview.Body != targetstest.Envelope {
		t.Errorf("preview = %+v, want what was sent", preview)
	}
}

func TestHTTPTransformedBody(t *testing.T) { overEach(t, testHTTPTransformedBody) }

func testHTTPTransformedBody(t *testing.T, config func(url string) targets.Config) {
	for _, test := range []struct{ name, body, header, want string }{
		{"JSON", `{"order": 1}`, "", remote.ContentTypeJSON},
		{"JSON string", `"Order 1 was created"`, "", remote.ContentTypeJSON},
		{"text", `Order 1 was created`, "", remote.ContentTypeText},
		{"empty", ``, "", remote.ContentTypeText},
		{"overridden", `Order 1 was created`, "text/markdown", "text/markdown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var contentType, body string
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				contentType, body = r.Header.Get("Content-Type"), string(b)
			})
			c := config(server.URL)
			if test.header != "" {
				c.Options.(*Options).Headers = map[string]string{"content-type": test.header}
			}
			d := targetstest.Delivery()
			d.Body = []byte(test.body)
			if err := open(t, c, targets.Env{}).Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if body != test.body || contentType != test.want {
				t.Errorf("sent %q as %q, want %q as %q", body, contentType, test.body, test.want)
			}
		})
	}
}

func TestHTTPAnswers(t *testing.T) { overEach(t, testHTTPAnswers) }

func testHTTPAnswers(t *testing.T, config func(url string) targets.Config) {
	for _, test := range []struct {
		status int
		change func(*targets.Config)
		code   string // empty for success
		final  bool
	}{
		{status: 200}, {status: 201}, {status: 202}, {status: 204}, {status: 299},
		{status: 300, code: targets.CodeErrorFromTarget, final: true},
		{status: 302, code: targets.CodeErrorFromTarget, final: true},
		{status: 304, code: targets.CodeErrorFromTarget, final: true},
		{status: 307, code: targets.CodeErrorFromTarget, final: true},
		{status: 400, code: targets.CodeInvalidParameter, final: true},
		{status: 401, code: targets.CodeNoPermissions},
		{status: 403, code: targets.CodeNoPermissions, final: true},
		{status: 404, code: targets.CodeNoResource, final: true},
		{status: 407, code: targets.CodeNoPermissions},
		{status: 408, code: targets.CodeTimeout},
		{status: 409, code: targets.CodeErrorFromTarget},
		{status: 410, code: targets.CodeNoResource, final: true},
		{status: 413, code: targets.CodeInvalidParameter, final: true},
		{status: 422, code: targets.CodeInvalidParameter, final: true},
		{status: 429, code: targets.CodeThrottling},
		{status: 500, code: targets.CodeErrorFromTarget},
		{status: 501, code: targets.CodeErrorFromTarget},
		{status: 503, code: targets.CodeErrorFromTarget},
		{status: 504, code: targets.CodeTimeout},
		{status: 599, code: targets.CodeErrorFromTarget},
		{status: 404, change: func(c *targets.Config) { c.Options.(*Options).RetryOn = []int{404} }, code: targets.CodeNoResource},
		{status: 501, change: func(c *targets.Config) { c.Options.(*Options).FinalOn = []int{501} }, code: targets.CodeErrorFromTarget, final: true},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			requests := 0
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				w.WriteHeader(test.status)
				if test.status != 204 && test.status != 304 {
					_, _ = io.WriteString(w, "an answer")
				}
			})
			c := config(server.URL)
			if test.change != nil {
				test.change(&c)
			}
			err := open(t, c, targets.Env{}).Deliver(t.Context(), targetstest.Delivery())
			if requests != 1 {
				t.Errorf("%d requests, want 1", requests)
			}
			if test.code == "" {
				if err != nil {
					t.Errorf("error %v, want success", err)
				}
				return
			}
			e := targetstest.Error(t, err)
			if e.Code != test.code || e.Final != test.final || e.Status != test.status || e.Tries != 1 {
				t.Errorf("code %s, final %t, status %d, tries %d, want %s, %t, %d, 1", e.Code, e.Final, e.Status, e.Tries, test.code, test.final, test.status)
			}
			if test.status != 304 && e.Snippet != "an answer" {
				t.Errorf("snippet = %q, want the answer", e.Snippet)
			}
			if want := fmt.Sprintf("POST %s: %d", server.URL, test.status); !strings.HasPrefix(e.Error(), want) {
				t.Errorf("error %q, want it to begin with %q", e, want)
			}
		})
	}
}

func TestHTTPAnswerIsKeptForItsReader(t *testing.T) {
	overEach(t, testHTTPAnswerIsKeptForItsReader)
}

func testHTTPAnswerIsKeptForItsReader(t *testing.T, config func(url string) targets.Config) {
	long := strings.Repeat("a", targets.MaxAnswer+1)
	for _, test := range []struct {
		status int
		body   string
		want   targets.Answer
	}{
		{200, `{"done":true}`, targets.Answer{Status: 200, ContentType: "application/json", Body: []byte(`{"done":true}`)}},
		{422, "no", targets.Answer{Status: 422, ContentType: "application/json", Body: []byte("no")}},
		{204, "", targets.Answer{Status: 204, ContentType: "application/json", Body: []byte{}}},
		{200, long, targets.Answer{Status: 200, ContentType: "application/json", Body: []byte(long[:targets.MaxAnswer]), Cut: true}},
	} {
		t.Run(fmt.Sprint(test.status, len(test.body)), func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			d := targetstest.Delivery()
			d.Answer = new(targets.Answer)
			err := open(t, config(server.URL), targets.Env{}).Deliver(t.Context(), d)
			if taken := err == nil; taken != (test.status < 300) {
				t.Errorf("got %v", err)
			}
			if got := d.Answer.Header.Get("Content-Type"); got != "application/json" || d.Status != test.status {
				t.Errorf("got the header %v and status %d", d.Answer.Header, d.Status)
			}
			d.Answer.Header = nil
			if !reflect.DeepEqual(*d.Answer, test.want) {
				t.Errorf("got status %d, %s, %d bytes, cut %t", d.Answer.Status, d.Answer.ContentType, len(d.Answer.Body), d.Answer.Cut)
			}
			if test.status == 422 && targetstest.Error(t, err).Snippet != "no" {
				t.Errorf("the error does not show the answer: %v", err)
			}
		})
	}
}

func TestHTTPRedirectIsNotFollowed(t *testing.T) { overEach(t, testHTTPRedirectIsNotFollowed) }

func testHTTPRedirectIsNotFollowed(t *testing.T, config func(url string) targets.Config) {
	for _, location := range []string{"/elsewhere", "http://127.0.0.1:1/", "http://[broken", "%zz"} {
		t.Run(location, func(t *testing.T) {
			requests := 0
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusMovedPermanently)
			})
			e := targetstest.Error(t, open(t, config(server.URL), targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
			if !e.Final || e.Status != 301 || requests != 1 || !strings.Contains(e.Error(), "points to "+location+":") {
				t.Errorf("error %v (final %t, status %d) after %d requests, want one that is final and says where it points", e, e.Final, e.Status, requests)
			}
		})
	}
}

func TestHTTPRetryAfter(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	e := targetstest.Error(t, open(t, httpConfig(server.URL), targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
	if e.RetryAfter != 2*time.Minute {
		t.Errorf("RetryAfter = %s, want 2m", e.RetryAfter)
	}
}

// TestHTTPConnections delivers 1,000 times, with answers of all kinds, and
// counts the connections that it takes.
func TestHTTPConnections(t *testing.T) { overEach(t, testHTTPConnections) }

func testHTTPConnections(t *testing.T, config func(url string) targets.Config) {
	const concurrency, deliveries = 8, 1000
	var requests, connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) % 4 {
		case 0:
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		case 1:
			w.WriteHeader(http.StatusNoContent)
		case 2:
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "later")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)

	c := config(server.URL)
	c.Concurrency = concurrency
	target := open(t, c, targets.Env{})
	var left atomic.Int64
	left.Store(deliveries)
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil && targetstest.Error(t, err).Status != 500 {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := requests.Load(); n != deliveries {
		t.Errorf("%d requests, want %d", n, deliveries)
	}
	if n := connections.Load(); n > concurrency {
		t.Errorf("%d connections for %d attempts at once", n, concurrency)
	}
}

func TestHTTPHungServer(t *testing.T) { overEach(t, testHTTPHungServer) }

func testHTTPHungServer(t *testing.T, config func(url string) targets.Config) {
	for _, test := range []struct {
		name   string
		answer string // what is sent before the server hangs
	}{
		{"nothing answered", ""},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-Le"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := serveRaw(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := readRequest(r); err == nil {
					_, _ = io.WriteString(c, test.answer)
				}
			})
			c := config(url)
			c.Timeout = 50 * time.Millisecond
			e := targetstest.Error(t, open(t, c, targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != targets.CodeTimeout || e.Final || e.Tries != 1 || !errors.Is(e, context.DeadlineExceeded) {
				t.Errorf("error %v, code %s, final %t, tries %d, want a TIMEOUT to be retried after 1 try", e, e.Code, e.Final, e.Tries)
			}
		})
	}
}

func TestHTTPCanceled(t *testing.T) { overEach(t, testHTTPCanceled) }

func testHTTPCanceled(t *testing.T, config func(url string) targets.Config) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serveRaw(t, func(_ int, _ net.Conn, r *bufio.Reader) {
		if _, err := readRequest(r); err == nil {
			cancel()
		}
	})
	e := targetstest.Error(t, open(t, config(url), targets.Env{}).Deliver(ctx, targetstest.Delivery()))
	if !errors.Is(e, context.Canceled) || e.Final {
		t.Errorf("error %v, final %t, want one of the canceled context", e, e.Final)
	}
}

// TestHTTPBrokenAnswer breaks the first connection after some of an answer.
func TestHTTPBrokenAnswer(t *testing.T) { overEach(t, testHTTPBrokenAnswer) }

func testHTTPBrokenAnswer(t *testing.T, config func(url string) targets.Config) {
	for _, test := range []struct {
		name   string
		answer string
		reset  bool
		tries  int    // requests made
		code   string // empty for success
	}{
		{name: "closed before an answer", tries: 2},
		{name: "reset before an answer", reset: true, tries: 2},
		{name: "half a header", answer: "HTTP/1.1 200 OK\r\nContent-Le", tries: 1, code: targets.CodeConnectionFailure},
		{name: "no HTTP", answer: "SSH-2.0-OpenSSH\r\n\r\n", tries: 1, code: targets.CodeConnectionFailure},
		{name: "half a body of a success", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", tries: 1},
		{name: "half a body of a failure", answer: "HTTP/1.1 500 Oh\r\nContent-Length: 10\r\n\r\nhalf", tries: 1, code: targets.CodeErrorFromTarget},
	} {
		t.Run(test.name, func(t *testing.T) {
			var requests atomic.Int64
			url := serveRaw(t, func(n int, c net.Conn, r *bufio.Reader) {
				defer c.Close()
				body, err := readRequest(r)
				if err != nil {
					return
				}
				if body != targetstest.Envelope {
					t.Errorf("body = %s, want the envelope", body)
				}
				requests.Add(1)
				if n > 1 {
					test.answer = "HTTP/1.1 204 No Content\r\n\r\n"
				} else if test.reset {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
				_, _ = io.WriteString(c, test.answer)
			})
			err := open(t, config(url), targets.Env{}).Deliver(t.Context(), targetstest.Delivery())
			if n := int(requests.Load()); n != test.tries {
				t.Errorf("%d requests, want %d", n, test.tries)
			}
			if test.code == "" {
				if err != nil {
					t.Errorf("error %v, want success", err)
				}
				return
			}
			if e := targetstest.Error(t, err); e.Code != test.code || e.Final || e.Tries != test.tries {
				t.Errorf("error %v, code %s, final %t, tries %d, want %s, to be retried, after %d", e, e.Code, e.Final, e.Tries, test.code, test.tries)
			}
		})
	}
}

// TestHTTPClosedIdle delivers over a server that closes each connection after
// its answer without saying so.
func TestHTTPClosedIdle(t *testing.T) { overEach(t, testHTTPClosedIdle) }

func testHTTPClosedIdle(t *testing.T, config func(url string) targets.Config) {
	url := serveRaw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		defer c.Close()
		if _, err := readRequest(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	target := open(t, config(url), targets.Env{})
	for range 100 {
		if err := target.Deliver(t.Context(), targetstest.Delivery()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHTTPHugeAnswer(t *testing.T) { overEach(t, testHTTPHugeAnswer) }

func testHTTPHugeAnswer(t *testing.T, config func(url string) targets.Config) {
	for _, status := range []int{200, 500} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			sent := make(chan int64, 1)
			url := serveRaw(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := readRequest(r); err != nil {
					return
				}
				fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 1000000000\r\n\r\n", status)
				n, _ := io.Copy(c, io.LimitReader(zeros{}, 1_000_000_000))
				sent <- n
			})
			err := open(t, config(url), targets.Env{}).Deliver(t.Context(), targetstest.Delivery())
			if (err == nil) != (status == 200) {
				t.Errorf("error %v", err)
			}
			if err != nil && len(targetstest.Error(t, err).Snippet) != maxSnippet {
				t.Errorf("snippet of %d bytes, want %d", len(targetstest.Error(t, err).Snippet), maxSnippet)
			}
			if n := <-sent; n > 100<<20 {
				t.Errorf("the server sent %d bytes, want the connection closed long before", n)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestHTTPNotListening(t *testing.T) { overEach(t, testHTTPNotListening) }

func testHTTPNotListening(t *testing.T, config func(url string) targets.Config) {
	address := targetstest.FreeAddress(t)
	for _, quick := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(quick), func(t *testing.T) {
			c := config("http://" + address + "/events/${TOKEN}")
			c.Options.(*Options).QuickRetries = &quick
			start := time.Now()
			target := open(t, c, targets.Env{Secrets: targetstest.Vars("TOKEN", "s3cr3t")})
			e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
			if e.Code != targets.CodeConnectionFailure || e.Final || e.Tries != quick+1 || e.Status != 0 {
				t.Errorf("code %s, final %t, tries %d, status %d, want CONNECTION_FAILURE after %d tries", e.Code, e.Final, e.Tries, e.Status, quick+1)
			}
			want := "POST http://" + address + "/events/***: dial tcp " + address + ": connect: connection refused"
			if e.Error() != want {
				t.Errorf("error %q, want %q", e, want)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %s, want the tries within 100 ms", took)
			}
		})
	}
}

// TestHTTPHidesSecrets has the server repeat what it was sent.
func TestHTTPHidesSecrets(t *testing.T) { overEach(t, testHTTPHidesSecrets) }

func testHTTPHidesSecrets(t *testing.T, config func(url string) targets.Config) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/login?for="+r.URL.Path)
		w.WriteHeader(http.StatusFound)
		fmt.Fprintf(w, "no such token: %s", r.Header.Get("X-Team"))
	})
	c := config(strings.Replace(server.URL, "http://", "http://user:passw0rd@", 1) + "/hooks/${TOKEN}")
	c.Options.(*Options).Headers = map[string]string{"X-Team": "team ${TEAM}"}
	target := open(t, c, targets.Env{Secrets: targetstest.Vars("TOKEN", "s3cr3t", "TEAM", "blue-team")})
	e := targetstest.Error(t, target.Deliver(t.Context(), targetstest.Delivery()))
	preview, err := target.Preview(targetstest.Delivery())
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %+v", e, *e, preview)
	for _, secret := range []string{"s3cr3t", "blue-team", "passw0rd", "dXNlcjpwYXNzdzByZA"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is shown in %s", secret, all)
		}
	}
	if preview.Headers["X-Team"] != "team ***" {
		t.Errorf("X-Team shown as %q, want its reference alone hidden", preview.Headers["X-Team"])
	}
}

func TestHTTPSnippetOfACompressedAnswer(t *testing.T) {
	for encoding, want := range map[string]string{
		"gzip": strings.Repeat("no such order ", 73) + "no", "br": `(the answer is compressed: Content-Encoding is "br")`, "": strings.Repeat("no such order ", 73) + "no",
	} {
		t.Run(encoding, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				var out io.Writer = w
				if encoding != "" {
					w.Header().Set("Content-Encoding", encoding)
				}
				w.WriteHeader(http.StatusUnprocessableEntity)
				if encoding == "gzip" {
					z := gzip.NewWriter(w)
					defer z.Close()
					out = z
				}
				_, _ = io.WriteString(out, strings.Repeat("no such order ", 1000))
			})
			failure := targetstest.Error(t, open(t, httpConfig(server.URL), targets.Env{}).Deliver(t.Context(), targetstest.Delivery()))
			if failure.Snippet != want {
				t.Errorf("snippet %q, want %q", failure.Snippet, want)
			}
		})
	}
}

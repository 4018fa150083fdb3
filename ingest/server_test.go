package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func startServer(t *testing.T, opts ServerOptions) *Server {
	t.Helper()
	server, err := NewServer(New(new(fakeRouter), Options{}), opts)
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestServerLifecycle(t *testing.T) {
	server := startServer(t, ServerOptions{Listen: "127.0.0.1:0"})
	response, body := send(t, "POST", "http://"+server.Addr().String()+"/v1/events", envelope, "Content-Type", "application/json")
	if response.StatusCode != 200 {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
	for range 2 {
		if err := server.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if conn, err := net.Dial("tcp", server.Addr().String()); err == nil {
		conn.Close()
		t.Error("still listens after Stop")
	}
}

func TestServerStopWithoutStart(t *testing.T) {
	server, err := NewServer(http.NotFoundHandler(), ServerOptions{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", server.Addr().String()); err == nil {
		conn.Close()
		t.Error("still listens after Stop")
	}
}

func TestServerRefusesOpenAddresses(t *testing.T) {
	tests := map[string]struct {
		opts ServerOptions
		want string
	}{
		"all":       {ServerOptions{Listen: ":0"}, "configure auth.keys"},
		"zero":      {ServerOptions{Listen: "0.0.0.0:0"}, "configure auth.keys"},
		"no port":   {ServerOptions{Listen: "127.0.0.1"}, "missing port"},
		"loopback":  {ServerOptions{Listen: "127.0.0.1:0"}, ""},
		"localhost": {ServerOptions{Listen: "localhost:0"}, ""},
		"allowed":   {ServerOptions{Listen: ":0", AllowUnauthenticated: true}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, err := NewServer(http.NotFoundHandler(), test.opts)
			if err == nil {
				server.Stop(t.Context())
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A client that claims 1 GB is answered before it has sent any of it.
func TestServerLyingContentLength(t *testing.T) {
	server := startServer(t, ServerOptions{Listen: "127.0.0.1:0"})
	for _, path := range []string{"/", "/v1/events"} {
		conn, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSEvents.PutEvents\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n", path)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != 413 || !response.Close {
			t.Errorf("%s: got %d, close %v", path, response.StatusCode, response.Close)
		}
	}
}

// A client that sends its headers, or its body, a byte at a time is cut off.
func TestServerSlowLoris(t *testing.T) {
	server := startServer(t, ServerOptions{Listen: "127.0.0.1:0", ReadHeaderTimeout: 50 * time.Millisecond, ReadTimeout: 100 * time.Millisecond})
	for name, begin := range map[string]string{
		"headers": "POST / HTTP/1.1\r\nHost: x\r\nX-A:",
		"body":    "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, begin)
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			answer, err := io.ReadAll(conn)
			if err != nil {
				t.Fatalf("not cut off: %v", err)
			}
			if name == "body" && !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
				t.Errorf("got %q", answer)
			}
		})
	}
}

func TestServerLargeHeaders(t *testing.T) {
	server := startServer(t, ServerOptions{Listen: "127.0.0.1:0", MaxHeaderBytes: 1000})
	response, _ := send(t, "POST", "http://"+server.Addr().String()+"/", "", "X-A", strings.Repeat("a", 10_000))
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", response.StatusCode)
	}
}

// requestCounts are the counters of requests, by "form/outcome".
func requestCounts(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != "signalbox_ingest_requests_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := metric.GetLabel()
			counts[labels[0].GetValue()+"/"+labels[1].GetValue()] = metric.GetCounter().GetValue()
		}
	}
	return counts
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	url := serve(t, new(fakeRouter), Options{Registerer: registry})
	if n := len(requestCounts(t, registry)); n != len(forms)*len(outcomes) {
		t.Errorf("%d series at the start, want %d", n, len(forms)*len(outcomes))
	}
	send(t, "POST", url+"/v1/events", envelope, "Content-Type", "application/json")
	send(t, "POST", url+"/v1/events", "x", "Content-Type", "application/json")
	send(t, "POST", url+"/v1/events", "x", "Content-Type", "text/plain")
	send(t, "GET", url+"/", "")
	counts := requestCounts(t, registry)
	for series, want := range map[string]float64{"json/accepted": 1, "json/refused": 1, "other/refused": 2, "json/failed": 0} {
		if counts[series] != want {
			t.Errorf("%s: got %v, want %v", series, counts[series], want)
		}
	}
}

package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/event"
	"signalbox/machine"
)

// bounded is a server with bounds, whose management path waits for release.
type bounded struct {
	*Server
	load    *Load
	release chan struct{}
}

func startBounded(t *testing.T, connections int, memory machine.Memory, accepter Accepter) *bounded {
	t.Helper()
	b := &bounded{load: NewLoad(connections, memory, prometheus.NewRegistry()), release: make(chan struct{})}
	door := New(accepter, Options{})
	handler := b.load.Bound(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if TakesEvents(r) {
			door.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "managed")
	}))
	server, err := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		handler.ServeHTTP(w, r)
	}), ServerOptions{Listen: "127.0.0.1:0", MaxConnections: connections, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	b.Server = server
	server.Start()
	t.Cleanup(func() {
		stopped, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Stop(stopped) // half of a request is cut off
	})
	return b
}

func (b *bounded) url(path string) string { return "http://" + b.Addr().String() + path }

// open opens a connection that sends some text and then nothing.
func (b *bounded) open(t *testing.T, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func (b *bounded) reachable(t *testing.T, when string) {
	t.Helper()
	for _, path := range []string{"/healthz", "/v1/targets"} {
		response, body := send(t, "GET", b.url(path), "")
		if response.StatusCode != 200 {
			t.Errorf("%s: %s answered %d %s", when, path, response.StatusCode, body)
		}
	}
}

func halfSent(path string, length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, length)
}

// TestConnectionsAreBounded: whatever strangers hold open, there are no more connections
// than may be, and health and management answer.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 40
	memory := machine.Memory{Bodies: 1 << 20, Work: 1 << 20}
	for name, text := range map[string]string{
		"that say nothing":           "",
		"with half a head":           "POST /v1/events HTTP/1.1\r\nHost: loc",
		"that are idle":              "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"with half an event":         halfSent("/v1/events", 100) + "{",
		"with half of a management":  halfSent("/v1/explain", 100) + "{",
		"with half of one and other": halfSent("/v1/query", 100) + halfSent("/", 10),
	} {
		t.Run(name, func(t *testing.T) {
			b := startBounded(t, most, memory, new(fakeRouter))
			conns := b.Server.listener.(*boundedListener).connections
			for range 5 * most {
				b.open(t, text)
			}
			b.reachable(t, name)
			conns.mu.Lock()
			defer conns.mu.Unlock()
			if len(conns.open) > most {
				t.Errorf("%d connections are open, want at most %d", len(conns.open), most)
			}
		})
	}
}

// TestEventsBeyondTheBoundAreToldToWait: requests with events leave room for management.
func TestEventsBeyondTheBoundAreToldToWait(t *testing.T) {
	const most = 40
	b := startBounded(t, most, machine.Memory{Bodies: 1 << 20, Work: 1 << 20}, new(fakeRouter))
	for range b.load.events.most {
		b.open(t, halfSent("/v1/events", 100)+"{")
	}
	eventually(t, "requests", func() bool { return b.load.events.inUse() == b.load.events.most })
	for _, headers := range [][]string{{"Content-Type", "application/json"}, {"X-Amz-Target", "AWSEvents.PutEvents"}} {
		response, body := send(t, "POST", b.url("/"), envelope, headers...)
		if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || !strings.Contains(body, "limits.connections") {
			t.Errorf("%v: %d %s", headers, response.StatusCode, body)
		}
	}
	b.reachable(t, "at the bound")
}

// TestHalfSentBodiesAreBounded: 600 bodies of 4 MiB, each almost sent, hold no more memory
// than there is for bodies; the others are told to come again, and management continues.
func TestHalfSentBodiesAreBounded(t *testing.T) {
	const memory = 8 << 20
	b := startBounded(t, 1000, machine.Memory{Bodies: memory, Work: memory}, new(fakeRouter))
	part := strings.Repeat(" ", 1<<20)
	var refused, kept sync.WaitGroup
	answers := make(chan string, 600)
	for range 600 {
		conn := b.open(t, halfSent("/v1/events", 4<<20))
		refused.Go(func() {
			_, _ = io.WriteString(conn, part) // the server may have closed it
		})
		kept.Go(func() {
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			head := make([]byte, 64)
			n, _ := conn.Read(head)
			answers <- string(head[:n])
		})
	}
	refused.Wait()
	got := 0
	for got < 600-memory/perByte/len(part)-10 {
		select {
		case answer := <-answers:
			if answer != "" && !strings.HasPrefix(answer, "HTTP/1.1 503 ") {
				t.Fatalf("answered %q", answer)
			}
			got++
		case <-time.After(20 * time.Second):
			t.Fatalf("%d were answered", got)
		}
	}
	if used := b.load.events.bodies.Used(); used > memory {
		t.Errorf("%d bytes of bodies, want at most %d", used, memory)
	}
	b.reachable(t, "with half-sent bodies")
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.Stop(stopped)
	kept.Wait()
	eventually(t, "memory given back", func() bool { return b.load.events.bodies.Used() == 0 })
}

// TestAClaimIsTakenOnceItsFirstPartHasCome: a body that says how long it is takes memory for
// as much when a part of it has come, and no more in the end.
func TestAClaimIsTakenOnceItsFirstPartHasCome(t *testing.T) {
	const length, memory = 2 << 20, 8 << 20
	for name, test := range map[string]struct {
		bodies int64
		parts  []int
		want   int64
	}{
		"nothing has come":    {memory, []int{0}, 0},
		"a little":            {memory, []int{1000}, 1000 * perByte},
		"the first part":      {memory, []int{firstPart, 1}, length + firstPart},
		"all but a byte":      {memory, []int{length - 1}, length + firstPart},
		"more than there is":  {length, []int{firstPart, 1}, 0},
		"as much as there is": {(length + firstPart) * 8 / 7, []int{firstPart, 1}, length + firstPart},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBounded(t, 100, machine.Memory{Bodies: test.bodies, Work: memory}, new(fakeRouter))
			conn := b.open(t, halfSent("/v1/events", length))
			for _, n := range test.parts {
				_, _ = io.WriteString(conn, strings.Repeat(" ", n)) // the server may have closed it
			}
			if test.bodies < memory && test.want == 0 {
				_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				answer, _ := io.ReadAll(conn)
				if !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") {
					t.Errorf("answered %q", answer)
				}
			}
			eventually(t, "memory", func() bool { return b.load.events.bodies.Used() == test.want })
			conn.Close()
			eventually(t, "memory given back", func() bool { return b.load.events.bodies.Used() == 0 })
		})
	}
}

// TestLargeBodiesComeWhole: bodies around the length of the first part arrive as they were sent.
func TestLargeBodiesComeWhole(t *testing.T) {
	var got string
	accepter := &fakeRouter{accept: func(events []*event.Event) ([]error, error) {
		got = string(events[0].Detail)
		return make([]error, len(events)), nil
	}}
	b := startBounded(t, 100, machine.Memory{Bodies: 64 << 20, Work: 64 << 20}, accepter)
	for _, length := range []int{firstPart - 1, firstPart, firstPart + 1, 4*firstPart + 7, DefaultMaxBody} {
		body := strings.Replace(envelope, `"detail":{`, `"detail":{"big":"@",`, 1)
		body = strings.Replace(body, "@", strings.Repeat("x", length-len(body)+1), 1)
		response, answer := send(t, "POST", b.url("/v1/events"), body, "Content-Type", "application/json")
		if response.StatusCode != 200 || !strings.Contains(body, got) || len(got) < length-len(envelope)-100 {
			t.Errorf("%d bytes: %d %s, and %d bytes of detail", length, response.StatusCode, answer, len(got))
		}
	}
}

// TestHalfSentBodiesOfManagementMakeWay: whoever begins to send bodies to management and does
// not end them keeps nobody out, neither by their number nor by their size.
func TestHalfSentBodiesOfManagementMakeWay(t *testing.T) {
	b := startBounded(t, 1000, machine.Memory{Bodies: 8 << 20, Work: 8 << 20}, new(fakeRouter))
	place := &b.load.management
	var all []net.Conn
	var answered atomic.Int64
	for i := range 4 * place.most {
		conn := b.open(t, halfSent("/v1/explain", 4<<20)+"{")
		if all = append(all, conn); i%2 == 0 {
			_, _ = io.WriteString(conn, strings.Repeat(" ", 128<<10)) // the server may have closed it
			continue
		}
		go func() {
			if n, _ := conn.Read(make([]byte, 1)); n > 0 {
				answered.Add(1)
			}
		}()
	}
	eventually(t, "answer to those that made way", func() bool { return answered.Load() >= place.most })
	order := strings.Repeat(" ", freeManagement-2) + "{}"
	for range 2 * place.most {
		b.reachable(t, "with half-sent bodies")
		if response, body := send(t, "POST", b.url("/v1/deadletters/purge"), order); response.StatusCode != 200 {
			t.Fatalf("an order: %d %s", response.StatusCode, body)
		}
		if response, body := send(t, "POST", b.url("/v1/events"), envelope, "Content-Type", "application/json"); response.StatusCode != 200 {
			t.Fatalf("an event: %d %s", response.StatusCode, body)
		}
	}
	if used := place.bodies.Used(); used > place.bodies.Limit() {
		t.Errorf("%d bytes of %d", used, place.bodies.Limit())
	}
	for _, conn := range all {
		conn.Close()
	}
	eventually(t, "places and memory given back", func() bool { return place.inUse() == 0 && place.bodies.Used() == 0 })
}

// TestABodyThatHasComeIsNotCutOff: what is at work is not what makes way.
func TestABodyThatHasComeIsNotCutOff(t *testing.T) {
	arrived, end := make(chan struct{}), make(chan struct{})
	load := NewLoad(16, machine.Memory{Bodies: 1 << 20, Work: 1 << 20}, nil)
	server := httptest.NewServer(load.Bound(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestTimeout)
			return
		}
		arrived <- struct{}{}
		select {
		case <-end:
			_, _ = w.Write(body)
		case <-r.Context().Done():
			t.Error("a request at work was cut off")
		}
	})))
	defer server.Close()
	var all sync.WaitGroup
	for range load.management.most {
		all.Go(func() {
			if response, body := send(t, "POST", server.URL+"/v1/explain", "whole"); response.StatusCode != 200 || body != "whole" {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
		<-arrived
	}
	if response, _ := send(t, "POST", server.URL+"/v1/explain", "one more"); response.StatusCode != 503 {
		t.Errorf("beyond the bound: %d", response.StatusCode)
	}
	close(end)
	all.Wait()
}

// inUse returns how many places are taken.
func (s *slots) inUse() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// TestInflatedBodiesAreCounted: little on the wire may be much in memory.
func TestInflatedBodiesAreCounted(t *testing.T) {
	load := NewLoad(100, machine.Memory{Bodies: 1 << 20, Work: 1 << 20}, nil)
	server := httptest.NewServer(load.Bound(New(new(fakeRouter), Options{})))
	defer server.Close()
	var bomb bytes.Buffer
	zipped := gzip.NewWriter(&bomb)
	_, _ = zipped.Write(bytes.Repeat([]byte(" "), 2<<20))
	_ = zipped.Close()
	response, body := send(t, "POST", server.URL+"/v1/events", bomb.String(), "Content-Type", "application/json", "Content-Encoding", "gzip")
	if response.StatusCode != 503 || !strings.Contains(body, "limits.memory") {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	response, body = send(t, "POST", server.URL+"/v1/events", envelope, "Content-Type", "application/json")
	if response.StatusCode != 200 {
		t.Errorf("after it: %d %s", response.StatusCode, body)
	}
}

// TestWorkWaitsForItsTurn: bodies that have come are worked on as memory allows, one after
// the other, and each has its answer.
func TestWorkWaitsForItsTurn(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	accepter := &fakeRouter{accept: func(events []*event.Event) ([]error, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(time.Millisecond) // so that they would meet
		mu.Lock()
		defer mu.Unlock()
		now--
		return make([]error, len(events)), nil
	}}
	big := strings.Replace(envelope, `"detail":{`, `"detail":{"big":"`+strings.Repeat("x", 100_000)+`",`, 1)
	load := NewLoad(100, machine.Memory{Bodies: 100 << 20, Work: int64(2 * workPerByte * len(big))}, nil)
	server := httptest.NewServer(load.Bound(New(accepter, Options{})))
	defer server.Close()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			response, body := send(t, "POST", server.URL+"/v1/events", big, "Content-Type", "application/json")
			if response.StatusCode != 200 {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
	all.Wait()
	if most > 2 {
		t.Errorf("%d at once, and there is memory for 2", most)
	}
}

// eventually polls for what happens in the server.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s in time", what)
		}
	}
}

// TestTLSConnectionsAreBounded: idle connections of TLS, in both versions of HTTP, give way
// to new ones too.
func TestTLSConnectionsAreBounded(t *testing.T) {
	const most = 10
	s := secure(t, false, ServerOptions{MaxConnections: most})
	for i := range 4 * most {
		transport := &http.Transport{TLSClientConfig: s.trusting(nil), ForceAttemptHTTP2: i%2 == 0}
		defer transport.CloseIdleConnections() // till then it is kept open
		resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("https://" + s.addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

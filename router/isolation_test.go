package router

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/rules"
)

// neighbours are HTTP servers: a healthy one, which notes how long after its
// acceptance each event came, and four bad ones.
type neighbours struct {
	healthy, slow, flapping *httptest.Server
	hung                    net.Listener
	dead                    string

	// came takes how long each event took to the healthy one.
	came chan time.Duration
}

func newNeighbours(t testing.TB) *neighbours {
	n := &neighbours{came: make(chan time.Duration, 1<<16)}
	serve := func(h http.HandlerFunc) *httptest.Server {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s
	}
	n.healthy = serve(func(_ http.ResponseWriter, r *http.Request) {
		var e struct{ Detail struct{ Sent int64 } }
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		n.came <- time.Since(time.Unix(0, e.Detail.Sent))
	})
	n.slow = serve(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(2 * time.Second):
		case <-r.Context().Done():
		}
	})
	var asked atomic.Int64
	n.flapping = serve(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	var err error
	if n.hung, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { // the kernel accepts, and nobody reads
		t.Fatal(err)
	}
	t.Cleanup(func() { n.hung.Close() })
	gone := httptest.NewServer(nil)
	n.dead = gone.URL
	gone.Close()
	return n
}

// stamped is an order that says when it was sent.
func stamped() *event.Event {
	return &event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: fmt.Appendf(nil, `{"sent":%d}`, time.Now().UnixNano())}
}

// rules sends each event to the healthy target and, with bad, to the others.
func (n *neighbours) rules(bad bool) string {
	text := fmt.Sprintf("targets:\n  healthy: {type: http, url: %q}\n", n.healthy.URL)
	to := "healthy"
	if bad {
		text += fmt.Sprintf("  hung: {type: http, url: \"http://%s/\"}\n  slow: {type: http, url: %q}\n  flapping: {type: http, url: %q}\n  dead: {type: http, url: %q}\n",
			n.hung.Addr(), n.slow.URL, n.flapping.URL, n.dead)
		to += ", hung, slow, flapping, dead"
	}
	return text + "rules:\n  - {name: all, pattern: {source: [shop.orders]}, targets: [" + to + "]}\n"
}

// router starts a router on a journal on disk, which ends with the test.
func (n *neighbours) router(t testing.TB, bad bool) *Router {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(n.rules(bad)), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(rules.Source{Globs: []string{"rules.yaml"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	j, err := store.Open(filepath.Join(dir, "data"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Journal: j}, set)
	if err != nil {
		t.Fatal(err)
	}
	r.Start()
	t.Cleanup(func() {
		broken, cancel := context.WithCancel(context.Background())
		cancel() // what hangs is broken off
		_ = r.Stop(broken)
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestBadTargetsHoldNoOthersDeliveries(t *testing.T) {
	n := newNeighbours(t)
	r := n.router(t, true)
	const events = 300
	for range events {
		if _, err := r.Accept(t.Context(), []*event.Event{stamped()}); err != nil {
			t.Fatal(err)
		}
	}
	for range events {
		<-n.came
	}
	for _, s := range r.Lanes.Targets() {
		if s.Name == "hung" && (s.Delivered != 0 || s.Pending() != events) {
			t.Errorf("the hung target: %+v", s)
		}
	}
}

// BenchmarkNeighbours measures how long an event takes from acceptance to a
// healthy target, at 500 events a second, alone and beside four bad targets.
func BenchmarkNeighbours(b *testing.B) {
	for _, bad := range []bool{false, true} {
		b.Run(fmt.Sprintf("bad=%t", bad), func(b *testing.B) {
			n := newNeighbours(b)
			r := n.router(b, bad)
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			b.ResetTimer()
			for range b.N {
				<-tick.C
				if _, err := r.Accept(b.Context(), []*event.Event{stamped()}); err != nil {
					b.Fatal(err)
				}
			}
			times := make([]time.Duration, b.N)
			for i := range times {
				times[i] = <-n.came
			}
			b.StopTimer()
			report(b, times)
		})
	}
}

func report(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	at := func(share float64) float64 {
		return float64(times[int(share*float64(len(times)))]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
}

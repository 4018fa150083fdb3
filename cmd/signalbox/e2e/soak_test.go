package e2e

import (
	"bufio"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSoak keeps a load up for SOAK (10 s unless it says more), and then asks
// whether the router holds more memory and goroutines than when it was warm.
func TestSoak(t *testing.T) {
	lasts := 10 * time.Second
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	x := newTrial(t)
	x.begin()
	x.p.eventually(30*time.Second, "warm", func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.acked) >= 10_000
	})
	warm := x.p.metrics()
	const parts = 5
	for range parts {
		time.Sleep(lasts / parts)
		m := x.p.metrics()
		t.Logf("%.0f goroutines, %.0f MiB resident, %.0f MiB heap in use", m["go_goroutines"], m["process_resident_memory_bytes"]/(1<<20), m["go_memstats_heap_inuse_bytes"]/(1<<20))
	}
	end := x.p.metrics()
	x.judge()
	// A few more are under way at one moment than at another.
	if was, is := warm["go_goroutines"], end["go_goroutines"]; is > was+64 {
		t.Errorf("%.0f goroutines, %.0f when it was warm", is, was)
	}
	// The store's caches and memtables fill up to their bounds, which are part of this.
	const bound = 200 << 20
	if is := end["process_resident_memory_bytes"]; is > bound {
		t.Errorf("%.0f MiB resident, bound is %d", is/(1<<20), bound>>20)
	}
}

// metrics are the samples without labels that the program exposes.
func (p *process) metrics() map[string]float64 {
	p.t.Helper()
	r, err := http.Get(p.url + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = v
		}
	}
	if all["go_goroutines"] == 0 {
		p.t.Fatal("the program exposes no go_goroutines")
	}
	return all
}

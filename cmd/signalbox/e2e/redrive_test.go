package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestChaosRedrive kills the program while it redrives the letters of a target
// that has fixed. Every letter is delivered once, but for those in flight at a
// kill, or still dead.
func TestChaosRedrive(t *testing.T) {
	const letters = 1000
	s := newSink(t)
	s.be(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return false
	})
	x := &trial{record: newRecord(t, s, "/plain")}
	x.p = newProcess(t, fmt.Sprintf(`
targets:
  plain: {type: http, url: "%s/plain", timeout: 1s, breaker: {failures: 100000}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [plain]}
`, s.url))
	x.p.start()
	client := &http.Client{Timeout: 10 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	for n := 0; n < letters; n += 5 {
		ids, err := x.p.put(client, n, n+1, n+2, n+3, n+4)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			x.acked[n+i] = acknowledged{id: id, at: time.Now()}
		}
	}
	dead := func(want uint64) func() bool {
		return func() bool {
			a, err := x.p.accounts()
			return err == nil && a.Deliveries.Dead == want && a.Deliveries.Planned == a.Deliveries.Dead+a.Deliveries.Delivered
		}
	}
	x.p.eventually(30*time.Second, "dead", dead(letters))
	s.be(kind)
	replay := func() {
		if out, err := x.p.command("dlq", "replay", "--all", "--yes", "--rate", "500/s", "--detach"); err != nil {
			t.Logf("replay: %v\n%s", err, out)
		}
	}
	replay()
	for range rounds(t, 4) {
		pause(50, 200)
		x.breakOff()
	}
	x.p.eventually(30*time.Second, "delivered", func() bool {
		if a, err := x.p.accounts(); err == nil && a.Deliveries.Dead > 0 && a.Deliveries.Planned == a.Deliveries.Dead+a.Deliveries.Delivered {
			replay() // for what a redrive that has ended left behind
		}
		return dead(0)()
	})
	a, err := x.p.accounts()
	if err != nil || a.Deliveries.Planned != letters || a.Deliveries.Delivered != letters {
		t.Errorf("%d letters were redriven; the accounts say %+v (%v)", letters, a, err)
	}
	x.judgePath("/plain")
	x.p.verify()
}

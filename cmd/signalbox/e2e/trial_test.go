package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// trial is a router under load, whose surroundings are about to fail.
type trial struct {
	*record
	p *process
	// quiet is held by a fault during which nothing may be sent.
	quiet sync.RWMutex
}

// retries keep the pauses of a trial short. An attempt may take five seconds, the
// default: a machine that stands still for longer has what the sink took sent again.
const retries = `retry: {max_attempts: 100000, min_backoff: 10ms, max_backoff: 200ms}, breaker: {open_for: 200ms}, retry_budget: {min_rate: 1000/s}`

// newTrial starts a router and four producers, each with a key of its own.
func newTrial(t *testing.T) *trial {
	t.Helper()
	s := newSink(t)
	x := &trial{record: newRecord(t, s, "/plain", ordered, "/batched")}
	x.p = newProcess(t, fmt.Sprintf(`
targets:
  plain: {type: http, url: "%[1]s/plain", %[2]s}
  ordered: {type: http, url: "%[1]s%[3]s", order_by: detail.key, %[2]s}
  batched: {type: http, url: "%[1]s/batched", batch: {max_events: 50, max_wait: 5ms}, concurrency: 4, %[2]s}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [plain, ordered, batched]}
`, s.url, retries, ordered))
	return x
}

// begin starts the router and its load.
func (x *trial) begin() {
	x.t.Helper()
	x.p.start()
	client := &http.Client{Timeout: 10 * time.Second}
	x.t.Cleanup(func() {
		x.stop.Store(true)
		x.producers.Wait()
		client.CloseIdleConnections()
	})
	for k := range 4 {
		x.producers.Go(func() { x.produce(client, fmt.Sprint("key-", k)) })
	}
}

// produce sends the events of one key, one request after the other.
func (x *trial) produce(client *http.Client, key string) {
	for !x.stop.Load() {
		first := int(x.next.Add(5)) - 5
		ns := []int{first, first + 1, first + 2, first + 3, first + 4}
		x.quiet.RLock()
		ids, err := x.p.putKeyed(client, key, ns...)
		x.quiet.RUnlock()
		time.Sleep(2 * time.Millisecond) // a load that the sink keeps up with
		if errors.Is(err, errRefused) {
			x.t.Errorf("a producer with a valid key: %v", err)
		}
		if err != nil {
			continue // not acknowledged: the router is down, or says that it can't
		}
		x.mu.Lock()
		for i, n := range ns {
			x.acked[n] = acknowledged{ids[i], key, time.Now()}
		}
		x.mu.Unlock()
	}
}

// breakOff ends the program as a power cut would, and starts it again.
func (x *trial) breakOff() {
	x.t.Helper()
	x.interrupted()
	x.p.kill()
	x.p.start()
}

// judge ends the load, waits until all is delivered, and compares what the
// producers, the router and the sink know, and the store with itself.
func (x *trial) judge() {
	x.t.Helper()
	x.stop.Store(true)
	x.producers.Wait()
	var a accounts
	x.p.eventually(60*time.Second, "all delivered", func() bool {
		var err error
		a, err = x.p.accounts()
		return err == nil && a.Deliveries.Planned == a.Deliveries.Delivered+a.Deliveries.Dead+a.Deliveries.Dropped
	})
	want := a.Events.Accepted * uint64(len(x.paths))
	if d := a.Deliveries; d.Planned != want || d.Delivered != want || a.Events.Accepted < uint64(len(x.acked)) {
		x.t.Errorf("%d acknowledged, to %d targets; the accounts say %+v", len(x.acked), len(x.paths), a)
	}
	x.record.judge()
	x.p.verify()
}

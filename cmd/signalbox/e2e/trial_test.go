package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// unsettled bounds how long before a kill a delivery may have been received that
// is made again afterwards: its end was not yet synced. The journal syncs ends
// every 50 ms; the rest is for a loaded machine.
const unsettled = time.Second

// trial is a router under load, whose surroundings are about to fail. Every
// event goes to each of the sink's paths, of which each is a target.
type trial struct {
	t     *testing.T
	p     *process
	s     *sink
	paths []string

	next atomic.Int64
	// quiet is held by a fault during which nothing may be sent.
	quiet     sync.RWMutex
	stop      atomic.Bool
	producers sync.WaitGroup

	mu    sync.Mutex
	acked map[int]acknowledged
	// breaks are the moments at which the program was ended or held, so that what
	// was in flight is sent again.
	breaks []time.Time
}

// acknowledged is what a producer knows of an event.
type acknowledged struct {
	id, key string
	at      time.Time
}

// ordered is the path of the target that gets each key's events in order.
const ordered = "/ordered"

// retries keep the pauses of a trial short. An attempt may take five seconds, the
// default: a machine that stands still for longer has what the sink took sent again.
const retries = `retry: {max_attempts: 100000, min_backoff: 10ms, max_backoff: 200ms}, breaker: {open_for: 200ms}, retry_budget: {min_rate: 1000/s}`

// newTrial starts a router and four producers, each with a key of its own.
func newTrial(t *testing.T) *trial {
	t.Helper()
	s := newSink(t)
	x := &trial{t: t, s: s, paths: []string{"/plain", ordered, "/batched"}, acked: map[int]acknowledged{}}
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

// interrupted notes that what is in flight now may be sent again.
func (x *trial) interrupted() {
	x.mu.Lock()
	x.breaks = append(x.breaks, time.Now())
	x.mu.Unlock()
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
	if len(x.acked) < 100 {
		x.t.Errorf("only %d events were acknowledged: the trial shows little", len(x.acked))
	}
	for _, path := range x.paths {
		x.judgePath(path)
	}
	x.judgeOrder()
	x.p.verify()
}

// judgeOrder checks that no event of a key came before an earlier one had been
// taken. What a producer sent without an acknowledgement is in no order.
func (x *trial) judgeOrder() {
	x.t.Helper()
	waiting := map[string][]int{} // the acknowledged events of a key, not yet taken
	for n, a := range x.acked {
		waiting[a.key] = append(waiting[a.key], n)
	}
	for _, ns := range waiting {
		slices.Sort(ns)
	}
	wrong := 0
	for _, r := range x.arrivals(ordered) {
		a, ok := x.acked[r.n]
		if !ok {
			continue
		}
		ns := waiting[a.key]
		if len(ns) > 0 && ns[0] < r.n {
			if wrong++; wrong <= 3 {
				x.t.Errorf("%s: event %d of %s came though %d had not been taken", ordered, r.n, a.key, ns[0])
			}
		}
		if i, found := slices.BinarySearch(ns, r.n); found && r.taken {
			waiting[a.key] = slices.Delete(ns, i, i+1)
		}
	}
	if wrong > 3 {
		x.t.Errorf("%s: %d events came too early", ordered, wrong)
	}
}

// arrival is one event in one request.
type arrival struct {
	receipt
	id string
	n  int
}

// arrivals are the events that came to a path, in the order in which they came.
func (x *trial) arrivals(path string) []arrival {
	x.t.Helper()
	var all []arrival
	for _, r := range x.s.receipts() {
		if r.path != path {
			continue
		}
		envelopes := []json.RawMessage{r.body}
		if strings.HasPrefix(string(r.body), "[") {
			if err := json.Unmarshal(r.body, &envelopes); err != nil {
				x.t.Fatalf("%v: %s", err, r.body)
			}
		}
		for _, envelope := range envelopes {
			var e struct {
				ID     string
				Detail struct{ N int }
			}
			if err := json.Unmarshal(envelope, &e); err != nil {
				x.t.Fatalf("%v: %s", err, envelope)
			}
			all = append(all, arrival{r, e.ID, e.Detail.N})
		}
	}
	return all
}

// judgePath checks what one target got: nothing is missing, and what came again
// had not been taken, or was in flight at a break; always with the same ids.
func (x *trial) judgePath(path string) {
	x.t.Helper()
	seen := map[int]arrival{}
	taken := map[int]arrival{}
	again := 0
	for _, r := range x.arrivals(path) {
		if was, ok := seen[r.n]; ok && (was.id != r.id || was.delivery != r.delivery && len(r.delivery) > 0 && r.body[0] != '[') {
			x.t.Errorf("%s: event %d came as %s in delivery %s, and as %s in %s", path, r.n, was.id, was.delivery, r.id, r.delivery)
		}
		seen[r.n] = r
		if !r.taken {
			continue
		}
		if was, ok := taken[r.n]; ok {
			again++
			if !x.inFlight(was.at, r.at) {
				x.t.Errorf("%s: event %d was taken at %v and came again at %v, though no break found it in flight", path, r.n, was.at, r.at)
			}
			continue
		}
		taken[r.n] = r
	}
	lost := 0
	for n, a := range x.acked {
		if r, ok := taken[n]; !ok {
			lost++
		} else if r.id != a.id {
			x.t.Errorf("%s: event %d was acknowledged as %s and delivered as %s", path, n, a.id, r.id)
		}
	}
	if lost > 0 {
		x.t.Errorf("%s: %d of %d acknowledged events were never taken", path, lost, len(x.acked))
	}
	x.t.Logf("%s: %d events acknowledged, %d taken again, %d breaks", path, len(x.acked), again, len(x.breaks))
}

func (x *trial) inFlight(first, again time.Time) bool {
	return slices.ContainsFunc(x.breaks, func(b time.Time) bool {
		return first.Before(b.Add(unsettled)) && first.After(b.Add(-unsettled)) && again.After(b)
	})
}

package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// unsettled bounds how long before a kill a delivery may have been received that
// is made again afterwards: its end was not yet synced. The journal syncs ends
// every 50 ms; the rest is for a loaded machine.
const unsettled = time.Second

// TestKillLosesNothing kills the program at random moments under load. Every
// acknowledged event must be delivered; what is delivered twice must have been in
// flight at a kill, and have the same delivery id.
func TestKillLosesNothing(t *testing.T) {
	s := newSink(t)
	p := newProcess(t, `
targets:
  sink: {type: http, url: "`+s.url+`", retry: {min_backoff: 10ms, max_backoff: 200ms}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [sink]}
`)
	p.start()

	var mu sync.Mutex
	acked := map[int]string{}
	var next atomic.Int64
	var stop atomic.Bool
	var producers sync.WaitGroup
	client := &http.Client{Timeout: 10 * time.Second}
	for range 4 {
		producers.Go(func() {
			for !stop.Load() {
				first := int(next.Add(5)) - 5
				ns := []int{first, first + 1, first + 2, first + 3, first + 4}
				ids, err := p.put(client, ns...)
				if err != nil {
					time.Sleep(2 * time.Millisecond) // killed: the events were not acknowledged
					continue
				}
				mu.Lock()
				for i, n := range ns {
					acked[n] = ids[i]
				}
				mu.Unlock()
			}
		})
	}
	var kills []time.Time
	for range rounds(t, 12) {
		time.Sleep(time.Duration(20+rand.IntN(300)) * time.Millisecond)
		kills = append(kills, time.Now())
		p.kill()
		p.start()
	}
	stop.Store(true)
	producers.Wait()

	var a accounts
	p.eventually(60*time.Second, "all delivered", func() bool {
		var err error
		a, err = p.accounts()
		return err == nil && a.Deliveries.Ready+a.Deliveries.Waiting == 0
	})
	if d := a.Deliveries; d.Planned != d.Delivered || d.Planned < uint64(len(acked)) || a.Events.Accepted != d.Planned {
		t.Errorf("%d acknowledged; the accounts say %+v", len(acked), a)
	}

	first := map[int]receipt{}
	twice := 0
	for _, r := range s.receipts() {
		var e struct {
			ID     string
			Detail struct{ N int }
		}
		if err := json.Unmarshal(r.body, &e); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
		was, again := first[e.Detail.N]
		if !again {
			first[e.Detail.N] = r
			if id, ok := acked[e.Detail.N]; ok && (id != e.ID || id != r.event) {
				t.Errorf("event %d: acknowledged as %s, delivered as %s, header %s", e.Detail.N, id, e.ID, r.event)
			}
			continue
		}
		twice++
		if r.delivery == "" || r.delivery != was.delivery {
			t.Errorf("event %d came twice, with delivery ids %q and %q", e.Detail.N, was.delivery, r.delivery)
		}
		if !inFlightAtAKill(was.at, r.at, kills) {
			t.Errorf("event %d came at %v and again at %v, though no kill found it in flight", e.Detail.N, was.at, r.at)
		}
	}
	lost := 0
	for n := range acked {
		if _, ok := first[n]; !ok {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged events were never delivered", lost, len(acked))
	}
	if len(acked) < 100 {
		t.Errorf("only %d events were acknowledged: the test shows little", len(acked))
	}
	t.Logf("%d kills, %d events acknowledged, %d delivered twice", len(kills), len(acked), twice)
}

func inFlightAtAKill(first, again time.Time, kills []time.Time) bool {
	for _, k := range kills {
		if first.Before(k.Add(unsettled)) && first.After(k.Add(-unsettled)) && again.After(k) {
			return true
		}
	}
	return false
}

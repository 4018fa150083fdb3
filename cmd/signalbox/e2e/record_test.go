package e2e

import (
	"encoding/json"
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

// record is what producers and a sink know of the events of a trial. Every event
// goes to each of the sink's paths, of which each is a target.
type record struct {
	t     *testing.T
	s     *sink
	paths []string

	next      atomic.Int64
	stop      atomic.Bool
	producers sync.WaitGroup

	mu    sync.Mutex
	acked map[int]acknowledged
	// breaks are the times in which the program was ended or held, so that what
	// was in flight is sent again.
	breaks []span
}

// acknowledged is what a producer knows of an event.
type acknowledged struct {
	id, key string
	at      time.Time
}

// span is a time that has a beginning and an end, which may be the same.
type span struct{ from, to time.Time }

// ordered is the path of the target that gets each key's events in order.
const ordered = "/ordered"

func newRecord(t *testing.T, s *sink, paths ...string) *record {
	return &record{t: t, s: s, paths: paths, acked: map[int]acknowledged{}}
}

// interrupted notes that what is in flight now may be sent again.
func (x *record) interrupted() {
	now := time.Now()
	x.mu.Lock()
	x.breaks = append(x.breaks, span{now, now})
	x.mu.Unlock()
}

// judge compares what the producers know with what the sink knows.
func (x *record) judge() {
	x.t.Helper()
	if len(x.acked) < 100 {
		x.t.Errorf("only %d events were acknowledged: the trial shows little", len(x.acked))
	}
	for _, path := range x.paths {
		x.judgePath(path)
	}
	x.judgeOrder()
}

// judgeOrder checks that no event of a key came before an earlier one had been
// taken. What a producer sent without an acknowledgement is in no order.
func (x *record) judgeOrder() {
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
func (x *record) arrivals(path string) []arrival {
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
func (x *record) judgePath(path string) {
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

func (x *record) inFlight(first, again time.Time) bool {
	return slices.ContainsFunc(x.breaks, func(b span) bool {
		return first.Before(b.to.Add(unsettled)) && first.After(b.from.Add(-unsettled)) && again.After(b.from)
	})
}

package router

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/dlq"
	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal/journaltest"
	"signalbox/journal/store"
	"signalbox/targets"
)

// orderModel does random things to a router with an ordered target, and knows
// which order its deliveries must keep.
type orderModel struct {
	*model
	stop bool   // dead letters stop their keys
	more string // of the target's configuration
	// keys holds how many events were sent of each key.
	keys []int
	// wild models do what gives up the order too: they purge, resume, and take the
	// target or its order away.
	wild bool

	omu    sync.Mutex
	active map[string]int
	got    map[string][]int // the first successes of each key
	died   map[string]bool  // "k/n" of what was refused for good
	rates  [2]float64       // of failures, and of refusals
}

func (m *orderModel) deliver(ctx context.Context, d *targets.Delivery) error {
	var k string
	var n int
	_, detail, _ := strings.Cut(string(d.Envelope), `"detail":`)
	if _, err := fmt.Sscanf(detail, `{"k":%q,"n":%d}}`, &k, &n); err != nil {
		m.t.Error(err)
	}
	m.omu.Lock()
	m.active[k]++
	if m.active[k] > 1 && !m.wild {
		m.t.Errorf("%d deliveries of key %s at once", m.active[k], k)
	}
	roll, slow := rand.Float64(), rand.N(4) == 0
	rates := m.rates
	m.omu.Unlock()
	var cut error
	if slow {
		select {
		case <-ctx.Done():
			cut = ctx.Err()
		case <-time.After(time.Duration(rand.N(int64(3 * time.Second)))):
		}
	}
	m.omu.Lock()
	defer m.omu.Unlock()
	m.active[k]--
	switch {
	case cut != nil:
		return cut
	case roll < rates[0]:
		return errDown
	case roll < rates[0]+rates[1]:
		m.died[fmt.Sprint(k, "/", n)] = true
		return errFinal
	}
	m.first(k, n)
	return nil
}

// first notes a success, and checks that it passed nothing that it must not.
func (m *orderModel) first(k string, n int) {
	for _, before := range m.got[k] {
		if before == n {
			return // again
		}
		if before > n && !m.wild && (m.stop || !m.died[fmt.Sprint(k, "/", n)]) {
			m.t.Errorf("key %s: %d came first after %d", k, n, before)
		}
	}
	m.got[k] = append(m.got[k], n)
}

func (m *orderModel) say() {
	m.omu.Lock()
	defer m.omu.Unlock()
	m.rates = [][2]float64{{}, {0.3, 0}, {0.2, 0.1}, {0.9, 0}, {1, 0}}[m.rnd.IntN(5)]
}

// take takes events in, one request after the other: they have an order then.
func (m *orderModel) take() {
	for range 1 + m.rnd.IntN(3) {
		evs := make([]*event.Event, 1+m.rnd.IntN(8))
		for i := range evs {
			k := m.rnd.IntN(1 + m.rnd.IntN(len(m.keys)))
			evs[i] = keyed(fmt.Sprint("k", k), m.keys[k])
			m.keys[k]++
		}
		m.send(evs...)
		m.planned += len(evs)
	}
}

// swapTarget sets for the lane a target of another configuration; a wild one may be
// without order, or gone.
func (m *orderModel) swapTarget() {
	n := 1 + m.rnd.IntN(5)
	text := strings.Replace(m.text(), "concurrency: 4", fmt.Sprint("concurrency: ", n), 1)
	if m.wild {
		switch m.rnd.IntN(4) {
		case 0:
			text = strings.Replace(text, "order_by: detail.k, ", "", 1)
			text = strings.Replace(text, "on_dead_letter: stop, ", "", 1)
		case 1:
			text = "targets: {b: {type: http, url: \"http://127.0.0.1:1/\"}}\nrules: [{name: orders, pattern: {source: [shop.orders]}, targets: [b]}]\n"
		case 2:
			m.stop = !m.stop
			text = m.text()
		}
	}
	m.write(text)
	m.swap()
}

func (m *orderModel) text() string {
	text := inOrder
	if m.stop {
		text = inOrderOrStop
	}
	return strings.Replace(text, "breaker: off", m.more, 1)
}

func (m *orderModel) resumeKey() {
	keys, _, err := m.router.Lanes.BlockedKeys("a", "", 100)
	if err != nil {
		m.t.Error(err)
	}
	for _, k := range keys {
		if m.rnd.IntN(2) == 0 {
			_ = m.router.Lanes.ResumeKey("a", k.Key) // which may not be stopped
		}
	}
}

func (m *orderModel) step() {
	switch n := m.rnd.IntN(48); {
	case n >= 40:
		m.pauses()
	case n < 16:
		m.take()
	case n < 22:
		m.say()
	case n < 30:
		time.Sleep(time.Duration(m.rnd.Int64N(int64(3 * time.Second))))
	case n < 32:
		m.redrive()
	case n < 34:
		m.swapTarget()
	case n < 36:
		m.restart()
	case n < 38:
		m.crash()
	case n < 39:
		time.Sleep(2 * time.Minute) // retention drops events
	case m.wild && m.rnd.IntN(2) == 0:
		m.resumeKey()
	case m.wild:
		if _, err := m.router.DeadLetters.Purge(m.t.Context(), dlq.Filter{}, false, nil); err != nil {
			m.t.Error(err)
		}
	}
}

// pauses pauses, drains or resumes the target or its rule, with events that come
// meanwhile.
func (m *orderModel) pauses() {
	r := m.router
	do := []func() error{
		func() error { return r.Pauses.PauseRule("default", "orders") },
		func() error { return r.Pauses.ResumeRule("default", "orders") },
		func() error { return r.Pauses.ResumeRule("default", "orders") },
		func() error { return r.Pauses.PauseTarget("a") },
		func() error { return r.Pauses.DrainTarget("a") },
		func() error { return r.Pauses.ResumeTarget("a") },
		func() error { return r.Pauses.ResumeTarget("a") },
	}[m.rnd.IntN(7)]
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		m.known(do())
	})
	for range m.rnd.IntN(4) {
		m.take()
	}
}

// redrive begins a redrive, and may cancel another.
func (m *orderModel) redrive() {
	queue := m.router.DeadLetters
	o := dlq.Redrive{StopAfter: m.rnd.IntN(8), Limit: m.rnd.IntN(2) * 5}
	if m.wild {
		o.To = []string{"", "a", "b"}[m.rnd.IntN(3)]
	}
	_, err := queue.Redrive(m.t.Context(), o)
	m.allowed(err)
	if jobs := queue.Jobs(); len(jobs) > 0 && m.rnd.IntN(2) == 0 {
		_, err := queue.Cancel(jobs[m.rnd.IntN(len(jobs))].ID)
		m.allowed(err)
	}
}

// finish lets every delivery end.
func (m *orderModel) finish() {
	m.omu.Lock()
	m.rates = [2]float64{}
	m.omu.Unlock()
	m.write(strings.Replace(m.text(), "targets:\n", "targets:\n  b: {type: http, url: \"http://127.0.0.1:1/\"}\n", 1))
	m.swap()
	m.resumeAll()
	for range 3 { // what is under way may still die
		time.Sleep(5 * time.Minute) // a running redrive ends
		if j := m.bench.redrive(dlq.Redrive{}); j.State != jobs.Finished || j.Left != 0 || j.InFlight != 0 || j.Total != j.Ended() {
			m.t.Errorf("the last redrive: %+v", j)
		}
	}
	time.Sleep(time.Minute)
	m.settled()
	m.checkDisk()
	c := m.counts()
	if c.Planned != uint64(m.planned) || c.Pending()+c.Dead != 0 || c.BlockedKeys != 0 {
		m.t.Errorf("%d deliveries planned; the accounts say %+v", m.planned, c)
	}
	checkNoKeys(m.t, m.bench)
	for k, n := range m.keys {
		if got := len(m.got[fmt.Sprint("k", k)]); !m.wild && got != n {
			m.t.Errorf("key k%d: %d of %d came", k, got, n)
		}
	}
}

// TestOrderHolds does random things to an ordered target: failures, refusals,
// redrives, pauses, other configurations, restarts and crashes. It goes through as
// many seeds as its time allows.
func TestOrderHolds(t *testing.T) {
	more := []string{"breaker: off", "breaker: {failures: 3, open_for: 1s}", "breaker: off, batch: {max_events: 4, max_wait: 20ms}",
		"breaker: {failures: 3, open_for: 1s}, batch: {max_events: 4, max_wait: 20ms}"}
	began := time.Now()
	for seed := *modelSeed; time.Since(began) < *modelTime; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &orderModel{
					model: &model{
						bench: newBench(t, inOrder), rnd: rand.New(rand.NewPCG(seed, 2)),
						delivered: map[string]int{}, at: map[string]time.Time{}, again: map[string]int{},
					},
					stop: seed%2 == 0, wild: seed%3 == 0, keys: make([]int, 6), more: more[seed%4],
					active: map[string]int{}, got: map[string][]int{}, died: map[string]bool{},
				}
				m.write(m.text())
				m.disk = journaltest.Crashable()
				m.opts = Options{Window: 1 + m.rnd.IntN(24), WindowBytes: 1 + m.rnd.IntN(16000), Memory: int64(1 + m.rnd.IntN(32000)), Retention: store.Retention{MaxAge: time.Minute}}
				for _, name := range []string{"a", "b"} {
					m.fakes[name] = &fake{}
				}
				m.fakes["a"].say(m.deliver)
				m.start()
				for range 150 {
					m.step()
				}
				m.finish()
				m.bench.stop()
			})
		})
	}
}

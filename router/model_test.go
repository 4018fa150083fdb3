package router

import (
	"context"
	"errors"
	"flag"
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
	"signalbox/journal"
	"signalbox/journal/journaltest"
	"signalbox/journal/store"
	"signalbox/router/pause"
	"signalbox/targets"
)

// Longer runs, and others: go test ./router -run Order -args -model.time 1m -model.seed 1000
var (
	modelTime = flag.Duration("model.time", 3*time.Second, "how long each of the models tries one seed after the other")
	modelSeed = flag.Uint64("model.seed", 0, "the models' first seed")
)

const modelTargets = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", concurrency: 3, timeout: 5s, retry: {max_attempts: 4, max_age: 1h, min_backoff: 10ms, max_backoff: 1s}}
  b: {type: http, url: "http://127.0.0.1:1/", concurrency: 1, timeout: 5s, retry: {max_attempts: 2, max_age: 2s, min_backoff: 10ms, max_backoff: 1s}, breaker: {failures: 2, open_for: 1s}}
`

// The rule files of the model: with the target c and without it.
const (
	modelWithC = modelTargets + `
  c: {type: http, url: "http://127.0.0.1:1/", rate_limit: 200/s, timeout: 5s, retry: {max_attempts: 3, max_age: 1h, min_backoff: 1ms, max_backoff: 100ms}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, {target: b, input_path: $.detail.id}]}
  - {name: extra, pattern: {source: [shop.orders]}, targets: [c]}
`
	modelWithoutC = modelTargets + `
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, {target: b, input_path: $.detail.id}]}
`
)

// modelBatches makes two of the model's targets take batches.
var modelBatches = strings.NewReplacer(
	"  a: {", "  a: {batch: {max_events: 4, max_wait: 20ms}, ",
	"  c: {", "  c: {batch: {max_events: 5, max_bytes: 1KiB, max_wait: 0s}, ",
)

// modelLetters sends dead letters of the model's targets to another too.
var modelLetters = strings.NewReplacer(
	"\nrules:", "\n  d: {type: http, url: \"http://127.0.0.1:1/\", retry: {max_attempts: 2, max_age: 1h, min_backoff: 10ms, max_backoff: 1s}}\nrules:",
	"targets: [a, {target: b, input_path: $.detail.id}]", "targets: [{target: a, dead_letter: d}, {target: b, input_path: $.detail.id, dead_letter: d}]",
	"targets: [c]", "targets: [{target: c, dead_letter: d}]",
)

// model does random things to a router, and knows what must come of it.
type model struct {
	*bench
	rnd   *rand.Rand
	withC bool
	// batches means that targets take batches.
	batches bool
	// letters means that dead letters go to the target d too, which are not counted among the deliveries.
	letters bool
	sent    int

	mu      sync.Mutex
	planned int // deliveries
	// delivered counts the successes of each delivery, at the time of the last;
	// again how many of them a crash may have undone.
	delivered map[string]int
	at        map[string]time.Time
	again     map[string]int
	dying     bool // the power is off: nothing that happens now is remembered
}

func (m *model) health() {
	answers := []func(context.Context, *targets.Delivery) error{
		nil,
		nil,
		down,
		func(context.Context, *targets.Delivery) error {
			return &targets.Error{Code: targets.CodeErrorFromTarget, Status: 400, Final: true, Err: errors.New("answered 400")}
		},
		func(ctx context.Context, d *targets.Delivery) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(d.Attempt) * 700 * time.Millisecond):
				return nil
			}
		},
		func(ctx context.Context, d *targets.Delivery) error {
			if rand.N(2) == 0 {
				return down(ctx, d)
			}
			return nil
		},
	}
	target := []string{"a", "b", "c"}[m.rnd.IntN(3)]
	if m.letters && m.rnd.IntN(4) == 0 {
		m.fakes["d"].say(answers[m.rnd.IntN(4)])
		return
	}
	if m.batches {
		answers = answers[:4] // the slow ones would hold each of a batch after the other
		m.fakes[target].sayOfAll(m.whole())
	}
	m.answer(target, answers[m.rnd.IntN(len(answers))])
}

// whole chooses what a target says of a whole batch.
func (m *model) whole() func(context.Context, []*targets.Delivery) error {
	poison := byte(m.rnd.IntN(10))
	return []func(context.Context, []*targets.Delivery) error{
		nil,
		func(context.Context, []*targets.Delivery) error { return refusal(503, false) },
		func(ctx context.Context, batch []*targets.Delivery) error {
			select {
			case <-time.After(time.Duration(len(batch)) * 700 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		func(_ context.Context, batch []*targets.Delivery) error {
			for _, d := range batch {
				if d.Envelope[len(d.Envelope)-3] == '0'+poison { // the last digit of the order's number
					return refusal(422, true)
				}
			}
			return nil
		},
	}[m.rnd.IntN(4)]
}

// answer chooses a target's answers, and counts those that take a delivery.
func (m *model) answer(target string, answer func(context.Context, *targets.Delivery) error) {
	if m.fakes[target] == nil {
		m.fakes[target] = &fake{}
	}
	m.fakes[target].say(func(ctx context.Context, d *targets.Delivery) error {
		if answer != nil {
			if err := answer(ctx, d); err != nil {
				return err
			}
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if d.Attributes != nil {
			return nil // a dead letter that was sent here by hand
		}
		m.delivered[d.ID]++
		m.at[d.ID] = time.Now()
		if m.dying {
			m.again[d.ID]++
		}
		return nil
	})
}

func (m *model) accept() {
	var wg sync.WaitGroup
	for range 1 + m.rnd.IntN(4) {
		evs := make([]*event.Event, 1+m.rnd.IntN(6))
		for i := range evs {
			m.sent++
			evs[i] = order(m.sent)
		}
		wg.Go(func() {
			errs, err := m.router.Accept(m.t.Context(), evs)
			if err = errors.Join(append(errs, err)...); err != nil {
				m.t.Error(err)
			}
		})
		m.planned += len(evs) * map[bool]int{true: 3, false: 2}[m.withC]
	}
	wg.Wait()
}

// rules writes the rule file.
func (m *model) rules() {
	text := modelWithoutC
	if m.withC {
		text = modelWithC
	}
	if m.batches {
		text = modelBatches.Replace(text)
	}
	if m.letters {
		text = modelLetters.Replace(text)
	}
	m.write(text)
}

func (m *model) swapRules() {
	m.withC = !m.withC
	m.rules()
	m.swap()
}

// redrives begins redrives, of which two may meet, and cancels or resumes others.
func (m *model) redrives() {
	var wg sync.WaitGroup
	queue := m.router.DeadLetters
	for range 1 + m.rnd.IntN(2) {
		o := dlq.Redrive{
			To: []string{"", "", "a", "b"}[m.rnd.IntN(4)], As: []string{dlq.Stored, dlq.Current}[m.rnd.IntN(2)],
			Rate: float64(m.rnd.IntN(2) * 20), StopAfter: m.rnd.IntN(8), Limit: m.rnd.IntN(2) * 5,
		}
		wg.Go(func() {
			_, err := queue.Redrive(m.t.Context(), o)
			m.allowed(err)
		})
	}
	if jobs := queue.Jobs(); len(jobs) > 0 {
		id, cancel := jobs[m.rnd.IntN(len(jobs))].ID, m.rnd.IntN(2) == 0
		wg.Go(func() {
			var err error
			if cancel {
				_, err = queue.Cancel(id)
			} else {
				_, err = queue.Resume(m.t.Context(), id)
			}
			m.allowed(err)
		})
	}
	wg.Wait()
}

// allowed lets through what a redrive may be refused for.
func (m *model) allowed(err error) {
	var (
		conflict *jobs.Conflict
		bad      *dlq.BadRequest // a target that is gone
	)
	if err != nil && !errors.As(err, &conflict) && !errors.As(err, &bad) {
		m.t.Error(err)
	}
}

// pauses pauses, drains or resumes a target or a rule, while events come in.
func (m *model) pauses() {
	target := []string{"a", "b", "c"}[m.rnd.IntN(3)]
	rule := []string{"orders", "extra"}[m.rnd.IntN(2)]
	r, n := m.router, m.rnd.IntN(8)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		m.known([]func() error{
			func() error { return r.Pauses.PauseTarget(target) },
			func() error { return r.Pauses.DrainTarget(target) },
			func() error { return r.Pauses.PauseRule("default", rule) },
			func() error { return r.Pauses.ResumeRule("default", rule) },
		}[min(n, 3)]())
		if n > 5 {
			m.known(r.Pauses.ResumeTarget(target))
		}
	})
	if m.rnd.IntN(2) == 0 {
		m.accept()
	}
}

// known lets through what a pause of something that is gone is refused for.
func (m *model) known(err error) {
	var unknown *pause.Unknown
	if err != nil && !errors.As(err, &unknown) {
		m.t.Error(err)
	}
}

// resumeAll ends all pauses.
func (m *model) resumeAll() {
	for _, rule := range []string{"orders", "extra"} {
		m.known(m.router.Pauses.ResumeRule("default", rule))
	}
	for _, target := range []string{"a", "b", "c"} {
		m.known(m.router.Pauses.ResumeTarget(target))
	}
}

func (m *model) purge() {
	if m.letters {
		return // nobody could tell whose they were
	}
	f := dlq.Filter{Target: []string{"a", "b", "c"}[m.rnd.IntN(3)], Code: targets.CodeErrorFromTarget}
	if _, err := m.router.DeadLetters.Purge(m.t.Context(), f, false, nil); err != nil {
		m.t.Error(err)
	}
}

func (m *model) restart() {
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Duration(m.rnd.IntN(3))*time.Second)
	defer cancel()
	m.router.Stop(ctx) // attempts may be broken off
	m.checkDisk()
	if err := m.journal.Close(); err != nil {
		m.t.Error(err)
	}
	m.verify()
	m.start()
}

// verify holds the store against itself.
func (m *model) verify() {
	report, err := journal.Verify("data", m.disk, journal.Readers{Job: dlq.CheckJob}, nil)
	if err != nil || report.FaultCount > 0 {
		m.t.Errorf("the store: %v, %q", err, report.Faults)
	}
}

// crash cuts the power. What was delivered so shortly before that its end may
// not have been synced can come again.
func (m *model) crash() {
	m.mu.Lock()
	m.dying = true
	for id, at := range m.at {
		if time.Since(at) <= 100*time.Millisecond {
			m.again[id]++
		}
	}
	m.mu.Unlock()
	m.disk = journaltest.Crash(m.disk, m.rnd.IntN(101), m.rnd)
	m.router.Stop(m.t.Context())
	if err := m.journal.Close(); err != nil {
		m.t.Error(err)
	}
	m.mu.Lock()
	m.dying = false
	m.mu.Unlock()
	m.verify()
	m.start()
}

// checkDisk compares what lies on disk with the accounts. Nothing may be under way.
func (m *model) checkDisk() {
	for name, id := range m.journal.Lanes.All() {
		var got journal.Counts
		one := func(n *uint64) func(journal.Delivery, journal.Record) bool {
			return func(journal.Delivery, journal.Record) bool { *n++; return true }
		}
		m.t.Helper()
		synctest.Wait()
		time.Sleep(10 * time.Millisecond) // fake time: the journal writes what it gathers
		synctest.Wait()
		err := errors.Join(
			m.journal.Deliveries.Ready(id, journal.Cursor{}, ^journal.Seq(0), nil, one(&got.Ready)),
			m.journal.Deliveries.Waiting(id, journal.Cursor{}, time.Unix(1<<33, 0), one(&got.Waiting)),
			m.journal.Deliveries.DeadLetters(journal.Cursor{}, func(l journal.DeadLetter) bool {
				if l.Delivery.Lane == id {
					got.Dead++
				}
				return true
			}))
		err = errors.Join(err, m.journal.Keys.Blocked(id, 0, func(r journal.KeyRecord) bool {
			got.BlockedKeys++
			err = errors.Join(err, m.journal.Keys.ParkedBehind(id, r.Hash, journal.Cursor{}, one(&got.Parked)))
			return true
		}))
		got.Held = m.heldOf(id)
		c := m.journal.Counters.LaneCounts(id)
		if got.Parked != c.Parked || got.BlockedKeys != c.BlockedKeys {
			m.t.Errorf("lane %s: on disk %d parked behind %d keys, the accounts say %+v", name, got.Parked, got.BlockedKeys, c)
		}
		if err != nil || got.Ready != c.Ready || got.Waiting != c.Waiting || got.Dead != c.Dead || got.Held != c.Held || !c.Balanced() {
			m.t.Errorf("lane %s: on disk %+v (%v), the accounts say %+v", name, got, err, c)
		}
	}
}

// heldOf counts what is suspended of a lane's deliveries.
func (m *model) heldOf(id journal.LaneID) (n uint64) {
	pauses, err := m.journal.Pauses.All()
	for _, p := range pauses {
		err = errors.Join(err, m.journal.Deliveries.Held(p.Hold, journal.Cursor{}, func(d journal.Delivery) bool {
			if d.Lane == id {
				n++
			}
			return true
		}))
	}
	if err != nil {
		m.t.Error(err)
	}
	return n
}

// finish lets every delivery end, and checks that each did once.
func (m *model) finish() {
	if !m.withC {
		m.swapRules()
	}
	for _, name := range []string{"a", "b", "c"} {
		m.answer(name, nil)
		m.fakes[name].sayOfAll(nil)
	}
	if m.letters {
		m.fakes["d"].say(nil)
	}
	m.resumeAll()
	for range 3 { // what is under way may still die
		time.Sleep(time.Minute)
		if j := m.redrive(dlq.Redrive{}); j.State != jobs.Finished || j.Left != 0 || j.InFlight != 0 || j.Total != j.Ended() {
			m.t.Errorf("the last redrive: %+v", j)
		}
	}
	time.Sleep(time.Minute)
	m.settled()
	m.checkDisk()
	c := m.counts()
	if own := uint64(m.planned); c.Planned < own || c.Planned > own && !m.letters || c.Pending()+c.Dead != 0 || c.Delivered+c.Dropped != c.Planned {
		m.t.Errorf("%d deliveries planned; the accounts say %+v", m.planned, c)
	}
	for _, l := range m.router.Lanes.all() {
		if left := l.Memory(); left.Deliveries != 0 || left.Queued != 0 || left.Bytes != 0 || left.Workers != 0 || left.Reading {
			m.t.Errorf("lane %s at the end: %+v", l.Name, left)
		}
	}
	if used := m.router.Lanes.env.Shared.Used(); used != 0 {
		m.t.Errorf("%d bytes of memory are held at the end", used)
	}
	for _, j := range m.router.DeadLetters.Jobs() {
		if j.State == jobs.Running || j.InFlight != 0 || j.Left < 0 {
			m.t.Errorf("redrive at the end: %+v", j)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	undone := 0
	for id, n := range m.delivered {
		if n > 1+m.again[id] {
			m.t.Errorf("delivery %s came %d times; crashes allow %d", id, n, 1+m.again[id])
		}
	}
	for _, n := range m.again {
		undone += n
	}
	if never := m.planned - len(m.delivered); never > int(c.Dropped) || never < int(c.Dropped)-undone {
		m.t.Errorf("%d deliveries never came, %d were purged (%d ends may be undone)", never, c.Dropped, undone)
	}
}

// TestEveryDeliveryEndsOnce does random things to a router, and checks in the
// end that every planned delivery came once, or was purged. It goes through as
// many seeds as its time allows.
func TestEveryDeliveryEndsOnce(t *testing.T) {
	began := time.Now()
	for seed := *modelSeed; time.Since(began) < *modelTime; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &model{
					bench: newBench(t, modelWithC), rnd: rand.New(rand.NewPCG(seed, 1)), withC: true, batches: seed%2 == 1, letters: seed%4 > 1,
					delivered: map[string]int{}, at: map[string]time.Time{}, again: map[string]int{},
				}
				m.fakes["d"] = &fake{}
				m.rules()
				m.disk = journaltest.Crashable()
				m.opts = Options{Window: 1 + m.rnd.IntN(12), WindowBytes: 1 + m.rnd.IntN(8000), Memory: int64(1 + m.rnd.IntN(16000)), Retention: store.Retention{MaxAge: time.Minute}}
				for _, name := range []string{"a", "b", "c"} {
					m.answer(name, nil)
				}
				m.start()
				for range 120 {
					switch n := m.rnd.IntN(44); {
					case n < 16:
						m.accept()
					case n < 24:
						m.health()
					case n < 32:
						time.Sleep(time.Duration(m.rnd.Int64N(int64(3 * time.Second))))
					case n < 35:
						m.redrives()
					case n < 36:
						m.purge()
					case n < 37:
						m.swapRules()
					case n < 38:
						m.restart()
					case n < 39:
						m.crash()
					case n < 43:
						m.pauses()
					default:
						time.Sleep(2 * time.Minute) // retention drops events
					}
				}
				m.finish()
				m.stop()
			})
		})
	}
}

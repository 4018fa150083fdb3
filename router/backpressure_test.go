package router

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/event"
	"signalbox/ingest"
	"signalbox/machine"
	"signalbox/targets"
)

// limitAfter returns the router's limit after a time in which somebody has asked for it.
func limitAfter(r *Router, d time.Duration) (limit int) {
	for range d / time.Millisecond {
		time.Sleep(time.Millisecond)
		limit = r.IntakeLimit()
	}
	return limit
}

const toThree = `type: http, concurrency: 3,`

func TestIntakeYieldsToLanesThatAreBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", toThree, 1))
		b.opts.processorsShort = func() bool { return true }
		b.start()
		defer b.stop()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		for i := range 5 {
			b.send(order(i))
		}
		if n := limitAfter(b.router, 10*time.Millisecond); n != math.MaxInt {
			t.Errorf("%d at once although next to nothing waits", n)
		}
		few := limitAfter(b.router, 30*time.Millisecond)
		if few < 1 || few > 16 {
			t.Errorf("%d at once with deliveries of 40 ms", few)
		}
		if n := limitAfter(b.router, 30*time.Millisecond); n != 0 {
			t.Errorf("%d at once with deliveries of 70 ms", n)
		}
		close(until)
		b.settled()
		if n := limitAfter(b.router, 10*time.Millisecond); n != math.MaxInt {
			t.Errorf("%d at once after all was delivered", n)
		}
	})
}

// TestIntakeYieldsToAFullWindow: what has come at once, and has no age yet.
func TestIntakeYieldsToAFullWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", toThree, 1))
		b.opts.Window = 10
		b.opts.processorsShort = func() bool { return true }
		b.start()
		defer b.stop()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		for range 4 { // the last few are on disk alone
			b.send(order(1), order(2), order(3))
		}
		if n := limitAfter(b.router, 2*time.Millisecond); n != 0 {
			t.Errorf("%d at once", n)
		}
		close(until)
		b.settled()
	})
}

func TestWhatIsNoReasonToYield(t *testing.T) {
	with := func(options string) string { return strings.Replace(toA, "type: http,", options, 1) }
	firstFails := func(until <-chan struct{}) func(context.Context, *targets.Delivery) error {
		var calls atomic.Int64
		return func(ctx context.Context, d *targets.Delivery) error {
			if calls.Add(1) == 1 {
				return down(ctx, d)
			}
			return hang(until)(ctx, d)
		}
	}
	for name, test := range map[string]struct {
		rules  string
		idle   bool
		window int
		answer func(until <-chan struct{}) func(context.Context, *targets.Delivery) error
		before func(*bench)
		sent   int // 10 in its absence
	}{
		"a target that is slow":              {rules: with(toThree), idle: true},
		"one that fails":                     {rules: with(toThree), answer: firstFails},
		"one whose circuit is open":          {rules: strings.Replace(with(toThree), "breaker: off", "breaker: {failures: 1, open_for: 1h}", 1), answer: firstFails},
		"one that is paused":                 {rules: with(toThree), before: func(b *bench) { b.must(b.router.Pauses.PauseTarget("a")) }},
		"one with a rate limit":              {rules: with("type: http, rate_limit: 1/s,")},
		"a backlog of many windows on disk":  {rules: with(toThree), window: 1, sent: 60},
		"workers that find nothing to do":    {rules: with("type: http, concurrency: 100,")},
		"a batch that is still being filled": {rules: with("type: http, batch: {max_events: 100, max_wait: 5s},")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, test.rules)
				b.opts.processorsShort = func() bool { return !test.idle }
				b.opts.Window = test.window
				b.start()
				defer b.stop()
				until := make(chan struct{})
				answer := hang(until)
				if test.answer != nil {
					answer = test.answer(until)
				}
				b.fakes["a"].say(answer)
				if test.before != nil {
					test.before(b)
				}
				for i := range max(10, test.sent) {
					b.send(order(i))
				}
				if n := limitAfter(b.router, 150*time.Millisecond); n != math.MaxInt {
					t.Errorf("%d at once", n)
				}
				close(until)
			})
		})
	}
}

// TestASlowTargetSlowsNobodysIntake: whatever else takes the processor, a target that
// answers late is found out, and then changes next to nothing for producers. Here whoever
// produces takes all of the processor.
func TestASlowTargetSlowsNobodysIntake(t *testing.T) {
	accepted := func(t *testing.T, late time.Duration, yields bool) (n int64) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, strings.Replace(toA, "type: http,", toThree, 1))
			var working atomic.Int64
			b.opts.processorsShort = func() bool { return working.Load() > 0 }
			b.start()
			defer b.stop()
			b.fakes["a"].say(func(context.Context, *targets.Delivery) error { time.Sleep(late); return nil })
			load := ingest.NewLoad(100, machine.ShareMemory(1<<30), prometheus.NewRegistry())
			if yields {
				load.Yield(b.router.IntakeLimit)
			}
			n = produce(load.Bound(ingest.New(busy{b.router, &working}, ingest.Options{})), 8, 5*time.Second)
		})
		return n
	}
	free, slow := accepted(t, 100*time.Millisecond, false), accepted(t, 100*time.Millisecond, true)
	if free == 0 || slow < free*9/10 {
		t.Errorf("beside a slow target %d requests, and %d where nothing yields", slow, free)
	}
}

// busy is a router whose intake takes a millisecond of a processor for each request.
type busy struct {
	*Router
	working *atomic.Int64
}

func (b busy) Accept(ctx context.Context, evs []*event.Event) ([]error, error) {
	b.working.Add(1)
	defer b.working.Add(-1)
	time.Sleep(time.Millisecond)
	return b.Router.Accept(ctx, evs)
}

// produce sends event after event by some producers for a time, and returns how many
// requests were accepted.
func produce(handler http.Handler, producers int, during time.Duration) int64 {
	const body = `{"source":"shop.orders","detail-type":"OrderCreated","detail":{}}`
	var accepted atomic.Int64
	end := time.Now().Add(during)
	done := make(chan struct{})
	for range producers {
		go func() {
			defer func() { done <- struct{}{} }()
			for time.Now().Before(end) {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				if handler.ServeHTTP(w, r); w.Code == http.StatusOK {
					accepted.Add(1)
				}
			}
		}()
	}
	for range producers {
		<-done
	}
	return accepted.Load()
}

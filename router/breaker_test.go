package router

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/delivery"
	"signalbox/delivery/circuit"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

const toBreaker = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", concurrency: 4, breaker: {failures: 3, open_for: 10s}, retry: {max_attempts: 50, max_age: 1h, min_backoff: 1s, max_backoff: 1m}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
`

func answer(status int, code string, final bool, after time.Duration) func(context.Context, *targets.Delivery) error {
	return func(context.Context, *targets.Delivery) error {
		return &targets.Error{Code: code, Status: status, Final: final, RetryAfter: after, Err: errors.New("answered")}
	}
}

func (b *bench) status(target string) TargetStatus {
	b.t.Helper()
	for _, s := range b.router.Lanes.Targets() {
		if s.Name == target {
			return s
		}
	}
	b.t.Fatalf("no target %q", target)
	return TargetStatus{}
}

func orders(n int) []*event.Event {
	evs := make([]*event.Event, n)
	for i := range evs {
		evs[i] = order(i)
	}
	return evs
}

func TestAnOpenCircuitKeepsDeliveriesFromBeingAttempted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBreaker)
		core, logs := observer.New(zap.InfoLevel)
		b.opts.Logger = zap.New(core)
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(orders(100)...)
		b.settled()
		first := len(b.fakes["a"].deliveries())
		if first < 3 || first > 3+4 {
			t.Fatalf("%d attempts before the circuit opened, want 3 and those under way with them", first)
		}
		if s := b.status("a"); s.State != delivery.Open || s.Circuit.State != circuit.Open || s.Circuit.Reason == "" || s.Ready == 0 || s.InFlight != 0 {
			t.Errorf("got %+v, %+v", s, s.Circuit)
		}
		if reason, failing := b.router.Lanes.Failing("a"); !failing || !strings.Contains(reason, "refused") || !b.router.Lanes.BreakerOpen("a") {
			t.Errorf("failing: %q, %t", reason, failing)
		}
		time.Sleep(time.Minute)
		b.settled()
		if n := len(b.fakes["a"].deliveries()) - first; n < 5 || n > 6 {
			t.Errorf("%d probes in a minute, want one every 10 s", n)
		}
		untouched := uint64(0)
		if err := b.journal.Deliveries.Ready(b.router.Lanes.byName["a"].ID, journal.Cursor{}, b.journal.Seqs.Stable(), nil, func(d journal.Delivery, _ journal.Record) bool {
			if d.Attempts == 0 {
				untouched++
			}
			return true
		}); err != nil || untouched < 80 {
			t.Errorf("%d deliveries lie as they were planned, %v", untouched, err)
		}

		b.fakes["a"].say(nil)
		time.Sleep(5 * time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 100 {
			t.Errorf("after the target came back: %+v", c)
		}
		if s := b.status("a"); s.State != delivery.OK || s.Circuit.State != circuit.Closed || b.router.Lanes.BreakerOpen("a") {
			t.Errorf("got %+v, %+v", s, s.Circuit)
		}
		if n, m := logs.FilterMessageSnippet("circuit opened").Len(), logs.FilterMessageSnippet("circuit closed").Len(); n != 1 || m != 1 {
			t.Errorf("logged %d times that it opened and %d times that it closed, want once each", n, m)
		}
	})
}

func TestWhatCountsForTheCircuit(t *testing.T) {
	for _, test := range []struct {
		name  string
		say   func(context.Context, *targets.Delivery) error
		state circuit.State
	}{
		{"no connection", down, circuit.Open},
		{"500", answer(500, targets.CodeErrorFromTarget, false, 0), circuit.Open},
		{"429", answer(429, targets.CodeThrottling, false, 0), circuit.Open},
		{"400 is the delivery's fault", answer(400, targets.CodeErrorFromTarget, true, 0), circuit.Closed},
		{"a retried 409 too", answer(409, targets.CodeErrorFromTarget, false, 0), circuit.Closed},
		{"a body that can't be sent", answer(0, targets.CodeInvalidJSON, true, 0), circuit.Closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, toBreaker)
				b.start()
				defer b.stop()
				b.fakes["a"].say(test.say)
				b.send(orders(20)...)
				b.settled()
				if s := b.status("a"); s.Circuit.State != test.state {
					t.Errorf("got %+v, want %s", s.Circuit, test.state)
				}
			})
		})
	}
}

func TestABreakerThatIsOffStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toBreaker, "{failures: 3, open_for: 10s}", "off", 1))
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(orders(20)...)
		b.settled()
		if s := b.status("a"); s.Circuit != nil || s.State != delivery.Failing || len(b.fakes["a"].deliveries()) < 20 {
			t.Errorf("got %+v, %d attempts", s, len(b.fakes["a"].deliveries()))
		}
	})
}

func TestAHungTargetIsProbedByOneWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBreaker)
		b.start()
		defer b.stop()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		b.send(orders(50)...)
		b.settled()
		if s := b.status("a"); s.InFlight != 4 {
			t.Fatalf("got %+v", s)
		}
		time.Sleep(16 * time.Second) // the timeout is 5 s, and the circuit stays open for 10
		b.settled()
		if s := b.status("a"); s.InFlight != 1 || s.State != delivery.HalfOpen {
			t.Errorf("got %+v, want one probe under way", s)
		}
		close(until)
		b.settled()
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 50 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestAgeGoesOnBehindAnOpenCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toBreaker, "max_age: 1h", "max_age: 2m", 1))
		b.opts.Window = 8 // so that most of them lie on disk
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(orders(60)...)
		time.Sleep(2*time.Minute + 30*time.Second)
		b.settled()
		if c := b.counts(); c.Dead != 60 {
			t.Fatalf("got %+v, want all dead of their age", c)
		}
		page, err := b.router.DeadLetters.List(dlq.Filter{}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, l := range page.Letters {
			if l.Condition != delivery.ConditionAge {
				t.Errorf("died of %q", l.Condition)
			}
			if l.Attempts == 0 && strings.Contains(l.ErrorMessage, `the circuit of target "a" has been open since`) {
				named++
			}
		}
		if named < 30 {
			t.Errorf("%d letters without an attempt name the open circuit", named)
		}
	})
}

func TestRetryAfterIsForTheWholeTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBreaker)
		b.start()
		defer b.stop()
		b.fakes["a"].say(answer(429, targets.CodeThrottling, false, 30*time.Second))
		b.send(orders(40)...)
		b.settled()
		if n, s := len(b.fakes["a"].deliveries()), b.status("a"); n > 4 || s.ThrottledUntil.IsZero() || s.Circuit.State != circuit.Closed {
			t.Fatalf("%d attempts, want those alone that were under way; %+v %+v", n, s, s.Circuit)
		}
		time.Sleep(29 * time.Second)
		b.send(order(41))
		b.settled()
		if n := len(b.fakes["a"].deliveries()); n > 4 {
			t.Errorf("%d attempts in the time that the target asked for", n)
		}
		b.fakes["a"].say(nil)
		time.Sleep(10 * time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 41 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestALongRetryAfterIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBreaker)
		b.start()
		defer b.stop()
		b.fakes["a"].say(answer(503, targets.CodeErrorFromTarget, false, 24*time.Hour))
		b.send(order(1))
		b.settled()
		if wait := time.Until(b.status("a").ThrottledUntil); wait > time.Minute || wait < 50*time.Second {
			t.Errorf("quiet for %v, want max_backoff", wait)
		}
		b.fakes["a"].say(nil)
		time.Sleep(time.Minute + time.Second)
		b.settled()
		if c := b.counts(); c.Delivered != 1 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestAFlappingTargetIsNotStormedWithRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", breaker: off, retry_budget: {ratio: 0.1, min_rate: 1/s}, retry: {min_backoff: 10ms, max_backoff: 1h}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
`)
		b.start()
		defer b.stop()
		b.fakes["a"].say(answer(503, targets.CodeErrorFromTarget, false, 0))
		b.send(orders(500)...)
		time.Sleep(time.Minute)
		b.settled()
		retries := len(b.fakes["a"].deliveries()) - 500
		if most := 500 + 10 + 60; retries > most/2 {
			t.Errorf("%d retries in a minute: the budget was 10 at first, one a second, and one for ten first attempts", retries)
		}
		b.fakes["a"].say(nil)
		time.Sleep(2 * time.Hour)
		b.settled()
		if c := b.counts(); c.Delivered != 500 {
			t.Errorf("got %+v", c)
		}
	})
}

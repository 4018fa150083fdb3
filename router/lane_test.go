package router

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/targets"
)

// hang keeps an attempt under way until it is told to end.
func hang(until <-chan struct{}) func(context.Context, *targets.Delivery) error {
	return func(ctx context.Context, _ *targets.Delivery) error {
		select {
		case <-until:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestASlowAttemptHoldsNoOtherOfItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", "type: http, concurrency: 3,", 1))
		b.start()
		defer b.stop()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		for i := range 4 {
			b.send(order(i))
			b.settled()
		}
		if n := len(b.fakes["a"].deliveries()); n != 3 {
			t.Errorf("%d attempts under way, want 3 (the concurrency)", n)
		}
		close(until)
		b.settled()
		if c := b.counts(); c.Delivered != 4 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestALaneLooksAgainWhenAnOlderEventIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.opts.Window = 2
		b.start()
		defer b.stop()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		slow := b.journal.Seqs.Reserve(1) // an event whose acceptance takes long
		b.send(order(1), order(2), order(3))
		close(until)
		b.settled()
		if c := b.counts(); c.Delivered != 2 {
			t.Fatalf("got %+v, want two delivered from the window", c)
		}
		slow.Release()
		b.settled()
		if c := b.counts(); c.Delivered != 3 {
			t.Errorf("got %+v: the third waits for ever", c)
		}
	})
}

func TestAReadThatEndsBeforeADeliveryDoesNotForgetIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.opts.Window = 1
		b.start()
		defer b.stop()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		b.send(order(1))
		b.settled()
		l := b.router.Lanes.byName["a"]
		l.Requeue(journal.Delivery{}) // as after an earlier read: a place well before
		slow := b.journal.Seqs.Reserve(1)
		b.send(order(2))
		close(until)
		b.settled() // the lane reads, and stops before the open event
		slow.Release()
		b.settled()
		if c := b.counts(); c.Delivered != 2 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestALaneDoesNotSpinWhileAnOlderEventIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.opts.Window = 2
		b.start()
		defer b.stop()
		b.fakes["a"].say(func(context.Context, *targets.Delivery) error {
			return &targets.Error{Code: targets.CodeThrottling, RetryAfter: 10 * time.Second, Err: errors.New("busy")}
		})
		slow := b.journal.Seqs.Reserve(1)
		b.send(order(1), order(2), order(3))
		b.settled() // does not return while a goroutine spins
		slow.Release()
		b.fakes["a"].say(nil)
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 3 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestAWindowOfOneDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.opts.Window = 1
		b.start()
		defer b.stop()
		b.fakes["a"].say(down)
		b.send(order(1))
		b.settled()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		b.send(order(2), order(3))
		b.settled() // does not return while a goroutine spins
		close(until)
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Delivered != 3 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestAnotherRateLimitHoldsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "type: http,", "type: http, rate_limit: 1/h,", 1))
		b.start()
		defer b.stop()
		b.send(order(1), order(2), order(3))
		b.settled()
		if c := b.counts(); c.Delivered != 1 {
			t.Fatalf("got %+v, want one at 1/h", c)
		}
		b.write(toA)
		b.swap()
		b.settled()
		if c := b.counts(); c.Delivered != 3 {
			t.Errorf("got %+v after the limit was lifted", c)
		}
	})
}

func TestAPanicInAcceptanceHoldsNoLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		func() {
			defer func() {
				if recover() == nil { // as the HTTP server does
					t.Error("a nil event did not panic")
				}
			}()
			b.router.Accept(t.Context(), []*event.Event{nil})
		}()
		next := b.journal.Seqs.Reserve(1)
		next.Release()
		if stable := b.journal.Seqs.Stable(); stable <= next.At(0) {
			t.Errorf("readers stop at %d for ever, %d is released", stable, next.At(0))
		}
	})
}

func TestAStopCostsABusTargetNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
buses: {other: {}}
targets:
  to-other: {type: bus, bus: other, retry: {max_attempts: 1}}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [to-other]}
`)
		b.start()
		b.router.gate.close() // the stop has begun, and the attempt too
		l := b.router.Lanes.byName["to-other"]
		s := b.journal.Seqs.Reserve(1)
		e := order(1)
		p, err := b.router.planner().prepare(e, s.At(0))
		if err != nil {
			t.Fatal(err)
		}
		entry, err := b.router.planner().entry(&p)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.journal.Append([]journal.Entry{entry}); err != nil {
			t.Fatal(err)
		}
		b.router.intake.handOver([]plan{p}, []journal.Entry{entry})
		s.Release()
		b.settled()
		if c := b.journal.Counters.LaneCounts(l.ID); c.Ready != 1 || c.Dead != 0 {
			t.Errorf("got %+v, want the delivery ready for the next start", c)
		}
		b.stop()
	})
}

func TestAnEventWithTooManyDeliveriesIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		set := b.load()
		rule := set.Rules[0]
		many := make([]rules.RuleTarget, 1<<16+1)
		for i := range many {
			many[i] = rule.Targets[0]
		}
		rule.Targets = many
		if err := b.router.Swap(set); err != nil {
			t.Fatal(err)
		}
		errs, err := b.router.Accept(t.Context(), []*event.Event{order(1)})
		if err != nil {
			t.Fatal(err)
		}
		var refused *event.Error
		if !errors.As(errs[0], &refused) || refused.Code != event.CodeInvalidArgument {
			t.Errorf("got %v", errs[0])
		}
		if c := b.counts(); c.Planned != 0 {
			t.Errorf("got %+v", c)
		}
	})
}

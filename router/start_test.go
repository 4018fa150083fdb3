package router

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
	"signalbox/jobs"
	"signalbox/replay"
)

// A rule that begins in the past gets each event once: those before it served by a replay, those
// after as they come, though events come in without a pause. It happens once.
func TestARuleBeginsInThePast(t *testing.T) {
	for name, tt := range map[string]struct{ rule, target string }{
		"rule": {"start: oldest, ", ""}, "target": {"", ", start: oldest"}, "time": {"start: 2000-01-01, ", ", start: latest"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, toA) // with real clocks: goroutines are to meet as they like
			b.start()
			defer b.verified()
			var stop atomic.Bool
			var sent atomic.Int64
			var producers sync.WaitGroup
			for range 4 {
				producers.Go(func() {
					for !stop.Load() {
						if errs, err := b.router.Accept(t.Context(), []*event.Event{order(1), order(2)}); errors.Join(append(errs, err)...) != nil {
							t.Error(errs, err)
							return
						}
						sent.Add(2)
					}
				})
			}
			until := func(what string, ok func() bool) {
				t.Helper()
				for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("not %s", what)
					}
				}
			}
			until("sent", func() bool { return sent.Load() > 2000 })
			b.write(fmt.Sprintf(`%s
  - {name: new, %spattern: {source: [shop.orders]}, targets: [b]}
`, strings.Replace(toA, "rules:", `  b: {type: http, url: "http://127.0.0.1:1/"`+tt.target+"}\nrules:", 1), tt.rule))
			b.swap()
			before := sent.Load()
			until("sent", func() bool { return sent.Load() > before+2000 })
			b.swap() // changes nothing
			stop.Store(true)
			producers.Wait()
			got := func() int { return len(idsOf(b.fakes["b"].deliveries())) }
			until("delivered", func() bool { return int64(got()) == sent.Load() && b.router.Replays.Running() == 0 })
			if all := len(b.fakes["b"].deliveries()); int64(all) != sent.Load() {
				t.Errorf("%d deliveries of %d events", all, sent.Load())
			}
			replayed := 0
			for _, d := range b.fakes["b"].deliveries() {
				if d.Replay != "" {
					replayed++
				}
			}
			if all := b.router.Replays.Jobs(); len(all) != 1 || all[0].State != jobs.Finished || int(all[0].Delivered) != replayed || replayed < 2000 {
				t.Errorf("%d were replayed: %+v", replayed, all)
			}
		})
	}
}

func TestWhatHasBegunInThePastDoesNotBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(toA, "name: orders,", "name: orders, start: oldest,", 1))
		b.start()
		defer func() { b.verified() }()
		for i := range 10 {
			b.send(order(i))
		}
		b.settled()
		for range 120 { // more than are remembered of others
			b.replayed(replay.Request{Rule: "orders"})
		}
		b.stop()
		b.start()
		b.settled()
		started := 0
		for _, j := range b.router.Replays.Jobs() {
			if len(j.Starts) > 0 {
				started++
				if j.Planned != 0 {
					t.Errorf("there was nothing in the past: %+v", j)
				}
			}
		}
		if got := len(b.fakes["a"].deliveries()); started != 1 || got != 10+1200 {
			t.Errorf("%d have begun, %d deliveries", started, got)
		}
	})
}

// TestAStartInTheFuture replays nothing, and new events come at once.
func TestAStartInTheFuture(t *testing.T) {
	taken(t, "targets: {}\nrules: []\n", 20, func(t *testing.T, b *bench) {
		b.write(strings.Replace(toA, "name: orders,", "name: orders, start: 2999-01-01,", 1))
		b.swap()
		b.send(order(20))
		time.Sleep(time.Minute)
		b.settled()
		if got := len(b.fakes["a"].deliveries()); got != 1 {
			t.Errorf("%d deliveries", got)
		}
		for _, j := range b.router.Replays.Jobs() {
			if j.State != jobs.Finished || j.Planned != 0 {
				t.Errorf("the start: %+v", j)
			}
		}
	})
}

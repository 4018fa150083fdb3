package router

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/delivery"
	"signalbox/event"
	"signalbox/journal/journaltest"
	"signalbox/journal/store"
	"signalbox/router/pause"
)

const toPause = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 9, max_age: 1h, min_backoff: 1s, max_backoff: 10s}}
  b: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: copies, pattern: {source: [shop.orders]}, targets: [a, b]}
`

func (b *bench) restart() {
	b.t.Helper()
	b.stop()
	b.start()
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestAPausedTargetKeepsItsBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.opts.Window = 8
		b.start()
		defer func() { b.stop() }()
		b.must(b.router.Pauses.PauseTarget("a"))
		b.send(orders(50)...)
		time.Sleep(time.Minute)
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused || s.Ready != 100 || s.Pause == nil || s.Pause.By[0] != "command" {
			t.Fatalf("got %+v", s)
		}
		if n := len(b.fakes["b"].deliveries()); n != 50 {
			t.Errorf("the other target got %d", n)
		}
		time.Sleep(3 * time.Hour) // longer than the events may wait
		b.restart()
		b.send(order(50))
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused || s.Ready != 102 || s.Dead != 0 {
			t.Fatalf("after a restart: %+v", s)
		}
		b.must(b.router.Pauses.ResumeTarget("a"))
		time.Sleep(time.Minute)
		b.settled()
		if s := b.status("a"); s.State != delivery.OK || s.Delivered != 102 || s.Pause != nil {
			t.Errorf("after the pause: %+v", s)
		}
	})
}

func TestAgeCountsAnewAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.start()
		defer func() { b.stop() }()
		b.must(b.router.Pauses.PauseTarget("a"))
		b.send(order(1))
		time.Sleep(2 * time.Hour)
		b.fakes["a"].say(down)
		b.must(b.router.Pauses.ResumeTarget("a"))
		b.settled()
		if s := b.status("a"); s.Waiting != 2 {
			t.Fatalf("got %+v, want another attempt to come", s)
		}
		b.fakes["a"].say(nil)
		b.restart()
		time.Sleep(time.Minute)
		b.settled()
		if s := b.status("a"); s.Delivered != 2 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestAFilePausesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paused := strings.Replace(toPause, "retry:", "paused: true, retry:", 1)
		b := newBench(t, paused)
		b.start()
		defer func() { b.stop() }()
		b.send(order(1))
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused || s.Ready != 2 || s.Pause.By[0] != "file" {
			t.Fatalf("got %+v", s)
		}
		var byFile *pause.ByFile
		for _, err := range []error{b.router.Pauses.ResumeTarget("a"), b.router.Pauses.DrainTarget("a")} {
			if !errors.As(err, &byFile) || !strings.Contains(err.Error(), "remove paused: true") {
				t.Errorf("got %v", err)
			}
		}
		b.must(b.router.Pauses.PauseTarget("a"))
		b.write(toPause)
		b.swap()
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused || s.Pause.By[0] != "command" {
			t.Fatalf("a command keeps it paused: %+v", s)
		}
		b.must(b.router.Pauses.ResumeTarget("a"))
		b.settled()
		if s := b.status("a"); s.Delivered != 2 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestWhatIsNotThereCannotBePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.start()
		defer func() { b.stop() }()
		for _, err := range []error{
			b.router.Pauses.PauseTarget("x"), b.router.Pauses.ResumeTarget("x"), b.router.Pauses.DrainTarget("x"),
			b.router.Pauses.PauseRule("default", "x"), b.router.Pauses.ResumeRule("default", "x"), b.router.Pauses.PauseRule("x", "orders"),
		} {
			var unknown *pause.Unknown
			if !errors.As(err, &unknown) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestAPausedRuleHoldsItsDeliveriesAndNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.opts.Window = 8
		b.disk = journaltest.Crashable()
		b.start()
		defer func() { b.stop() }()
		b.must(b.router.Pauses.PauseRule("default", "orders"))
		for range 20 {
			b.send(orders(50)...)
		}
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Held != 1000 || c.Delivered != 2000 || c.Pending() != 1000 {
			t.Fatalf("got %+v", c)
		}
		if p := b.router.Pauses.Rules(); len(p) != 1 || p[0].Name != "orders" || p[0].State != "paused" || p[0].Held != 1000 || p[0].By[0] != "command" {
			t.Errorf("got %+v", p)
		}
		b.crash()
		b.settled()
		b.send(order(1))
		b.settled()
		if c := b.counts(); c.Held != 1001 || c.Delivered != 2002 {
			t.Fatalf("after a crash: %+v", c)
		}
		time.Sleep(3 * time.Hour)
		if _, err := b.journal.Trimmer.Trim(store.Retention{MaxAge: time.Minute}); err != nil {
			t.Fatal(err)
		}
		b.must(b.router.Pauses.ResumeRule("default", "orders"))
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Held != 0 || c.Delivered != 3003 || len(b.router.Pauses.Rules()) != 0 {
			t.Errorf("after the pause: %+v, %+v", c, b.router.Pauses.Rules())
		}
	})
}

func TestAPausedRuleHoldsWhatWasPlannedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.start()
		defer func() { b.stop() }()
		b.fakes["a"].say(down)
		b.send(order(1))
		b.settled()
		b.must(b.router.Pauses.PauseRule("default", "orders"))
		b.fakes["a"].say(nil)
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Held != 1 || c.Delivered != 2 {
			t.Fatalf("got %+v, want the retry held back", c)
		}
		b.must(b.router.Pauses.ResumeRule("default", "orders"))
		b.settled()
		if c := b.counts(); c.Delivered != 3 {
			t.Errorf("got %+v", c)
		}
		if d := b.fakes["a"].deliveries(); d[len(d)-1].Attempt != 2 {
			t.Errorf("attempt %d, want the second", d[len(d)-1].Attempt)
		}
	})
}

func TestTheStatePausedOfARule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := func(s string) string {
			return strings.Replace(toPause, "{name: orders,", "{name: orders, state: "+s+",", 1)
		}
		b := newBench(t, state("paused"))
		b.start()
		defer func() { b.stop() }()
		b.send(order(1))
		b.settled()
		var byFile *pause.ByFile
		if err := b.router.Pauses.ResumeRule("default", "orders"); !errors.As(err, &byFile) {
			t.Errorf("got %v", err)
		}
		b.write(state("disabled"))
		b.swap()
		b.send(order(2))
		b.settled()
		if c := b.counts(); c.Held != 1 || c.Delivered != 4 {
			t.Fatalf("disabled now: %+v, want what was held to be held still", c)
		}
		b.write(state("enabled"))
		b.swap()
		b.settled()
		if c := b.counts(); c.Held != 0 || c.Delivered != 5 {
			t.Errorf("enabled: %+v", c)
		}
	})
}

func TestAResumeGoesOnAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.disk = journaltest.Crashable()
		b.start()
		defer func() { b.stop() }()
		b.must(b.router.Pauses.PauseRule("default", "orders"))
		for range 20 {
			b.send(orders(50)...)
		}
		time.Sleep(time.Minute)
		b.settled()
		b.must(b.router.Pauses.ResumeRule("default", "orders"))
		b.crash() // in the middle of it
		time.Sleep(time.Minute)
		b.settled()
		if c := b.counts(); c.Held != 0 || c.Pending() != 0 || c.Planned != 3000 || c.Delivered != 3000 {
			t.Errorf("got %+v, %+v", c, b.router.Pauses.Rules())
		}
	})
}

func TestADrainDeliversTheBacklogAndThenPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toPause)
		b.opts.Window = 8
		b.start()
		defer func() { b.stop() }()
		until := make(chan struct{})
		b.fakes["a"].say(hang(until))
		b.send(orders(20)...)
		b.settled()
		b.must(b.router.Pauses.DrainTarget("a"))
		b.send(orders(5)...)
		b.settled()
		if s := b.status("a"); s.State != delivery.Draining || s.Held != 10 || s.Delivered != 0 {
			t.Fatalf("got %+v", s)
		}
		close(until)
		time.Sleep(time.Minute)
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused || s.Delivered != 40 || s.Pending() != 10 {
			t.Fatalf("drained: %+v", s)
		}
		b.must(b.router.Pauses.ResumeTarget("a"))
		b.settled()
		if s := b.status("a"); s.State != delivery.OK || s.Delivered != 50 || s.Held != 0 {
			t.Errorf("resumed: %+v", s)
		}
		b.must(b.router.Pauses.DrainTarget("a"))
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused {
			t.Errorf("nothing to drain: %+v", s)
		}
	})
}

// inOrderFromTwo is inOrder with a second rule, whose events have other keys.
var inOrderFromTwo = inOrder + "  - {name: others, pattern: {source: [shop.others]}, targets: [a]}\n"

func otherOf(key string, n int) *event.Event {
	e := keyed(key, n)
	e.Source = "shop.others"
	return e
}

func TestAPausedRuleHoldsTheHeadOfAKeyAndTheRestBehindIt(t *testing.T) {
	for _, window := range []int{2, 1024} {
		synctest.Test(t, func(t *testing.T) {
			b, s := startInOrder(t, inOrderFromTwo, window)
			defer func() { b.stop() }()
			s.say(failing("x", 0, errDown))
			for i := range 10 {
				b.send(keyed("x", i), otherOf("y", i))
			}
			time.Sleep(time.Second)
			b.must(b.router.Pauses.PauseRule("default", "orders"))
			time.Sleep(time.Minute)
			s.say(nil)
			for i := 10; i < 20; i++ {
				b.send(keyed("x", i), otherOf("y", i))
			}
			time.Sleep(time.Second) // each of a key waits for the one before to be written
			b.settled()
			if c := b.counts(); c.Held != 11 || c.Parked != 9 || c.BlockedKeys != 1 {
				t.Fatalf("got %+v, want the head and what is new held, the rest parked", c)
			}
			if keys, _, err := b.router.Lanes.BlockedKeys("a", "", 9); err != nil || len(keys) != 1 || keys[0].State != "held" {
				t.Errorf("got %+v, %v", keys, err)
			}
			if got := s.of("y"); !slices.Equal(got, upTo(20)) {
				t.Errorf("the other rule: got %v", got)
			}
			b.restart()
			b.must(b.router.Pauses.ResumeRule("default", "orders"))
			time.Sleep(time.Second)
			b.settled()
			if got := s.of("x"); !slices.Equal(got, upTo(20)) {
				t.Errorf("got %v", got)
			}
			checkNoKeys(t, b)
		})
	}
}

func TestWhatAResumedRuleHeldPassesNothingThatADrainHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := startInOrder(t, inOrder, 8)
		defer func() { b.stop() }()
		until := make(chan struct{})
		s.say(func(context.Context, string, int) error { <-until; return nil })
		b.send(keyed("x", 0))
		b.settled()
		b.must(b.router.Pauses.DrainTarget("a"))
		for i := 1; i < 5; i++ {
			b.send(keyed("x", i))
		}
		b.must(b.router.Pauses.PauseRule("default", "orders"))
		for i := 5; i < 10; i++ {
			b.send(keyed("x", i))
		}
		b.must(b.router.Pauses.ResumeRule("default", "orders"))
		b.settled()
		if s := b.status("a"); s.State != delivery.Draining || s.Held != 9 {
			t.Fatalf("got %+v", s)
		}
		close(until)
		b.settled()
		if s := b.status("a"); s.State != delivery.Paused || s.Pending() != 9 {
			t.Fatalf("got %+v", s)
		}
		b.must(b.router.Pauses.ResumeTarget("a"))
		b.settled()
		if got := s.of("x"); !slices.Equal(got, upTo(10)) {
			t.Errorf("got %v", got)
		}
	})
}

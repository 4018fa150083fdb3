package router

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/delivery"
	"signalbox/delivery/circuit"
	"signalbox/dlq"
)

const toVanish = `
targets:
  a: {type: http, url: "http://127.0.0.1:1/", retry: {max_attempts: 9, max_age: 24h, min_backoff: 1h, max_backoff: 1h}, breaker: off}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a]}
`

// startGone starts a router whose target a has failed some deliveries, and keeps others
// waiting for their first attempt.
func startGone(t *testing.T, wait time.Duration) (*bench, *observer.ObservedLogs) {
	b := newBench(t, toVanish)
	core, logs := observer.New(zap.WarnLevel)
	b.opts.Logger, b.opts.TargetGoneWait, b.opts.Window = zap.New(core), wait, 8
	b.start()
	b.fakes["a"].say(down)
	b.send(orders(30)...)
	b.settled()
	if s := b.status("a"); s.Waiting != 30 {
		t.Fatalf("got %+v, want all to wait for another attempt", s)
	}
	b.must(b.router.Pauses.PauseTarget("a"))
	b.send(orders(20)...)
	b.settled()
	return b, logs
}

func TestATargetThatVanishesIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, logs := startGone(t, 5*time.Minute)
		defer func() { b.stop() }()
		b.write("rules: []\n")
		b.swap()
		time.Sleep(4 * time.Minute)
		b.swap() // which does not begin the wait anew
		b.settled()
		if s := b.status("a"); s.State != delivery.Gone || s.Waiting != 30 || s.Ready != 20 || s.GoneUntil.IsZero() {
			t.Fatalf("got %+v", s)
		}
		found := logs.FilterMessageSnippet("is not defined any more").All()
		if len(found) != 1 || found[0].ContextMap()["pending"] != uint64(50) {
			t.Errorf("got the warnings %v, want one that counts 50", found)
		}
		b.fakes["a"].say(nil)
		b.write(toVanish)
		b.swap()
		b.must(b.router.Pauses.ResumeTarget("a"))
		time.Sleep(time.Second)
		b.settled()
		if s := b.status("a"); s.Delivered != 50 || s.Dead != 0 || !s.GoneUntil.IsZero() {
			t.Errorf("once it is back: %+v", s)
		}
	})
}

func TestATargetThatStaysAwayLosesItsDeliveriesToTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := startGone(t, 5*time.Minute)
		defer func() { b.stop() }()
		b.write("rules: []\n")
		b.swap()
		time.Sleep(4 * time.Minute)
		b.restart() // which begins the wait anew: nobody knows how long it was down
		time.Sleep(4 * time.Minute)
		b.settled()
		if s := b.status("a"); s.Waiting != 30 || s.Ready != 20 {
			t.Fatalf("during the wait: %+v", s)
		}
		time.Sleep(2 * time.Minute)
		b.settled()
		if s := b.status("a"); s.Dead != 50 {
			t.Fatalf("after the wait: %+v, want those in backoff dead too", s)
		}
		for _, l := range b.letters(dlq.Filter{}) {
			if l.ErrorCode != "NO_RESOURCE" {
				t.Errorf("a dead letter has code %q", l.ErrorCode)
			}
		}
	})
}

func TestWhatWaitsIsTriedNow(t *testing.T) {
	for name, act := range map[string]func(*bench){
		"retry": func(b *bench) {
			if n, err := b.router.Lanes.RetryTarget("a"); err != nil || n != 30 {
				b.t.Errorf("got %d, %v, want 30 deliveries", n, err)
			}
		},
		"pause and resume": func(b *bench) {
			b.must(b.router.Pauses.PauseTarget("a"))
			b.must(b.router.Pauses.ResumeTarget("a"))
		},
		"another URL": func(b *bench) {
			b.write(replaced(toVanish, "127.0.0.1:1/", "127.0.0.1:2/"))
			b.swap()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, toVanish)
				b.opts.Window = 8
				b.start()
				defer b.stop()
				b.fakes["a"].say(down)
				b.send(orders(30)...)
				b.settled()
				time.Sleep(10 * time.Minute)
				act(b)
				b.settled()
				if n := len(b.fakes["a"].deliveries()); n != 60 {
					t.Fatalf("%d attempts, want each delivery tried once more and no more", n)
				}
				b.fakes["a"].say(nil)
				time.Sleep(2 * time.Hour)
				b.settled()
				if s := b.status("a"); s.Delivered != 30 || len(b.fakes["a"].deliveries()) != 90 {
					t.Errorf("then %+v", s)
				}
			})
		})
	}
}

func TestARestartDoesNotHurryWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := startGone(t, 0)
		defer func() { b.stop() }()
		b.restart()
		b.settled()
		if n := len(b.fakes["a"].deliveries()); n != 30 {
			t.Errorf("%d attempts after a restart, want none more than 30", n)
		}
	})
}

func TestARetryProbesATargetBehindAnOpenCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, replaced(toVanish, "off}", "{failures: 3, open_for: 1h}}"))
		b.start()
		defer b.stop()
		b.fakes["a"].say(answer(429, "THROTTLED", false, 30*time.Minute))
		b.send(orders(30)...)
		b.settled()
		b.fakes["a"].say(nil)
		if _, err := b.router.Lanes.RetryTarget("a"); err != nil {
			t.Fatal(err)
		}
		b.settled()
		if s := b.status("a"); s.Delivered != 30 || s.Circuit.State != circuit.Closed {
			t.Errorf("got %+v", s)
		}
		if _, err := b.router.Lanes.RetryTarget("nowhere"); err == nil {
			t.Error("a target that does not exist is retried")
		}
	})
}

func TestDeathsAreToldOnceAndThenCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toVanish)
		core, logs := observer.New(zap.WarnLevel)
		b.opts.Logger = zap.New(core)
		b.start()
		defer b.stop()
		b.fakes["a"].say(answer(422, "INVALID_PARAMETER", true, 0))
		b.send(orders(50)...)
		b.settled()
		died := logs.FilterMessage("delivery went to the dead-letter queue").All()
		if len(died) != 1 || died[0].ContextMap()["target"] != "a" || died[0].ContextMap()["error"] != "INVALID_PARAMETER: answered" {
			t.Fatalf("got %v, want one warning", died)
		}
		time.Sleep(2 * time.Minute)
		b.settled()
		more := logs.FilterMessage("more deliveries went to the dead-letter queue").All()
		if len(more) != 1 || more[0].ContextMap()["deliveries"] != uint64(49) {
			t.Errorf("got %v, want one that counts 49", more)
		}
		b.fakes["a"].say(down)
		b.send(orders(1)...)
		b.settled()
		if n := logs.FilterMessageSnippet("dead-letter queue").Len(); n != 2 {
			t.Errorf("%d warnings, want none of an attempt that is made again", n)
		}
	})
}

func replaced(text, old, by string) string { return strings.Replace(text, old, by, 1) }

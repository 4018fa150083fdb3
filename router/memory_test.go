package router

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/event"
	"signalbox/targets"
)

// TestMemoryOfManyDeadTargetsIsBounded: after a restart the windows of targets that do not
// answer stay within the memory of all lanes, each has some, and one that answers is not
// suspended by them.
func TestMemoryOfManyDeadTargetsIsBounded(t *testing.T) {
	const lanes, each, size, memory = 60, 40, 10_000, 4 << 20
	var rules strings.Builder
	rules.WriteString("targets:\n")
	for i := range lanes {
		fmt.Fprintf(&rules, "  t%d: {type: http, url: 'http://127.0.0.1:1/', concurrency: 1, timeout: 1h}\n", i)
	}
	rules.WriteString("rules:\n")
	for i := range lanes {
		fmt.Fprintf(&rules, "  - {name: r%d, pattern: {detail-type: [T%d]}, targets: [t%d]}\n", i, i, i)
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, rules.String())
		b.opts.WindowBytes = 1 << 20
		alive := fmt.Sprintf("t%d", lanes-1)
		answer := make(chan struct{})
		for i := range lanes {
			b.fakes[fmt.Sprintf("t%d", i)] = &fake{answer: hang(answer)}
		}
		b.start()
		for i := range lanes {
			evs := make([]*event.Event, each)
			for k := range evs {
				detail := fmt.Appendf(nil, `{"x":%q}`, bytes.Repeat([]byte("x"), size))
				evs[k] = &event.Event{Source: "s", DetailType: fmt.Sprintf("T%d", i), Detail: detail}
			}
			b.send(evs...)
		}
		b.settled()
		if used := b.router.Lanes.env.Shared.Used(); used < lanes*each*size {
			t.Fatalf("%d bytes in memory: without a bound all is to be there", used)
		}
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		_ = b.router.Stop(stopped) // attempts are broken off
		if err := b.journal.Close(); err != nil {
			t.Fatal(err)
		}

		b.opts.Memory = memory
		b.fakes[alive].say(nil)
		b.start()
		defer b.stop()
		time.Sleep(time.Second)
		b.settled()
		shared := b.router.Lanes.env.Shared
		if used, most := shared.Used(), int64(memory+lanes*(size+2000)); used > most || used < memory/2 {
			t.Errorf("%d bytes in memory, want at most %d and a good part of %d", used, most, memory)
		}
		for _, l := range b.router.Lanes.all() {
			if n := l.Memory().Deliveries; l.Name != alive && n == 0 {
				t.Errorf("%s has nothing in memory", l.Name)
			}
		}
		if n := len(b.fakes[alive].deliveries()); n < each {
			t.Errorf("the target that answers got %d of %d", n, each)
		}
		close(answer)
		time.Sleep(time.Second) // many small windows, one after the other
		b.settled()
		if c := b.counts(); c.Delivered != lanes*each {
			t.Errorf("%d of %d delivered", c.Delivered, lanes*each)
		}
		if used := shared.Used(); used != 0 {
			t.Errorf("%d bytes are held at the end", used)
		}
	})
}

// TestTargetsShareAnEventInMemory: the bytes of an event are there once, whether its
// deliveries have just been planned or were read from disk.
func TestTargetsShareAnEventInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, `
targets:
  a: {type: http, url: "http://127.0.0.1:1/"}
  b: {type: http, url: "http://127.0.0.1:1/"}
rules:
  - {name: orders, pattern: {source: [shop.orders]}, targets: [a, b]}
`)
		hangs := func(ctx context.Context, _ *targets.Delivery) error { <-ctx.Done(); return ctx.Err() }
		b.fakes["a"], b.fakes["b"] = &fake{answer: hangs}, &fake{answer: hangs}
		b.start()
		b.send(order(1))
		b.settled()
		same := func(when string) {
			t.Helper()
			a, other := b.fakes["a"].deliveries(), b.fakes["b"].deliveries()
			if len(a) == 0 || len(other) == 0 {
				t.Fatalf("%s: %d and %d attempts", when, len(a), len(other))
			}
			if &a[len(a)-1].Envelope[0] != &other[len(other)-1].Envelope[0] {
				t.Errorf("%s: each target has a copy", when)
			}
		}
		same("when planned")
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		_ = b.router.Stop(stopped)
		if err := b.journal.Close(); err != nil {
			t.Fatal(err)
		}
		b.start()
		b.settled()
		same("when read")
		b.router.abandon()
		b.settled()
		b.stop()
	})
}

package router

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"signalbox/event"
	"signalbox/journal"
)

func TestASubscriptionOutlivesAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		var got atomic.Int32
		handler := func(context.Context, *event.Event) error { got.Add(1); return nil }
		unsubscribe, err := b.router.Subscribe("here", `{"source":["shop.orders"]}`, handler)
		if err != nil {
			t.Fatal(err)
		}
		for _, taken := range []string{"here", "a", "orders"} {
			if _, err := b.router.Subscribe(taken, `{"source":["shop.orders"]}`, handler); err == nil {
				t.Errorf("a second %q", taken)
			}
		}
		if _, err := b.router.Subscribe("bad", `{"source":7}`, handler); err == nil {
			t.Error("a pattern that is none")
		}
		b.send(order(1))
		b.swap()
		b.send(order(2))
		b.settled()
		if n := got.Load(); n != 2 {
			t.Errorf("%d events handled, want 2", n)
		}
		if _, ok := b.router.Rules().Targets["here"]; !ok {
			t.Error("not in the listings")
		}
		if err := unsubscribe(); err != nil {
			t.Fatal(err)
		}
		b.send(order(3))
		b.settled()
		if n := got.Load(); n != 2 {
			t.Errorf("%d events handled after the end, want 2", n)
		}
		if got := b.counts(); got != (journal.Counts{Planned: 5, Delivered: 5}) {
			t.Errorf("got %+v", got)
		}
	})
}

package router

import (
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/event"
)

// TestBusByARN sends to the router's own bus, and to that of another account.
func TestBusByARN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toBatch("max_events: 3, max_wait: 1s", ""))
		b.start()
		defer b.stop()
		arn := func(account string) *event.Event {
			e := ordersFrom(1, 1)[0]
			e.Meta.Bus = "arn:aws:events:" + b.router.opts.Region + ":" + account + ":event-bus/default"
			return e
		}
		errs, err := b.router.Accept(t.Context(), []*event.Event{arn(b.router.opts.Account), arn("1")})
		if err != nil || errs[0] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), ":1:event-bus/default does not exist") {
			t.Errorf("%v, %v", errs, err)
		}
	})
}

package router

import (
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/event"
)

func TestNamesOfEventsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, toA)
		b.start()
		defer b.stop()
		long, fine := order(1), order(2)
		long.ID = strings.Repeat("x", event.MaxName+1)
		errs, err := b.router.Accept(t.Context(), []*event.Event{long, fine})
		if err != nil || errs[0] == nil || !strings.HasPrefix(errs[0].Error(), "InvalidArgument: id: is 2049 bytes long") || errs[1] != nil {
			t.Errorf("got %v, %v", errs, err)
		}
		b.settled()
		if n := len(b.fakes["a"].deliveries()); n != 1 {
			t.Errorf("%d deliveries, want that of the other event", n)
		}
		if _, err := b.router.Plan(t.Context(), long); err == nil {
			t.Error("a dry run lets it in")
		}
	})
}

package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// TestALeaderThatHadBetterNotLeadLeavesItToAnother that can, and takes the lead again itself only where none does.
func TestALeaderThatHadBetterNotLeadLeavesItToAnother(t *testing.T) {
	s := start(t)
	a, b := join(t, s, 1), join(t, s, 2)
	stores := [2]memory{}
	term := lead(t, a, &stores[0])
	done := follow(t.Context(), b, &stores[1])
	until(t, "the other follows", func() bool { l, _ := b.Follows(); return l != nil })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var full atomic.Bool
	a.opts.Unfit = func() string {
		if full.Load() {
			return "its disk is full"
		}
		return ""
	}
	for _, n := range []*Node{a, b} {
		running.Go(func() { n.Run(ctx) })
	}
	until(t, "the other is heard", func() bool { others, err := a.others(ctx); return err == nil && len(others) == 1 })
	select {
	case <-term.Leaving():
		t.Error("it leaves without a reason")
	default:
	}
	full.Store(true)
	<-term.Leaving()
	until(t, "the other nodes know why", func() bool {
		others, err := b.others(ctx)
		return err == nil && len(others) == 1 && others[0].Note == "its disk is full"
	})
	term.Resign()
	next := <-done
	must(t, next.err)
	next.term.Resign()
}

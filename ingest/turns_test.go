package ingest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// taking takes turns under a limit, and notes who has one, in order.
type taking struct {
	turns
	most  atomic.Int64
	waits atomic.Int64

	mu    sync.Mutex
	begun []int
}

func newTaking() *taking {
	t := &taking{}
	t.limit = func() int { return int(t.most.Load()) }
	t.waited = func(d time.Duration) { t.waits.Add(int64(d)) }
	return t
}

func (t *taking) begin(ctx context.Context, n int) {
	go func() {
		t.take(ctx)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.begun = append(t.begun, n)
	}()
	synctest.Wait()
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTaking()
		begun := func(want ...int) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if !slices.Equal(s.begun, want) {
				t.Errorf("%v have begun, want %v", s.begun, want)
			}
		}
		s.most.Store(2)
		for n := range 4 {
			s.begin(t.Context(), n)
		}
		begun(0, 1)
		s.leave()
		begun(0, 1, 2) // the first to come
		s.most.Store(1)
		s.leave()
		begun(0, 1, 2)
		s.most.Store(2)
		time.Sleep(turnsEvery)
		begun(0, 1, 2, 3)

		s.most.Store(0) // nobody waits for ever
		s.begin(t.Context(), 4)
		time.Sleep(turnWait - turnsEvery)
		begun(0, 1, 2, 3)
		time.Sleep(2 * turnsEvery)
		begun(0, 1, 2, 3, 4)

		ctx, cancel := context.WithCancel(t.Context())
		s.begin(ctx, 5) // whoever has gone waits no more
		cancel()
		begun(0, 1, 2, 3, 4, 5)
		if waits := time.Duration(s.waits.Load()); waits < turnWait || waits > turnWait+10*turnsEvery {
			t.Errorf("waited for %v in all", waits)
		}
		for range 4 {
			s.leave()
		}
		s.turns.mu.Lock()
		defer s.turns.mu.Unlock()
		if s.working != 0 || s.waiting.Len() != 0 {
			t.Errorf("%d at work, %d wait", s.working, s.waiting.Len())
		}
		s.turns.mu.Unlock()
		time.Sleep(turnsEvery)
		synctest.Wait()
		s.turns.mu.Lock()
		if s.asking {
			t.Error("the limit is asked for although nobody waits")
		}
	})
}

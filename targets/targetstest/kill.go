package targetstest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/targets"
)

// SurvivesKill delivers batches as lanes do, lets restart kill the target's server and bring
// it back in the midst of them, and holds what has arrived against what the target has taken.
// It returns how many of the ids that arrived are there more than once.
func SurvivesKill(t *testing.T, target targets.BatchTarget, restart func(), arrived func() []string) (repeated int) {
	t.Helper()
	l := &load{t: t, target: target, done: make(chan struct{}), taken: map[string]bool{}}
	for w := range 4 {
		l.workers.Go(func() { l.work(w) })
	}
	l.wait(300)
	restart()
	l.wait(l.count.Load() + 300)
	close(l.done)
	l.workers.Wait()
	there := map[string]int{}
	for _, id := range arrived() {
		there[id]++
		if there[id] == 2 {
			repeated++
		}
		if !l.taken[id] {
			t.Errorf("%s arrived and was never sent", id)
		}
	}
	for id := range l.taken {
		if there[id] == 0 {
			t.Errorf("%s was taken and is not there", id)
		}
	}
	t.Logf("%d were taken, of which %d arrived more than once", len(l.taken), repeated)
	return repeated
}

// load is what goes to a target.
type load struct {
	t       *testing.T
	target  targets.BatchTarget
	done    chan struct{}
	workers sync.WaitGroup
	count   atomic.Int64

	mu    sync.Mutex
	taken map[string]bool
}

// work delivers one batch after another until it is done.
func (l *load) work(worker int) {
	for n := 0; ; n++ {
		select {
		case <-l.done:
			return
		default:
		}
		batch := BatchOf(5)
		for i, d := range batch {
			d.ID = fmt.Sprintf("%d-%d-%d", worker, n, i)
		}
		if !l.deliver(batch) {
			return
		}
	}
}

// deliver delivers a batch until all of it has been taken.
func (l *load) deliver(batch []*targets.Delivery) bool {
	for end := time.Now().Add(2 * time.Minute); len(batch) > 0; time.Sleep(20 * time.Millisecond) {
		each, whole := l.target.DeliverBatch(l.t.Context(), batch)
		rest := batch[:0]
		for i, d := range batch {
			err := whole
			if each != nil && each[i] != nil {
				err = each[i]
			}
			var failure *targets.Error
			switch {
			case err == nil:
				l.note(d.ID)
				continue
			case time.Now().After(end), !errors.As(err, &failure) || failure.Final:
				l.t.Errorf("%s was not taken: %v", d.ID, err)
				return false
			}
			rest = append(rest, d)
		}
		batch = rest
	}
	return true
}

func (l *load) note(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[id] = true
	l.count.Add(1)
}

// wait waits until so many have been taken.
func (l *load) wait(n int64) {
	for end := time.Now().Add(2 * time.Minute); l.count.Load() < n && !l.t.Failed(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Errorf("%d were taken in time, want %d", l.count.Load(), n)
		}
	}
}

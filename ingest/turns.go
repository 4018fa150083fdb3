package ingest

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// turns let as many requests be worked on at once as a limit allows, which may change at any
// time; the others wait for their turn, but none for longer than turnWait.
type turns struct {
	// limit returns how many there may be now.
	limit func() int
	// waited is told how long each has waited that had to.
	waited func(time.Duration)

	mu sync.Mutex
	// working counts those that have a turn.
	working int
	// waiting are those that wait, the first to come in front; while there are any, a
	// goroutine asks again for the limit.
	waiting list.List
	asking  bool
}

// turn is one request that waits.
type turn struct {
	since time.Time
	// begun is closed when it may begin.
	begun chan struct{}
}

const (
	// turnWait is how long a request waits for its turn at the most.
	turnWait = time.Second
	// turnsEvery is how often the limit is asked for while requests wait.
	turnsEvery = 2 * time.Millisecond
)

// take waits for a turn, until ctx ends. Leave must follow in any case.
func (t *turns) take(ctx context.Context) {
	t.mu.Lock()
	if t.waiting.Len() == 0 && t.working < t.limit() {
		t.working++
		t.mu.Unlock()
		return
	}
	mine := &turn{since: time.Now(), begun: make(chan struct{})}
	at := t.waiting.PushBack(mine)
	if !t.asking {
		t.asking = true
		go t.ask()
	}
	t.mu.Unlock()
	select {
	case <-mine.begun:
	case <-ctx.Done():
		t.mu.Lock()
		select {
		case <-mine.begun:
		default:
			t.begin(at)
		}
		t.mu.Unlock()
	}
	t.waited(time.Since(mine.since))
}

// leave gives a turn to the next.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working--
	t.next()
}

// ask lets those begin whose turn it is, until nobody waits.
func (t *turns) ask() {
	for asking := true; asking; {
		time.Sleep(turnsEvery)
		t.mu.Lock()
		t.next()
		t.asking = t.waiting.Len() > 0
		asking = t.asking
		t.mu.Unlock()
	}
}

// next lets those begin whose turn it is, under the lock.
func (t *turns) next() {
	for at := t.waiting.Front(); at != nil; at = t.waiting.Front() {
		if t.working >= t.limit() && time.Since(at.Value.(*turn).since) < turnWait {
			return
		}
		t.begin(at)
	}
}

// begin lets one begin, under the lock.
func (t *turns) begin(at *list.Element) {
	close(t.waiting.Remove(at).(*turn).begun)
	t.working++
}

package delivery

import (
	"sync"
	"time"

	"signalbox/delivery/queue"
)

// worker attempts the deliveries of a lane.
type worker struct{ lane *Lane }

// spareAttempts has the memory of attempts that have ended.
var spareAttempts = sync.Pool{New: func() any { return new([]Attempt) }}

// mostSpareAttempts bounds the attempts whose memory is kept together.
const mostSpareAttempts = 256

// room returns memory for n attempts: that of spare, unless they are too many.
func room(spare *[]Attempt, n int) []Attempt {
	if n > mostSpareAttempts {
		return make([]Attempt, n)
	}
	if n > len(*spare) {
		*spare = make([]Attempt, n)
	}
	return (*spare)[:n]
}

// work attempts one delivery, or batch, after another until none is left or may
// be sent now.
func (w worker) work() {
	var buffer []*queue.Item
	spare := spareAttempts.Get().(*[]Attempt)
	defer spareAttempts.Put(spare)
	for first := true; ; first = false {
		items, t := w.next(first, buffer[:0])
		if len(items) == 0 {
			return
		}
		attempts := room(spare, len(items))
		if t.batching() != nil {
			attemptBatch(w.lane, items, t, attempts)
		} else {
			attempt(&attempts[0], w.lane, items[0], t)
		}
		clear(attempts)
		clear(items)
		buffer = items
		if t != nil {
			t.Done()
		}
	}
}

// next appends the next delivery of the queue, or those of the next batch. The
// worker ends where there is none: next has then counted it out.
func (w worker) next(first bool, into []*queue.Item) ([]*queue.Item, *Active) {
	l := w.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if first {
		l.starting--
	}
	n := 0
	if len(l.queue.Items()) > 0 && (!l.halted || l.flushing) && l.workers <= l.concurrency() {
		n = w.upNext()
	}
	if n == 0 || !w.allowed(n) {
		l.workers--
		return nil, nil
	}
	l.flushing = false
	if l.active != nil {
		l.active.users.Add(1)
	}
	return l.queue.Take(n, into), l.active
}

// upNext returns how many deliveries go next: one, or a batch; none where a batch is
// still being gathered, and the alarm is set for its end.
func (w worker) upNext() int {
	l := w.lane
	b := l.active.batching()
	if b == nil {
		return 1
	}
	if now := time.Now(); !l.flushing && !b.ripe(l.queue, 0, now) {
		l.setAlarm(now)
		return 0
	}
	return l.pace.most(b.fill(l.queue.Items()))
}

// allowed reports whether n deliveries may go now, by what the target has asked for
// and by its rate limit; if not, the alarm is set for when they may.
func (w worker) allowed(n int) bool {
	l := w.lane
	c := &l.health.circuit
	if c.ThrottledUntil().IsZero() && !l.pace.bounds() || l.discarding.Load() {
		return true
	}
	now := time.Now()
	if c.Throttled(now) {
		l.setAlarm(now)
		return false
	}
	if !l.pace.allows(n, now) {
		l.setAlarm(now)
		return false
	}
	return true
}

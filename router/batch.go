package router

import (
	"net/http"
	"time"

	"signalbox/targets"
)

// batching is how a lane gathers deliveries into batches.
type batching struct {
	target   targets.BatchTarget
	events   int
	bytes    int
	wait     time.Duration
	together func(a, b *targets.Delivery) bool
}

// batchingOf gives nil where each delivery is sent alone.
func batchingOf(cfg *targets.Config, t targets.Target) *batching {
	target, ok := t.(targets.BatchTarget)
	b := cfg.Batching()
	if !ok || b == nil {
		return nil
	}
	return &batching{target: target, events: b.MaxEvents, bytes: int(b.MaxBytes), wait: *b.MaxWait, together: cfg.SameBatch}
}

// burst is how many deliveries a rate limit lets go at once: a tenth of a
// second's, or what one batch can gather of it in a second.
func (h *handle) burst(perSecond float64) int {
	burst := max(1, int(perSecond/10))
	if h != nil && h.batch != nil {
		burst = max(burst, min(h.batch.events, int(perSecond)))
	}
	return burst
}

// batch is how the lane gathers; nil where it does not. Like all here that takes
// no lock of its own it is called with the lane's.
func (l *lane) batch() *batching {
	if l.handle == nil {
		return nil
	}
	return l.handle.batch
}

// windowBatches is how many batches a lane may hold for each that can be under
// way: some are being gathered, and the ends of others are not yet on disk.
const windowBatches = 4

// window is how many deliveries the lane may hold.
func (l *lane) window() int {
	if b := l.batch(); b != nil {
		return max(l.r.opts.Window, windowBatches*b.events*l.handle.cfg.Concurrency)
	}
	return l.r.opts.Window
}

// windowBytes is how many bytes the lane may hold, at the least two batches.
func (l *lane) windowBytes() int {
	if b := l.batch(); b != nil {
		return max(l.r.opts.WindowBytes, 2*b.bytes)
	}
	return l.r.opts.WindowBytes
}

// wanted says whether there is work for one worker more. Those that are starting
// are taken to fill a batch each.
func (l *lane) wanted(now time.Time) bool {
	b := l.batch()
	if b == nil {
		return l.starting < len(l.queue)
	}
	return l.ripe(b, l.starting*b.events, now)
}

// ripe says whether the deliveries behind the first skip of the queue are to be
// sent now: enough for a batch, or the first of them has waited long enough.
func (l *lane) ripe(b *batching, skip int, now time.Time) bool {
	switch n := len(l.queue) - skip; {
	case n <= 0:
		return false
	case n >= b.events || b.wait == 0 || !now.Before(l.queue[skip].queued.Add(b.wait)):
		return true
	case l.bytes < b.bytes:
		return false
	}
	bytes := 0
	for _, it := range l.queue[skip:] {
		bytes += it.length()
	}
	return bytes >= b.bytes
}

// gathered is when what the queue holds has waited long enough for more.
func (l *lane) gathered() time.Time {
	if b := l.batch(); b != nil && b.wait > 0 && len(l.queue) > 0 {
		return l.queue[0].queued.Add(b.wait)
	}
	return time.Time{}
}

// fill says how many of the queue's first deliveries make the next batch.
func (l *lane) fill(b *batching) int {
	bytes, most := 2, b.most(l.queue[0])
	for i, it := range l.queue {
		bytes += it.length() + 1
		if i > 0 && (i >= most || bytes > b.bytes || b.most(it) != most) {
			return i
		}
	}
	return len(l.queue)
}

// suspectAfter is how many failures of a batch make a lane suspect that one of
// its deliveries caused them.
const suspectAfter = 2

// most is how many deliveries a batch with this one may hold. A delivery that
// makes its target fail, be it by an error or by keeping it busy, would fail its
// company with it each time, so batches that do so again and again are halved.
func (b *batching) most(it *item) int {
	d := &it.delivery
	failures := d.Attempts - d.Spent - suspectAfter
	if failures <= 0 || len(d.History) == 0 {
		return b.events
	}
	switch last := d.History[len(d.History)-1]; {
	case last.Status == http.StatusInternalServerError || last.Code == targets.CodeTimeout && last.Status == 0:
		return max(1, b.events>>min(failures, 30))
	}
	return b.events
}

// flush lets one worker send what a lane that is being halted has gathered, and
// kept back only to gather more.
func (l *lane) flush() {
	b := l.batch()
	if b == nil || b.wait == 0 || len(l.queue) == 0 || l.active >= l.concurrency() || !l.r.running.Load() {
		return
	}
	l.flushing = true
	l.active++
	l.starting++
	l.r.workers.Go(l.work)
}

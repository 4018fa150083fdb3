package delivery

import (
	"net/http"
	"time"

	"signalbox/delivery/queue"
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

// batchingOf returns nil where each delivery is sent alone.
func batchingOf(cfg *targets.Config, t targets.Target) *batching {
	target, ok := t.(targets.BatchTarget)
	b := cfg.Batching()
	if !ok || b == nil {
		return nil
	}
	return &batching{target: target, events: b.MaxEvents, bytes: int(b.MaxBytes), wait: *b.MaxWait, together: cfg.SameBatch}
}

// windowBatches is how many batches a lane may have in memory for each that can be
// under way: some are being gathered, and the ends of others are not yet on disk.
const windowBatches = 4

// ripe reports whether the deliveries behind the first skip of the queue are to be
// sent now: enough for a batch, or the first of them has waited long enough.
func (b *batching) ripe(q *queue.Queue, skip int, now time.Time) bool {
	switch n := len(q.Items()) - skip; {
	case n <= 0:
		return false
	case n >= b.events || b.wait == 0 || !now.Before(q.Items()[skip].Queued.Add(b.wait)):
		return true
	case q.Bytes() < b.bytes:
		return false
	}
	bytes := 0
	for _, it := range q.Items()[skip:] {
		bytes += it.Length()
	}
	return bytes >= b.bytes
}

// gathered is when what the queue holds has waited long enough for more.
func (b *batching) gathered(q *queue.Queue) time.Time {
	if b != nil && b.wait > 0 && len(q.Items()) > 0 {
		return q.Items()[0].Queued.Add(b.wait)
	}
	return time.Time{}
}

// fill returns how many of the queue's first deliveries make the next batch.
func (b *batching) fill(queue []*queue.Item) int {
	bytes, most := 2, b.most(queue[0])
	for i, it := range queue {
		bytes += it.Length() + 1
		if i > 0 && (i >= most || bytes > b.bytes || b.most(it) != most) {
			return i
		}
	}
	return len(queue)
}

// suspectAfter is how many failures of a batch make a lane suspect that one of
// its deliveries caused them.
const suspectAfter = 2

// most is how many deliveries a batch with this one may hold. A delivery that
// makes its target fail, by an error or by keeping it busy, would fail its company
// with it each time, so batches that do so again and again are halved.
func (b *batching) most(it *queue.Item) int {
	d := &it.Delivery
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

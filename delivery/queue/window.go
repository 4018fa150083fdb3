package queue

import (
	"time"

	"signalbox/journal"
)

// window is what memory holds of a lane: the deliveries to attempt next, those
// under way, and those whose end is not on disk yet. Like all parts of a lane it has
// no lock of its own: who uses it has the lane's.
type window struct {
	// most and mostBytes bound it, as memory does all windows together.
	most, mostBytes int
	memory          *SharedMemory
	// stamp means that deliveries note when they are queued.
	stamp bool

	queue []*Item
	all   map[key]*Item
	bytes int

	// reading means that a reader is at work. What ends during a read is put aside
	// in ended, so that the reader, whose view is older, can't bring it back.
	reading bool
	ended   []*Item
}

// room returns how many more deliveries there is place for.
func (w *window) room() int {
	if w.bytes >= w.mostBytes || w.memory.full(w.bytes) {
		return 0
	}
	return w.most - len(w.all)
}

// add takes a delivery in, and queues it.
func (w *window) add(it *Item) {
	w.keep(it)
	w.enqueue(it)
}

func (w *window) enqueue(it *Item) {
	if w.stamp {
		it.Queued = time.Now()
	}
	w.queue = append(w.queue, it)
}

// keep gives a delivery a place that is not in the queue.
func (w *window) keep(it *Item) {
	w.memory.hold(it)
	w.all[it.key()] = it
	w.bytes += it.size()
}

// take appends the first n of the queue to into, and removes them from it.
func (w *window) take(n int, into []*Item) []*Item {
	into = append(into, w.queue[:n]...)
	clear(w.queue[:n])
	w.queue = w.queue[n:]
	return into
}

// takeIf removes from the queue the deliveries that are chosen, and returns them.
func (w *window) takeIf(chosen func(*Item) bool) (taken []*Item) {
	rest := w.queue[:0:0]
	for _, it := range w.queue {
		if chosen(it) {
			taken = append(taken, it)
		} else {
			rest = append(rest, it)
		}
	}
	if len(taken) > 0 {
		w.queue = rest
	}
	return taken
}

// drop gives up a delivery's place.
func (w *window) drop(it *Item) {
	w.bytes -= it.size()
	w.memory.release(it)
	if w.reading {
		w.ended = append(w.ended, it)
	} else {
		w.forget(it)
	}
}

// forget removes an item, unless a later state of the same delivery has taken its
// place.
func (w *window) forget(it *Item) {
	if w.all[it.key()] == it {
		delete(w.all, it.key())
	}
}

// endRead removes what has ended during a read.
func (w *window) endRead() {
	w.reading = false
	for _, it := range w.ended {
		w.forget(it)
	}
	clear(w.ended)
	w.ended = w.ended[:0]
}

// has reports whether the delivery is here in the very state that was read.
func (w *window) has(d *journal.Delivery) bool {
	it, ok := w.all[key{d.Seq, d.N}]
	return ok && it.Delivery.State == d.State && it.Delivery.Due.Equal(d.Due)
}

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
	moves movement

	queue []*Item
	all   map[key]*Item
	bytes int

	// reading means that a reader is at work. What ends during a read is put aside
	// in ended, so that the reader, whose view is older, can't bring it back.
	reading bool
	ended   []*Item
}

// movement is what is known of whether deliveries end, on which hangs how many are held.
type movement uint8

const (
	// untried means that none has ended yet: little is read from disk.
	untried movement = iota
	// stuck means that none can be attempted, and none has ended since: little is held.
	stuck
	// moving means that deliveries end.
	moving
)

const (
	// smallPart is the part of a window that is used of a lane that does not move, and smallest
	// how many deliveries that is at the least, if there is room for as many.
	smallPart = 16
	smallest  = 64
)

// bounds returns how many deliveries and bytes may be held of new ones, or of what is read.
func (w *window) bounds(read bool) (most, bytes int) {
	if w.moves == moving || w.moves == untried && !read {
		return w.most, w.mostBytes
	}
	return min(w.most, max(smallest, w.most/smallPart)), max(1, w.mostBytes/smallPart)
}

// room returns how many more deliveries there is place for, of new ones or of what is read.
func (w *window) room(read bool) int {
	most, bytes := w.bounds(read)
	if w.bytes >= bytes || w.memory.full(w.bytes) {
		return 0
	}
	return most - len(w.all)
}

// shed gives up those of the queue that are more than a window that is stuck holds, and returns
// them. They are on disk as ready, and of no ordering key, whose order would have to be kept.
func (w *window) shed() []*Item {
	most, bytes := w.bounds(true)
	var n, size int
	shed := w.takeIf(func(it *Item) bool {
		n++
		size += it.size()
		return (n > most || size > bytes && n > 1) && it.Delivery.State == journal.Ready && it.order == nil
	})
	for _, it := range shed {
		w.drop(it)
	}
	return shed
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

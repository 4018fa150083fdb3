package queue

import (
	"testing"
	"time"

	"signalbox/journal"
)

func item(seq journal.Seq, size int) *Item {
	return NewItem(journal.Delivery{Seq: seq, State: journal.Ready}, &Event{envelope: make([]byte, size)})
}

func newWindow(most, bytes int) *window {
	return &window{most: most, mostBytes: bytes, all: map[key]*Item{}}
}

func TestTheWindowIsBoundedInDeliveriesAndBytes(t *testing.T) {
	w := newWindow(3, 4000)
	for i := range 3 {
		if w.room(false) != 3-i {
			t.Fatalf("room for %d, want %d", w.room(false), 3-i)
		}
		w.add(item(journal.Seq(i+1), 10))
	}
	w.drop(w.all[key{2, 0}])
	if w.room(false) != 1 || len(w.queue) != 3 {
		t.Errorf("room for %d, %d queued", w.room(false), len(w.queue))
	}
	w.add(item(9, 5000))
	if w.room(false) != 0 {
		t.Error("there is room beyond the bytes")
	}
	for _, it := range w.all {
		w.drop(it)
	}
	if w.bytes != 0 || w.room(false) != 3 {
		t.Errorf("%d bytes are left of an empty window", w.bytes)
	}
}

func TestTheWindowQueuesInOrder(t *testing.T) {
	w := newWindow(9, 1<<20)
	for i := range 6 {
		w.add(item(journal.Seq(i), 1))
	}
	odd := w.takeIf(func(it *Item) bool { return it.Delivery.Seq%2 == 1 })
	rest := w.take(2, nil)
	if len(odd) != 3 || odd[0].Delivery.Seq != 1 || len(rest) != 2 || rest[1].Delivery.Seq != 2 || len(w.queue) != 1 || w.queue[0].Delivery.Seq != 4 {
		t.Errorf("got %v, %v, %v", odd, rest, w.queue)
	}
	if len(w.all) != 6 {
		t.Error("what is under way has no place any more")
	}
	if none := w.takeIf(func(*Item) bool { return false }); none != nil || len(w.queue) != 1 {
		t.Error("taking nothing changes the queue")
	}
}

// What ends while the disk is read must not be read in again: the reader's view is older.
func TestWhatEndsDuringAReadIsKnownToIt(t *testing.T) {
	w := newWindow(9, 1<<20)
	it := item(1, 1)
	w.add(it)
	w.reading = true
	w.drop(it)
	if !w.has(&it.Delivery) {
		t.Fatal("the reader would take it for a new one")
	}
	later := it.Delivery
	later.State, later.Due = journal.Waiting, time.Unix(1, 0)
	if w.has(&later) {
		t.Error("a later state of it is taken for the one that ended")
	}
	next := item(1, 1)
	next.Delivery = later
	w.add(next) // which the read has found
	w.endRead()
	if !w.has(&later) || w.has(&it.Delivery) {
		t.Error("the end of the read forgets the later state")
	}
	w.drop(next)
	if len(w.all) != 0 || w.bytes != 0 {
		t.Errorf("%d deliveries and %d bytes are left", len(w.all), w.bytes)
	}
}

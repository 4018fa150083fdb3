package queue

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// testLane is a lane that attempts nothing by itself, with a store of its own.
type testLane struct {
	t     *testing.T
	store *store.Journal
	id    journal.LaneID
	mu    sync.Mutex
	queue *Queue
}

func newLane(t *testing.T, most int) *testLane {
	t.Helper()
	j, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		synctest.Wait() // for reads under way
		_ = j.Close()
	})
	l := &testLane{t: t, store: j}
	if l.id, err = j.Lanes.Lane("sink"); err != nil {
		t.Fatal(err)
	}
	l.queue = New(Lane{
		Name: "sink", ID: l.id, Log: zap.NewNop(),
		Store: Store{Rows: j.Deliveries, Keys: j.Keys, Watermark: j.Seqs, FreeKeys: j.FreeKeys},
		Lock:  &l.mu, Look: func() { l.queue.Fill(time.Now()) }, Go: func(f func()) { go f() },
		Longest: func() time.Duration { return time.Hour },
		Move:    l.move,
		Applied: func(it *Item, to *journal.Delivery, _ journal.End, c *journal.KeyChange) func() {
			return func() { l.queue.locked(func() { l.queue.Settled(it, to, c) }) }
		},
	}, j.Counters.LaneCounts(l.id))
	l.queue.Bound(most, 1<<20, false)
	return l
}

func (l *testLane) move(moves ...journal.Move) {
	if err := l.store.MoveAll(moves); len(moves) > 0 && err != nil {
		l.t.Error(err)
	}
}

// accept appends n events, each with a delivery, and offers them.
func (l *testLane) accept(n int, key string) {
	l.t.Helper()
	for range n {
		res := l.store.Seqs.Reserve(1)
		e := &event.Event{ID: "e", Source: "s", DetailType: "T", Detail: []byte(`{}`), Time: time.Now()}
		meta, err := e.Meta.AppendBinary(nil)
		if err != nil {
			l.t.Fatal(err)
		}
		d := journal.Delivery{Seq: res.First, Lane: l.id, Rule: "r", State: journal.Ready, Key: key}
		rec := journal.Record{Seq: res.First, Meta: meta, Envelope: e.AppendEnvelope(nil)}
		if err := l.store.Append([]journal.Entry{{Record: rec, Deliveries: []journal.Delivery{d}, Matched: true}}); err != nil {
			l.t.Fatal(err)
		}
		it := NewItem(d, NewEvent(&rec, &e.Meta, e.ID))
		l.queue.locked(func() { l.queue.Offer(it) })
		res.Release()
	}
	synctest.Wait()
}

// take takes the first item of the queue; nil where there is none.
func (l *testLane) take() *Item {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue.Items()) == 0 {
		return nil
	}
	return l.queue.Take(1, nil)[0]
}

// settle gives an item its next state, or its end where to is nil, and returns when it
// can be seen on disk.
func (l *testLane) settle(it *Item, to *journal.Delivery) {
	defer synctest.Wait()
	defer func() {
		if err := l.store.Sync(); err != nil {
			l.t.Error(err)
		}
	}()
	m := journal.Move{From: it.Delivery, To: to}
	if to == nil {
		m.End = journal.Delivered
	}
	if it.Ordered() {
		l.queue.Settle(it, m)
		return
	}
	m.Applied = l.queue.lane.Applied(it, to, m.End, nil)
	l.move(m)
}

// takeAll takes and ends what the queue has, and returns how many that were. They must
// come in the order of their events.
func (l *testLane) takeAll() (n int) {
	l.t.Helper()
	var last journal.Seq
	for it := l.take(); it != nil; it = l.take() {
		if it.Delivery.Seq <= last {
			l.t.Errorf("%d comes after %d", it.Delivery.Seq, last)
		}
		last = it.Delivery.Seq
		l.settle(it, nil)
		n++
	}
	return n
}

func (l *testLane) mustBeEmpty() {
	l.t.Helper()
	if m := l.queue.Memory(); m != (Memory{}) {
		l.t.Errorf("left in memory: %+v", m)
	}
	if n := l.store.Counters.LaneCounts(l.id).Pending(); n != 0 {
		l.t.Errorf("%d deliveries are left on disk", n)
	}
}

func TestWhatDoesNotFitIsReadInOrder(t *testing.T) {
	for _, key := range []string{"", "order-7"} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(t, 8)
			l.accept(50, key)
			if m := l.queue.Memory(); m.Deliveries > 8 || m.Queued == 0 {
				t.Errorf("key %q: %+v, want at most 8 in memory", key, m)
			}
			if n := l.takeAll(); n != 50 {
				t.Errorf("key %q: %d deliveries, want 50", key, n)
			}
			l.mustBeEmpty()
		})
	}
}

func TestABarrierKeepsWhatIsNewerOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(t, 8)
		l.queue.locked(func() { l.queue.Barriers().Set(1) })
		l.accept(3, "")
		first := l.queue.backlog.from.Seq
		if it := l.take(); it != nil {
			t.Fatalf("%d passes the barrier", it.Delivery.Seq)
		}
		l.queue.locked(func() { l.queue.Barriers().Move(1, first+1) })
		if n := l.takeAll(); n != 1 {
			t.Errorf("%d deliveries, want the one before the barrier", n)
		}
		l.queue.locked(func() { l.queue.Barriers().Lift(1) })
		if n := l.takeAll(); n != 2 {
			t.Errorf("%d deliveries, want the two behind it", n)
		}
		l.mustBeEmpty()
	})
}

func TestWhatWaitsComesWhenItIsDueOrHastened(t *testing.T) {
	for _, hasten := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(t, 8)
			l.accept(1, "")
			it := l.take()
			next := it.Delivery
			next.State, next.Due = journal.Waiting, time.Now().Add(time.Minute).UTC()
			l.settle(it, &next)
			if l.take() != nil {
				t.Fatal("it does not wait")
			}
			if due, _ := l.queue.NextRead(); !due.Equal(next.Due) {
				t.Errorf("due at %v, want %v", due, next.Due)
			}
			if hasten {
				l.queue.locked(func() { l.queue.Hasten(time.Now()) })
			} else {
				time.Sleep(time.Minute)
				l.queue.locked(func() {})
			}
			if n := l.takeAll(); n != 1 {
				t.Errorf("hastened %t: %d deliveries", hasten, n)
			}
			l.mustBeEmpty()
		})
	}
}

// A delivery is recalled where it is queued, and not where it is under way or has ended.
func TestRecall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(t, 8)
		l.accept(1, "")
		queued := l.queue.Items()[0]
		recall := func() (it *Item) {
			l.queue.locked(func() { it = l.queue.Recall(queued.Delivery) })
			return it
		}
		if recall() != queued || len(l.queue.Items()) != 0 {
			t.Error("the queue keeps what was recalled")
		}
		if recall() != nil {
			t.Error("what is under way is recalled")
		}
		l.settle(queued, nil)
		if recall() != nil {
			t.Error("what has ended is recalled")
		}
		l.mustBeEmpty()
	})
}

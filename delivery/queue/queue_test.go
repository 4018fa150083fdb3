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
	j := openStore(t)
	return laneOf(t, j, "sink", j.Deliveries, nil, most)
}

// openStore returns a store in memory.
func openStore(t *testing.T) *store.Journal {
	t.Helper()
	j, err := store.Open("data", store.Options{Disk: store.InMemory()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		synctest.Wait() // for reads under way
		_ = j.Close()
	})
	return j
}

// laneOf returns a lane of a store, which reads its deliveries by way of rows.
func laneOf(t *testing.T, j *store.Journal, name string, rows Rows, shared *SharedMemory, most int) *testLane {
	t.Helper()
	l := &testLane{t: t, store: j}
	var err error
	if l.id, err = j.Lanes.Lane(name); err != nil {
		t.Fatal(err)
	}
	l.queue = New(Lane{
		Name: name, ID: l.id, Log: zap.NewNop(), Memory: shared,
		Store: Store{Rows: rows, Keys: j.Keys, Watermark: j.Seqs, FreeKeys: j.FreeKeys},
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
	acceptFor(l.t, n, key, l)
}

// acceptFor appends n events, each with a delivery for each of some lanes of one store, and
// offers them.
func acceptFor(t *testing.T, n int, key string, lanes ...*testLane) {
	t.Helper()
	for range n {
		j := lanes[0].store
		res := j.Seqs.Reserve(1)
		e := &event.Event{ID: "e", Source: "s", DetailType: "T", Detail: []byte(`{}`), Time: time.Now()}
		meta, err := e.Meta.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		entry := journal.Entry{Record: journal.Record{Seq: res.First, Meta: meta, Envelope: e.AppendEnvelope(nil)}, Matched: true}
		for i, l := range lanes {
			entry.Deliveries = append(entry.Deliveries, journal.Delivery{Seq: res.First, N: uint16(i), Lane: l.id, Rule: "r", State: journal.Ready, Key: key})
		}
		if err := j.Append([]journal.Entry{entry}); err != nil {
			t.Fatal(err)
		}
		shared := NewEvent(&entry.Record, &e.Meta, e.ID)
		for i, l := range lanes {
			l.queue.locked(func() { l.queue.Offer(NewItem(entry.Deliveries[i], shared)) })
		}
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

// countingRows counts the ready deliveries whose events were read, and those whose were not.
type countingRows struct {
	Rows
	read, had int
}

func (c *countingRows) Ready(l journal.LaneID, from journal.Cursor, limit journal.Seq, have func(*journal.Delivery) bool, fn func(journal.Delivery, journal.Record) bool) error {
	return c.Rows.Ready(l, from, limit, func(d *journal.Delivery) bool {
		had := have(d)
		if had {
			c.had++
		} else {
			c.read++
		}
		return had
	}, fn)
}

// TestAnEventInMemoryIsNotRead has two lanes with the same events, one of which has room for
// few: it reads the events from disk that the other has delivered, and shares the rest.
func TestAnEventInMemoryIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := openStore(t)
		shared := NewSharedMemory(1 << 20)
		rows := &countingRows{Rows: j.Deliveries}
		large, small := laneOf(t, j, "large", j.Deliveries, shared, 100), laneOf(t, j, "small", rows, shared, 2)
		acceptFor(t, 12, "", large, small)
		envelopes := map[journal.Seq]*byte{}
		for _, it := range large.queue.Items() {
			envelopes[it.Delivery.Seq] = &it.Envelope()[0]
		}
		for range 6 {
			large.settle(large.take(), nil)
		}
		for n := range 12 {
			it := small.take()
			if shares := &it.Envelope()[0] == envelopes[it.Delivery.Seq]; shares != (n < 2 || n >= 6) {
				t.Errorf("delivery %d shares its event: %v", n, shares)
			}
			small.settle(it, nil)
		}
		if rows.read != 4 || rows.had < 6 {
			t.Errorf("%d events were read, %d were not; want 4, and the 6 that the other lane has", rows.read, rows.had)
		}
		large.takeAll()
		large.mustBeEmpty()
		small.mustBeEmpty()
		if n := shared.Used(); n != 0 {
			t.Errorf("%d bytes are held by nobody", n)
		}
	})
}

// TestAQueueThatDoesNotMoveHoldsLittle has a queue with a backlog: little is read of it before a
// delivery has ended, what is more than that is given up when nothing can be attempted, and all
// of it comes in its order.
func TestAQueueThatDoesNotMoveHoldsLittle(t *testing.T) {
	const most, few = 256, smallest
	synctest.Test(t, func(t *testing.T) {
		j := openStore(t)
		shared := NewSharedMemory(1 << 30)
		l := laneOf(t, j, "sink", j.Deliveries, shared, most)
		held := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if n := l.queue.Memory().Deliveries; n != want {
				t.Errorf("%s: %d deliveries in memory, want %d", what, n, want)
			}
		}
		l.accept(300, "")
		held("new ones", most)
		l.queue.locked(func() { l.queue.Stuck(true) })
		held("nothing can be attempted", few)
		l.accept(100, "")
		held("new ones meanwhile", few)

		l = laneOf(t, j, "sink", j.Deliveries, shared, most)
		l.queue.locked(func() {})
		held("after a start", few)
		it := l.take()
		waits := it.Delivery
		waits.State, waits.Due = journal.Waiting, time.Now().Add(time.Hour).UTC()
		l.settle(it, &waits)
		held("one has failed", few-1)
		l.settle(l.take(), nil)
		held("one has ended", most)
		if n := l.takeAll(); n != 398 {
			t.Errorf("%d deliveries came, want 398", n)
		}
	})
}

// Package queue is what one lane has to deliver: a bounded window of it in memory,
// the rest on disk, and the order of ordering keys. It knows nothing of targets and
// attempts.
package queue

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
)

// Queue is the deliveries of one lane. It has no lock of its own: its methods are
// called with the lane's, but for Settle, which takes it.
type Queue struct {
	lane Lane

	window window
	// backlog is what is on disk alone, order the deliveries that have an ordering
	// key, barriers the places that nothing may pass.
	backlog  backlog
	order    order
	barriers Barriers

	// moving is held from a decision over a key until the journal has its moves, so
	// that they are written in the order of the decisions. It is taken before the
	// lane's lock, under which all else is.
	moving sync.Mutex
	// awaits means that the queue will be told when backlog.from is committed.
	awaits bool
	// readAt is when reading may be tried again after an error.
	readAt time.Time
	// recalls has the redriven deliveries that are to be put back once the read
	// under way has ended.
	recalls map[key]journal.Delivery
}

// Lane is what a queue takes from the lane that it is of. All fields are required but
// Memory, without which there is no common bound.
type Lane struct {
	Name   string
	ID     journal.LaneID
	Log    *zap.Logger
	Store  Store
	Memory *SharedMemory
	// Lock is the lane's. Look is called with it, where there may be work now.
	Lock *sync.Mutex
	Look func()
	// Go runs a read of the disk.
	Go func(func())
	// Longest returns the longest wait that there can be before a further attempt.
	Longest func() time.Duration
	// Move hands moves to the journal. Applied returns what is to be done once the next
	// state of an item, or its end, can be seen on disk: Settled, at the least.
	Move    func(...journal.Move)
	Applied func(*Item, *journal.Delivery, journal.End, *journal.KeyChange) func()
	// PutBack returns a delivery that was recalled to the dead-letter queue.
	PutBack func(*Item)
}

// Store is what lies on disk of queues, part by part.
type Store struct {
	Rows
	Keys
	Watermark
	// FreeKeys unblocks ordering keys.
	FreeKeys func(journal.LaneID, ...journal.KeyHash) (int, error)
}

// Rows are the deliveries on disk, each table in its own order.
type Rows interface {
	Ready(lane journal.LaneID, from journal.Cursor, limit journal.Seq, have func(*journal.Delivery) bool, fn func(journal.Delivery, journal.Record) bool) error
	Waiting(lane journal.LaneID, from journal.Cursor, due time.Time, fn func(journal.Delivery, journal.Record) bool) error
	NextDue(lane journal.LaneID, from journal.Cursor) (time.Time, bool, error)
	Oldest(lane journal.LaneID, state journal.State, from journal.Cursor, most int) (time.Time, error)
	IsReady(lane journal.LaneID, s journal.Seq, n uint16) (bool, error)
	Find(journal.Delivery) (journal.DeadLetter, error)
}

// Keys are the records of ordering keys, and what is parked behind them.
type Keys interface {
	Key(journal.LaneID, journal.KeyHash) (journal.KeyRecord, error)
	Blocked(lane journal.LaneID, from journal.KeyHash, fn func(journal.KeyRecord) bool) error
	ParkedBehind(lane journal.LaneID, h journal.KeyHash, from journal.Cursor, fn func(journal.Delivery, journal.Record) bool) error
}

// Watermark tells how far events are committed: readers go no further.
type Watermark interface {
	Stable() journal.Seq
	Await(journal.Seq, func()) bool
}

// New returns the queue of a lane that has so many deliveries on disk. It has no room
// before Bound has been called.
func New(l Lane, c journal.Counts) *Queue {
	q := &Queue{
		lane: l, backlog: newBacklog(c), recalls: map[key]journal.Delivery{},
		window: window{all: map[key]*Item{}, memory: l.Memory},
	}
	l.Memory.join()
	q.order = order{lane: l.ID, window: &q.window, records: int(c.BlockedKeys), parked: l.Applied}
	q.order.unrecorded = func(k *orderingKey, c *journal.KeyChange) func() {
		return func() { q.locked(func() { q.order.rest(k, c) }) }
	}
	q.order.sweepKeys()
	return q
}

// locked changes something under the lock, and then has the lane look for work.
func (q *Queue) locked(change func()) {
	q.lane.Lock.Lock()
	defer q.lane.Lock.Unlock()
	change()
	q.lane.Look()
}

// Bound bounds what is held in memory, in deliveries and in bytes. stamp says that
// items are to note when they are queued.
func (q *Queue) Bound(most, bytes int, stamp bool) {
	q.window.most, q.window.mostBytes, q.window.stamp = most, bytes, stamp
}

// StopKeys says whether a dead letter stops its ordering key.
func (q *Queue) StopKeys(stops bool) {
	q.order.stops = stops
	q.order.sweepKeys() // what stops a key may be another
}

// Barriers returns the queue's barriers, to be changed.
func (q *Queue) Barriers() *Barriers { return &q.barriers }

// Offer gives the queue new deliveries that are on disk. It takes them in if there is
// room, and reads them later otherwise.
func (q *Queue) Offer(items ...*Item) {
	for _, it := range items {
		if q.backlog.behind || q.barriers.any() || !q.takes(it) {
			q.backlog.missed(&it.Delivery)
		}
	}
}

// takes takes a new delivery in if there is room, and its order does not forbid it.
func (q *Queue) takes(it *Item) bool {
	if it.Delivery.Key != "" {
		return q.order.offer(it)
	}
	if q.window.room(false) <= 0 {
		return false
	}
	q.window.add(it)
	return true
}

// Requeue tells the queue of a delivery that has become ready again on disk.
func (q *Queue) Requeue(d *journal.Delivery) { q.backlog.missed(d) }

// Hasten makes all that waits for a later attempt due now.
func (q *Queue) Hasten(now time.Time) { q.backlog.hasten.ask(now) }

// Unblock lets an ordering key continue that a dead letter had stopped.
func (q *Queue) Unblock(h journal.KeyHash) {
	o := &q.order
	k := o.keys[h]
	switch {
	case k != nil && k.state == journal.KeyStopped:
		k.blocked, k.state, k.recHead = false, journal.KeyGoesOn, key{}
	case k != nil:
		return
	case len(o.resumes) >= q.window.most:
		o.sweepKeys()
		return
	default:
		k = o.recordedKey(&journal.KeyRecord{Hash: h})
	}
	o.resume(k)
}

// Stuck says whether nothing can be attempted for now. A lane that is stuck holds little in
// memory, until a delivery has ended again.
func (q *Queue) Stuck(is bool) {
	if !is || q.window.moves == stuck {
		return
	}
	q.window.moves = stuck
	for _, it := range q.window.shed() {
		q.backlog.missed(&it.Delivery)
	}
}

// Items returns what is to be attempted next, in its order; it is not to be changed.
func (q *Queue) Items() []*Item { return q.window.queue }

// Bytes returns how many bytes are held in memory.
func (q *Queue) Bytes() int { return q.window.bytes }

// Behind reports whether ready deliveries are on disk alone.
func (q *Queue) Behind() bool { return q.backlog.behind }

// Most returns how many deliveries the window has room for.
func (q *Queue) Most() int { return q.window.most }

// Take appends the first n items to into, for attempts that end with Settled.
func (q *Queue) Take(n int, into []*Item) []*Item { return q.window.take(n, into) }

// TakeIf takes the items that are chosen.
func (q *Queue) TakeIf(chosen func(*Item) bool) []*Item { return q.window.takeIf(chosen) }

// Settle writes the move of an item that is Ordered, with all that follows from it for
// those behind it. They reach the journal in the order of the decisions. It takes the
// lane's lock.
func (q *Queue) Settle(it *Item, m journal.Move) {
	q.moving.Lock()
	defer q.moving.Unlock()
	var follow []journal.Move
	q.locked(func() { follow = q.order.passOn(it, &m) })
	m.Applied = q.lane.Applied(it, m.To, m.End, m.Key)
	q.lane.Move(append([]journal.Move{m}, follow...)...)
}

// Settled gives up the place of an item that was taken, once its next state, or its
// end, can be seen on disk.
func (q *Queue) Settled(it *Item, to *journal.Delivery, c *journal.KeyChange) {
	q.window.drop(it)
	if to == nil || to.State == journal.Dead {
		q.window.moves = moving
	}
	if to != nil && to.State == journal.Waiting {
		q.backlog.waits(to)
	}
	if it.order != nil {
		q.order.written(it, c)
	}
}

// Fill starts a read of the disk where there is something to read, and room for it.
func (q *Queue) Fill(now time.Time) {
	if q.wantsRead(now) {
		q.window.reading = true
		q.lane.Go(q.read)
	}
}

func (q *Queue) wantsRead(now time.Time) bool {
	if q.window.reading || now.Before(q.readAt) {
		return false
	}
	// What waits for its turn in memory must not keep other keys from being read.
	most, _ := q.window.bounds(true)
	if room := q.window.room(true); room <= 0 || room+q.order.chained < most/2 {
		return false
	}
	return q.backlog.due(now, q.lane.Longest()) || q.backlog.hasten.wanted() || len(q.order.resumes) > 0 || q.order.sweeping ||
		q.backlog.behind && q.committed() && !q.barred()
}

// barred reports whether a barrier keeps what is ready from being read.
func (q *Queue) barred() bool {
	return q.barriers.any() && q.backlog.from.Seq >= q.barriers.limit(q.lane.Store.Stable())
}

// committed reports whether readers may go past backlog.from. If not, the lane looks
// again when they may.
func (q *Queue) committed() bool {
	if q.awaits { // which may be for a later place
		return q.backlog.from.Seq < q.lane.Store.Stable()
	}
	q.awaits = q.lane.Store.Await(q.backlog.from.Seq, func() {
		q.locked(func() { q.awaits = false })
	})
	return !q.awaits
}

// NextRead returns when time alone will have made something to read: a wait that is
// over, or another try after an error. Zero times are never.
func (q *Queue) NextRead() (due, again time.Time) { return q.backlog.nextDue, q.readAt }

// Memory is what a queue has in memory.
type Memory struct {
	// Deliveries are in the window, Queued of them to be attempted next, Chained
	// behind another of their ordering key.
	Deliveries, Queued, Chained, Bytes int
	// Keys are the ordering keys that are known, Records those with a record on disk,
	// and Resumes those whose next delivery is to be read.
	Keys, Records, Resumes int
	// Reading means that the disk is being read, or is to be.
	Reading bool
}

// Memory returns what the queue has in memory.
func (q *Queue) Memory() Memory {
	w, o := &q.window, &q.order
	return Memory{
		Deliveries: len(w.all), Queued: len(w.queue), Chained: o.chained, Bytes: w.bytes,
		Keys: len(o.keys) + len(o.idle), Records: o.records, Resumes: len(o.resumes),
		Reading: w.reading || o.sweeping,
	}
}

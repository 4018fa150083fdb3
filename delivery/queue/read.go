package queue

import (
	"cmp"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
)

// readAgain is how long a lane waits after the journal could not be read.
const readAgain = time.Second

// reading is what one read of the disk found.
type reading struct {
	q *Queue
	// due and ready say what is to be read.
	due, ready bool
	// room is how many deliveries may be read.
	room int
	// found holds what came from the waiting deliveries first, then the ready.
	found []*Item
	bytes int
	// most is how many bytes the window may hold.
	most int
	// nextWaiting and nextReady are where to continue; nextDue is when the first
	// delivery that still waits is due, zero if none does.
	nextWaiting, nextReady journal.Cursor
	nextDue                time.Time
	// hasten is how far the deliveries that were made due have been read.
	hasten, hastenBegan hasten
	// readTo is the event before which no ready delivery was left on disk; zero if
	// some may have been.
	readTo journal.Seq
	// order is what concerns deliveries with an ordering key.
	order orderReading
	// next is what memory has of the delivery that is read next.
	next inMemory
	// limit bounds the events whose ready deliveries may be read.
	limit journal.Seq
	// longest is the longest wait that a rule allows.
	longest time.Duration
}

// inMemory is what memory has of a delivery on disk: no room for it, the delivery itself, or
// its event.
type inMemory struct {
	full, own bool
	event     *Event
}

// read fills the window from disk: first the deliveries whose wait is over, then
// the ready ones in the order of their events. It is called without the lock.
func (q *Queue) read() {
	now := time.Now()
	r := q.beginReading(now)
	err := r.readOrder()
	if r.due && err == nil {
		err = r.readWaiting(now)
	}
	if r.hasten.wanted() && err == nil {
		err = r.readHastened(now)
	}
	if r.ready && err == nil {
		err = r.readReady()
	}
	for _, it := range r.end(err) {
		q.lane.PutBack(it)
	}
}

func (q *Queue) beginReading(now time.Time) *reading {
	q.lane.Lock.Lock()
	defer q.lane.Lock.Unlock()
	b := &q.backlog
	_, most := q.window.bounds(true)
	r := &reading{
		q: q, room: q.window.room(true), bytes: q.window.bytes, most: most, longest: q.lane.Longest(),
		nextWaiting: b.waitFrom, nextReady: b.from, nextDue: b.nextDue,
	}
	r.due, r.ready = b.due(now, r.longest), b.behind
	if r.due {
		b.beginWaiting()
	}
	if r.ready {
		b.beginReady()
		r.limit = q.barriers.limit(q.lane.Store.Stable())
	}
	r.hasten, r.hastenBegan = b.hasten, b.hasten
	q.order.beginRead(r)
	return r
}

// end takes what a read has found, and makes the moves that follow from it. It
// returns the redriven deliveries that were recalled meanwhile.
func (r *reading) end(err error) []*Item {
	q := r.q
	q.moving.Lock()
	defer q.moving.Unlock()
	var moves []journal.Move
	var recalled []*Item
	q.locked(func() { moves, recalled = r.place(err) })
	q.lane.Move(moves...)
	return recalled
}

func (r *reading) place(err error) (moves []journal.Move, recalled []*Item) {
	q := r.q
	q.window.endRead()
	moves = q.order.endRead(r)
	for _, it := range r.found {
		if it.Delivery.Key == "" {
			q.window.add(it)
		} else {
			moves = append(moves, q.order.meet(it, r)...)
		}
	}
	q.order.dropIdles()
	if r.due {
		q.backlog.endWaiting(r.nextWaiting, r.nextDue)
	}
	q.backlog.hasten.end(r.hastenBegan, r.hasten)
	if r.ready {
		q.backlog.endReady(r.nextReady, r.readTo)
	}
	if err != nil {
		q.lane.Log.Error("deliveries can't be read; trying again", zap.String("target", q.lane.Name), zap.Error(err))
		q.readAt = time.Now().Add(readAgain)
	}
	return moves, q.withdrawRecalled()
}

func (r *reading) readWaiting(now time.Time) error {
	j := r.q.lane.Store
	var bad error
	err := j.Waiting(r.q.lane.ID, r.nextWaiting, now, func(d journal.Delivery, rec journal.Record) bool {
		if r.full() {
			return false
		}
		bad = r.take(d, rec, &r.nextWaiting)
		return bad == nil
	})
	if err = cmp.Or(bad, err); err != nil {
		return err
	}
	due, ok, err := j.NextDue(r.q.lane.ID, r.nextWaiting)
	if err != nil {
		return err
	}
	r.nextDue = due
	if !ok || r.hasten.wanted() {
		return nil
	}
	return r.readOverlong(now.Add(r.longest + clockSlack))
}

// readOverlong reads what is due later than any wait can end: the clock was set
// back, or the waits were made shorter. Its turn has come.
func (r *reading) readOverlong(limit time.Time) error {
	j := r.q.lane.Store
	from := journal.Cursor{Due: limit.Add(1)}
	if _, ok, err := j.NextDue(r.q.lane.ID, from); err != nil || !ok {
		return err
	}
	if r.nextDue.After(limit) {
		r.nextDue = time.Time{}
	}
	var bad error
	err := j.Waiting(r.q.lane.ID, from, lastWaiting.Due, func(d journal.Delivery, rec journal.Record) bool {
		if r.full() {
			r.nextDue = longAgo // there is more of it
			return false
		}
		bad = r.take(d, rec, &from)
		return bad == nil
	})
	if err = cmp.Or(bad, err); err != nil {
		r.nextDue = longAgo
	}
	return err
}

func (r *reading) readReady() error {
	j := r.q.lane.Store
	limit := r.limit
	if r.nextReady.Seq >= limit { // here for a wait that is over
		r.readTo = limit
		return nil
	}
	var bad error
	more := false
	err := j.Ready(r.q.lane.ID, r.nextReady, limit, r.inMemory, func(d journal.Delivery, rec journal.Record) bool {
		if more = r.next.full || r.full(); more {
			return false
		}
		bad = r.take(d, rec, &r.nextReady)
		return bad == nil
	})
	if err = cmp.Or(bad, err); err != nil {
		return err
	}
	if !more {
		r.readTo = limit
		r.nextReady = journal.Cursor{Seq: limit}
	}
	return nil
}

// full reports whether the window has no room for more.
func (r *reading) full() bool {
	return len(r.found)+r.order.found >= r.room || r.bytes >= r.most || r.q.lane.Memory.full(r.bytes)
}

// take adds a delivery to what was found, unless the lane has it already, and
// moves next behind it.
func (r *reading) take(d journal.Delivery, rec journal.Record, next *journal.Cursor) error {
	known := r.next
	r.next = inMemory{}
	if !known.own && !r.has(&d) {
		it, err := known.item(d, rec)
		if err != nil {
			return err
		}
		if err := r.lookUp(&it.Delivery); err != nil {
			return err
		}
		r.q.lane.Memory.hold(it)
		r.found = append(r.found, it)
		r.bytes += it.size()
	}
	*next = journal.CursorAfter(&d)
	return nil
}

// inMemory reports whether the event of the delivery that is read next need not be: there is no
// room for it, the lane has the delivery, or another lane its event, which its deliveries share.
func (r *reading) inMemory(d *journal.Delivery) bool {
	switch r.next = (inMemory{}); {
	case r.full():
		r.next.full = true
	case r.has(d):
		r.next.own = true
	default:
		r.next.event = r.q.lane.Memory.find(d.Seq)
	}
	return r.next != inMemory{}
}

// item makes an item of a delivery with the event that memory has, or else that was read.
func (m inMemory) item(d journal.Delivery, rec journal.Record) (*Item, error) {
	if m.event != nil {
		return NewItem(d, m.event), nil
	}
	return readItem(d, rec)
}

// has reports whether the lane has the delivery in the very state that was read.
func (r *reading) has(d *journal.Delivery) bool {
	r.q.lane.Lock.Lock()
	defer r.q.lane.Lock.Unlock()
	return r.q.window.has(d)
}

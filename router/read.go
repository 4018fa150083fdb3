package router

import (
	"cmp"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
)

// readAgain is how long a lane waits after the journal could not be read.
const readAgain = time.Second

// These lie behind every delivery on disk.
var (
	lastReady   = journal.Cursor{Seq: ^journal.Seq(0)}
	lastWaiting = journal.Cursor{Due: time.Unix(1<<33, 0)}
)

// first is the one of two places that is read first.
func first(a, b journal.Cursor) journal.Cursor {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

// reading is what one read of the disk found.
type reading struct {
	lane *lane
	room int
	// found holds what came from the waiting deliveries first, then the ready.
	found []*item
	bytes int
	// most is how many bytes the window may hold.
	most int
	// nextWaiting and nextReady are where to go on; nextDue is when the first
	// delivery that still waits is due, zero if none does.
	nextWaiting, nextReady journal.Cursor
	nextDue                time.Time
	// readTo is the event before which no ready delivery was left on disk; zero if
	// some may have been.
	readTo journal.Seq
	// order is what concerns deliveries with an order key.
	order orderReading
	// limit bounds the ready deliveries that may be read.
	limit journal.Seq
}

// read fills the window from disk: first the deliveries whose wait is over, then
// the ready ones in the order of their events.
func (l *lane) read() {
	now := time.Now()
	l.mu.Lock()
	r := reading{lane: l, room: l.room(), bytes: l.bytes, most: l.windowBytes(), nextWaiting: l.waitFrom, nextReady: l.from, nextDue: l.nextDue}
	due, ready := l.due(now), l.behind
	// What comes to the disk from now on lowers these again.
	if due {
		l.waitFrom, l.nextDue = lastWaiting, time.Time{}
	}
	if ready {
		l.from, r.limit = lastReady, l.readable()
	}
	l.beginOrder(&r)
	l.mu.Unlock()

	err := r.readOrder()
	if due && err == nil {
		err = r.readWaiting(now)
	}
	if ready && err == nil {
		err = r.readReady()
	}

	for _, it := range l.took(&r, due, ready, err) {
		l.putBack(it)
	}
}

// took takes what a read has found, and makes the moves that follow from it. It
// gives the redriven deliveries that were recalled meanwhile.
func (l *lane) took(r *reading, due, ready bool, err error) []*item {
	l.order.moving.Lock()
	defer l.order.moving.Unlock()
	moves, recalled := l.place(r, due, ready, err)
	l.move(moves...)
	return recalled
}

func (l *lane) place(r *reading, due, ready bool, err error) (moves []journal.Move, recalled []*item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	for _, it := range l.ended {
		l.forget(it)
	}
	clear(l.ended)
	l.ended = l.ended[:0]
	moves = l.endOrder(r)
	for _, it := range r.found {
		if it.delivery.Key == "" {
			l.hold(it)
		} else {
			moves = append(moves, l.meet(it, r)...)
		}
	}
	l.dropIdles()
	if due {
		l.waitFrom = first(l.waitFrom, r.nextWaiting)
		if l.nextDue.IsZero() || !r.nextDue.IsZero() && r.nextDue.Before(l.nextDue) {
			l.nextDue = r.nextDue
		}
	}
	if ready {
		l.behind = l.from != lastReady || l.upTo >= r.readTo
		l.from = first(l.from, r.nextReady)
	}
	if err != nil {
		l.r.log.Error("deliveries can't be read; trying again", zap.String("target", l.name), zap.Error(err))
		l.readAt = time.Now().Add(readAgain)
	}
	recalled = l.withdrawRecalled()
	l.dispatch()
	return moves, recalled
}

func (r *reading) readWaiting(now time.Time) error {
	j := r.lane.r.journal
	var bad error
	err := j.Waiting(r.lane.id, r.nextWaiting, now, func(d journal.Delivery, rec journal.Record) bool {
		if r.full() {
			return false
		}
		bad = r.take(d, rec, &r.nextWaiting)
		return bad == nil
	})
	if err = cmp.Or(bad, err); err != nil {
		return err
	}
	due, ok, err := j.NextDue(r.lane.id, r.nextWaiting)
	if err != nil {
		return err
	}
	r.nextDue = due
	if !ok {
		return nil
	}
	return r.readOverlong(r.lane.r.longestDue(now))
}

// readOverlong reads what is due later than any wait can end: the clock was set
// back, or the waits were made shorter. Its turn has come.
func (r *reading) readOverlong(limit time.Time) error {
	j := r.lane.r.journal
	from := journal.Cursor{Due: limit.Add(1)}
	if _, ok, err := j.NextDue(r.lane.id, from); err != nil || !ok {
		return err
	}
	if r.nextDue.After(limit) {
		r.nextDue = time.Time{}
	}
	var bad error
	err := j.Waiting(r.lane.id, from, lastWaiting.Due, func(d journal.Delivery, rec journal.Record) bool {
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

// clockSlack is how far a clock may be set back before due times are taken to be
// wrong.
const clockSlack = time.Minute

// longestDue is the latest time that a delivery can wait for that was attempted
// before now.
func (r *Router) longestDue(now time.Time) time.Time {
	return now.Add(r.snapshot.Load().longest + clockSlack)
}

func (r *reading) readReady() error {
	j := r.lane.r.journal
	limit := r.limit
	if r.nextReady.Seq >= limit { // here for a wait that is over
		r.readTo = limit
		return nil
	}
	var bad error
	more := false
	err := j.Ready(r.lane.id, r.nextReady, limit, func(d journal.Delivery, rec journal.Record) bool {
		if more = r.full(); more {
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

// full says that the window has no room for more.
func (r *reading) full() bool {
	return len(r.found)+r.order.found >= r.room || r.bytes >= r.most
}

// take adds a delivery to what was found, unless the lane holds it already, and
// moves next behind it.
func (r *reading) take(d journal.Delivery, rec journal.Record, next *journal.Cursor) error {
	if !r.lane.holds(d) {
		it, err := newItem(d, rec)
		if err != nil {
			return err
		}
		if err := r.lookUp(&it.delivery); err != nil {
			return err
		}
		r.found = append(r.found, it)
		r.bytes += it.size()
	}
	*next = after(&d)
	return nil
}

// after is the place behind a delivery.
func after(d *journal.Delivery) journal.Cursor {
	c := journal.CursorOf(d)
	if c.N++; c.N == 0 {
		c.Seq++
	}
	return c
}

// holds says whether the lane holds the delivery in the very state that was read.
func (l *lane) holds(d journal.Delivery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	it, ok := l.held[key{d.Seq, d.N}]
	return ok && it.delivery.State == d.State && it.delivery.Due.Equal(d.Due)
}

package router

import (
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

// reading is what one read of the disk found.
type reading struct {
	lane *lane
	room int
	// found holds what came from the waiting deliveries first, then the ready.
	found      []*item
	bytes      int
	due, ready int64
	// nextWaiting and nextReady are where to go on; nextDue is when the first
	// delivery that still waits is due.
	nextWaiting, nextReady journal.Cursor
	nextDue                time.Time
}

// read fills the window from disk: first the deliveries whose wait is over, then
// the ready ones in the order of their events.
func (l *lane) read() {
	l.mu.Lock()
	r := reading{lane: l, room: l.room(), nextWaiting: l.waitFrom, nextReady: l.from}
	waiting, ready := l.waiting > 0, l.onDisk > 0
	// What comes to the disk from now on lowers these again.
	l.from, l.waitFrom = lastReady, lastWaiting
	l.mu.Unlock()

	var err error
	if waiting {
		err = r.readWaiting(time.Now())
	}
	if ready && err == nil {
		err = r.readReady()
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = false
	for _, it := range l.ended {
		l.forget(it)
	}
	clear(l.ended)
	l.ended = l.ended[:0]
	for _, it := range r.found {
		l.hold(it)
	}
	l.onDisk -= r.ready
	l.waiting -= r.due
	if r.nextReady.Compare(l.from) < 0 {
		l.from = r.nextReady
	}
	if waiting {
		if l.nextDue = r.nextDue; l.nextDue.IsZero() {
			l.nextDue = time.Now().Add(readAgain) // they are about to come to the disk
		}
		if l.waitFrom != lastWaiting && l.waitFrom.Due.Before(l.nextDue) {
			l.nextDue = l.waitFrom.Due // it came during the read
		}
	}
	if r.nextWaiting.Compare(l.waitFrom) < 0 {
		l.waitFrom = r.nextWaiting
	}
	if err != nil {
		l.r.log.Error("deliveries can't be read; trying again", zap.String("target", l.name), zap.Error(err))
		l.readAt = time.Now().Add(readAgain)
	}
	if len(r.found) > 0 || l.again || err != nil || waiting {
		l.again = false
		l.dispatch()
	}
}

func (r *reading) readWaiting(now time.Time) error {
	j, from := r.lane.r.journal, r.nextWaiting
	var bad error
	err := j.Waiting(r.lane.id, from, now, func(d journal.Delivery, rec journal.Record) bool {
		var took bool
		if r.full() {
			return false
		}
		if took, bad = r.take(d, rec, &r.nextWaiting); took {
			r.due++
		}
		return bad == nil
	})
	if err == nil && bad == nil {
		r.nextDue, _, err = j.NextDue(r.lane.id, r.nextWaiting)
	}
	return firstError(bad, err)
}

func (r *reading) readReady() error {
	j, from := r.lane.r.journal, r.nextReady
	var bad error
	err := j.Ready(r.lane.id, from, j.Stable(), func(d journal.Delivery, rec journal.Record) bool {
		var took bool
		if r.full() {
			return false
		}
		if took, bad = r.take(d, rec, &r.nextReady); took {
			r.ready++
		}
		return bad == nil
	})
	return firstError(bad, err)
}

// full says that the window has no room for more.
func (r *reading) full() bool {
	return len(r.found) >= r.room || r.bytes >= r.lane.r.opts.WindowBytes
}

// take adds a delivery to what was found, unless the lane holds it already, and
// moves next behind it.
func (r *reading) take(d journal.Delivery, rec journal.Record, next *journal.Cursor) (bool, error) {
	held := r.lane.holds(d)
	if !held {
		it, err := newItem(d, rec)
		if err != nil {
			return false, err
		}
		r.found = append(r.found, it)
		r.bytes += it.size()
	}
	*next = journal.CursorOf(&d)
	next.N++
	return !held, nil
}

// holds says whether the lane holds the delivery in the very state that was read.
func (l *lane) holds(d journal.Delivery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	it, ok := l.held[key{d.Seq, d.N}]
	return ok && it.delivery.State == d.State && it.delivery.Due.Equal(d.Due)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

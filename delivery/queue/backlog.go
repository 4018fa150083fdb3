package queue

import (
	"time"

	"signalbox/journal"
)

// These lie behind every delivery on disk.
var (
	lastReady   = journal.Cursor{Seq: ^journal.Seq(0)}
	lastWaiting = journal.Cursor{Due: time.Unix(1<<33, 0)}
)

// longAgo is before every due time.
var longAgo = time.Unix(0, 0)

// clockSlack is how far a clock may be set back before due times are taken to be
// wrong.
const clockSlack = time.Minute

// backlog is what a lane knows of its deliveries that are on disk alone.
type backlog struct {
	// behind means that ready deliveries may be there; from is a place before the
	// first of them, upTo the latest event of those that the lane was told of.
	behind bool
	from   journal.Cursor
	upTo   journal.Seq
	// nextDue is when the first delivery that waits is due, zero if none does;
	// waitFrom is a place before it.
	nextDue  time.Time
	waitFrom journal.Cursor
	hasten   hasten
	// readsReady and readsWaiting are where the read under way began; nil where nothing is being read.
	readsReady, readsWaiting *journal.Cursor
}

func newBacklog(c journal.Counts) backlog {
	b := backlog{behind: c.Ready > 0}
	if c.Waiting > 0 {
		b.nextDue = longAgo
	}
	return b
}

// missed notes a ready delivery.
func (b *backlog) missed(d *journal.Delivery) {
	at := journal.CursorOf(d)
	if !b.behind || at.Compare(b.from) < 0 {
		b.from = at
	}
	b.upTo = max(b.upTo, d.Seq)
	b.behind = true
}

// waits notes a delivery that waits until it is due.
func (b *backlog) waits(d *journal.Delivery) {
	at := journal.CursorOf(d)
	if b.nextDue.IsZero() || at.Compare(b.waitFrom) < 0 {
		b.waitFrom = at
	}
	if b.nextDue.IsZero() || d.Due.Before(b.nextDue) {
		b.nextDue = d.Due
	}
}

// due reports whether the wait of a delivery is over, or longer than any can be.
func (b *backlog) due(now time.Time, longest time.Duration) bool {
	return !b.nextDue.IsZero() && (!b.nextDue.After(now) || b.nextDue.After(now.Add(longest+clockSlack)))
}

// beginWaiting and beginReady note that a read begins: what comes to the disk from
// now on lowers these places again.
func (b *backlog) beginWaiting() {
	from := b.waitFrom
	b.readsWaiting, b.waitFrom, b.nextDue = &from, lastWaiting, time.Time{}
}

func (b *backlog) beginReady() {
	from := b.from
	b.readsReady, b.from = &from, lastReady
}

// places returns the places before the first deliveries that are on disk alone, those that
// are ready and those that wait; nil for none.
func (b *backlog) places() (ready, waiting *journal.Cursor) {
	if b.behind {
		ready = &b.from
	}
	if !b.nextDue.IsZero() {
		waiting = &b.waitFrom
	}
	return earlier(ready, b.readsReady), earlier(waiting, b.readsWaiting)
}

// earlier returns the one of two places that is read first, either of which may be nil.
func earlier(a, b *journal.Cursor) *journal.Cursor {
	if a == nil || b != nil && b.Compare(*a) < 0 {
		a = b
	}
	if a == nil {
		return nil
	}
	at := *a
	return &at
}

// endWaiting and endReady note how far a read has come.
func (b *backlog) endWaiting(next journal.Cursor, due time.Time) {
	b.waitFrom, b.readsWaiting = first(b.waitFrom, next), nil
	if b.nextDue.IsZero() || !due.IsZero() && due.Before(b.nextDue) {
		b.nextDue = due
	}
}

func (b *backlog) endReady(next journal.Cursor, readTo journal.Seq) {
	b.behind = b.from != lastReady || b.upTo >= readTo
	b.from, b.readsReady = first(b.from, next), nil
}

// last returns the one of two places that is read last.
func last(a, b journal.Cursor) journal.Cursor {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// first returns the one of two places that is read first.
func first(a, b journal.Cursor) journal.Cursor {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

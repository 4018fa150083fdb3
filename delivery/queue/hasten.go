package queue

import (
	"cmp"
	"time"

	"signalbox/journal"
)

// hasten makes deliveries due at once that wait on disk for a later attempt. One pass
// over them is enough: what has failed since it was asked for waits as ever.
type hasten struct {
	// asked is when it was asked for; zero when nothing is to be made due. from is
	// the place that the pass has come to.
	asked time.Time
	from  journal.Cursor
}

// ask begins a pass, or begins it anew.
func (h *hasten) ask(now time.Time) { *h = hasten{asked: now} }

// wanted reports whether a pass is under way.
func (h *hasten) wanted() bool { return !h.asked.IsZero() }

// takes reports whether a delivery has waited since before the pass was asked for.
func (h *hasten) takes(d *journal.Delivery) bool {
	n := len(d.History)
	return n == 0 || d.History[n-1].At.Before(h.asked)
}

// end takes in how far a read has taken the pass it began with.
func (h *hasten) end(began, now hasten) {
	if h.asked.Equal(began.asked) { // else it was asked for anew meanwhile
		*h = now
	}
}

// readHastened reads what waits for later than now, if it is to be made due.
func (r *reading) readHastened(now time.Time) error {
	r.hasten.from = last(r.hasten.from, journal.Cursor{Due: now.Add(1)}) // the rest is due, and has been read
	var bad error
	full := false
	err := r.q.lane.Store.Waiting(r.q.lane.ID, r.hasten.from, lastWaiting.Due, func(d journal.Delivery, rec journal.Record) bool {
		if full = r.full(); full {
			return false
		}
		if !r.hasten.takes(&d) {
			r.hasten.from = journal.CursorAfter(&d)
			return true
		}
		bad = r.take(d, rec, &r.hasten.from)
		return bad == nil
	})
	if err = cmp.Or(bad, err); err == nil && !full {
		r.hasten = hasten{}
	}
	return err
}

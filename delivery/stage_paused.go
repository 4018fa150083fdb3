package delivery

import (
	"time"

	"signalbox/journal"
)

// paused suspends a delivery that a paused rule had planned before its pause. Those
// that were sent again from the dead-letter queue, or by a replay, and those of dead letters, are sent
// all the same. A target that is paused has no workers, so that nothing comes here.
func paused(a *Attempt) bool {
	it := a.Item
	if it.Delivery.Redriven() || it.Delivery.Replay != nil || it.Delivery.Forward != nil {
		return true
	}
	pause := a.lane.env.Policies().Suspended(it.Bus(), it.Delivery.Rule)
	if pause == 0 {
		return true
	}
	next := it.Delivery
	next.State, next.Hold, next.Due = journal.Held, pause, time.Time{}
	a.settle(&next, journal.NotEnded)
	return false
}

// tellSuspended tells of a delivery that was suspended, maybe too late.
func (e *Env) tellSuspended(to *journal.Delivery) {
	if to != nil && to.State == journal.Held {
		e.Resume(to.Hold)
	}
}

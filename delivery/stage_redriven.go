package delivery

import (
	"signalbox/delivery/queue"
	"signalbox/journal"
)

// redriven puts back a delivery from the dead-letter queue whose redrive has ended.
func redriven(a *Attempt) bool {
	if !a.Item.Delivery.Redriven() || a.lane.env.Redrives.Redriving(&a.Item.Delivery) {
		return true
	}
	a.putBack()
	return false
}

// putBack returns a redriven delivery to the dead-letter queue without another
// attempt.
func (a *Attempt) putBack() {
	back := a.lane.env.Redrives.Returned(a.Item.Delivery)
	a.settle(&back, journal.NotEnded)
}

// putBack is Attempt.putBack for a delivery that was taken out of the queue.
func putBack(l *Lane, it *queue.Item) { (&Attempt{lane: l, Item: it}).putBack() }

// tellRedrive tells the redrive that sent a delivery of its next state, or end.
func (e *Env) tellRedrive(it *queue.Item, to *journal.Delivery, end journal.End) {
	if it.Delivery.Redriven() {
		e.Redrives.Settled(it.Delivery, to, end)
	}
}

package delivery

import (
	"errors"

	"go.uber.org/zap"

	"signalbox/journal"
)

// redriven puts back a delivery from the dead-letter queue whose redrive has ended.
func redriven(a *Attempt) bool {
	if !a.Item.Delivery.Redriven() || a.lane.env.Redrives.Redriving(&a.Item.Delivery) {
		return true
	}
	putBack(a.lane, a.Item)
	return false
}

// putBack returns a redriven delivery to the dead-letter queue without another
// attempt.
func putBack(l *Lane, it *Item) {
	back := l.env.Redrives.Returned(it.Delivery)
	l.settle(it, &back, journal.NotEnded)
}

// tellRedrive tells the redrive that sent a delivery of its next state, or end.
func (e *Env) tellRedrive(it *Item, to *journal.Delivery, end journal.End) {
	if it.Delivery.Redriven() {
		e.Redrives.Settled(it.Delivery, to, end)
	}
}

// withdraw returns a delivery that nobody else has: it is taken from the queue, or
// read from disk and kept, so that no reader brings it in. Nil where it is under way
// or has moved on.
func withdraw(l *Lane, d journal.Delivery) *Item {
	if it := l.window.all[key{d.Seq, d.N}]; it != nil {
		for range l.window.takeIf(func(queued *Item) bool { return queued == it }) {
			return it
		}
		return nil
	}
	found, err := l.env.Store.Find(d)
	if errors.Is(err, journal.ErrNotFound) || err == nil && !found.Delivery.Redriven() {
		return nil
	}
	var it *Item
	if err == nil {
		it, err = readItem(found.Delivery, found.Record)
	}
	if err == nil {
		err = adopt(l, it)
	}
	if err != nil {
		l.env.Log.Error("delivery can't be read to be put back; it is tried again", zap.String("target", l.Name), zap.Error(err))
		return nil
	}
	l.window.keep(it)
	return it
}

// adopt makes a delivery that was read from disk by itself the head of its key, if
// it is that, so that the key continues after its end.
func adopt(l *Lane, it *Item) error {
	if it.Delivery.Key == "" {
		return nil
	}
	h := journal.HashKey(it.Delivery.Key)
	k := l.order.keys[h]
	if k == nil && l.order.records > 0 {
		rec, err := l.env.Store.Key(l.ID, h)
		if errors.Is(err, journal.ErrNotFound) || err == nil && (key{rec.Seq, rec.N}) != it.key() {
			return nil
		}
		if err != nil {
			return err
		}
		k = l.order.recordedKey(&rec)
		k.blocked, k.by = true, it.key()
	}
	if k != nil && k.waitsFor(it) {
		k.begin(it)
	}
	return nil
}

// withdrawRecalled returns what was recalled during a read.
func withdrawRecalled(l *Lane) (back []*Item) {
	for _, d := range l.recalls {
		if it := withdraw(l, d); it != nil {
			back = append(back, it)
		}
	}
	clear(l.recalls)
	return back
}

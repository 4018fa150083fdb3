package queue

import (
	"errors"

	"go.uber.org/zap"

	"signalbox/journal"
)

// Recall takes a redriven delivery out of the queue where it is not under way; nil
// where it is, or has moved on. A read under way may have found it, and is awaited:
// the lane is told with PutBack then.
func (q *Queue) Recall(d journal.Delivery) *Item {
	if q.window.reading {
		q.recalls[key{d.Seq, d.N}] = d
		return nil
	}
	return q.withdraw(d)
}

// withdraw returns a delivery that nobody else has: it is taken from the queue, or
// read from disk and kept, so that no reader brings it in.
func (q *Queue) withdraw(d journal.Delivery) *Item {
	if it := q.window.all[key{d.Seq, d.N}]; it != nil {
		for range q.window.takeIf(func(queued *Item) bool { return queued == it }) {
			return it
		}
		return nil
	}
	found, err := q.lane.Store.Find(d)
	if errors.Is(err, journal.ErrNotFound) || err == nil && !found.Delivery.Redriven() {
		return nil
	}
	var it *Item
	if err == nil {
		it, err = readItem(found.Delivery, found.Record)
	}
	if err == nil {
		err = q.adopt(it)
	}
	if err != nil {
		q.lane.Log.Error("delivery can't be read to be put back; it is tried again", zap.String("target", q.lane.Name), zap.Error(err))
		return nil
	}
	q.window.keep(it)
	return it
}

// adopt makes a delivery that was read from disk by itself the head of its key, if
// it is that, so that the key continues after its end.
func (q *Queue) adopt(it *Item) error {
	if it.Delivery.Key == "" {
		return nil
	}
	h := journal.HashKey(it.Delivery.Key)
	k := q.order.keys[h]
	if k == nil && q.order.records > 0 {
		rec, err := q.lane.Store.Key(q.lane.ID, h)
		if errors.Is(err, journal.ErrNotFound) || err == nil && (key{rec.Seq, rec.N}) != it.key() {
			return nil
		}
		if err != nil {
			return err
		}
		k = q.order.recordedKey(&rec)
		k.blocked, k.by = true, it.key()
	}
	if k != nil && k.waitsFor(it) {
		k.begin(it)
	}
	return nil
}

// withdrawRecalled returns what was recalled during a read.
func (q *Queue) withdrawRecalled() (back []*Item) {
	for _, d := range q.recalls {
		if it := q.withdraw(d); it != nil {
			back = append(back, it)
		}
	}
	clear(q.recalls)
	return back
}

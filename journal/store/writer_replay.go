package store

import (
	"fmt"

	"signalbox/journal"
)

// plan writes deliveries of past events. The events that retention has dropped are put back, to
// go again with the next trim after their deliveries have ended.
func (w *writer) plan(past []journal.Past) error {
	oldest, back := w.j.Seqs.Oldest(), journal.Seq(0)
	for i := range past {
		p := &past[i]
		if p.Delivery.State == journal.Dead {
			if err := w.makePlace(&p.Delivery); err != nil {
				return err
			}
		} else if (p.Delivery.Seq < oldest || p.Record.Archived) && p.Delivery.Seq != back {
			back = p.Delivery.Seq
			w.value = p.Record.AppendValue(w.value[:0])
			if err := w.set(journal.EventKey(p.Delivery.Seq), w.value); err != nil {
				return err
			}
		}
		if err := w.planned(&p.Delivery, p.Record); err != nil {
			return err
		}
	}
	return nil
}

// makePlace gives a delivery of a replay that dies a number that no dead letter of its event
// has: an earlier replay may have used it, whose dead letter must not be lost.
func (w *writer) makePlace(d *journal.Delivery) error {
	if d == nil || d.State != journal.Dead || d.Replay == nil || d.N < journal.FirstReplayed {
		return nil
	}
	for ; ; d.N++ {
		w.key = d.AppendKey(w.key[:0])
		if w.dead[string(w.key)] {
			continue
		}
		there, err := journal.Has(w.j.db, w.key)
		if err != nil {
			return err
		}
		if !there {
			break
		}
	}
	if w.dead == nil {
		w.dead = map[string]bool{}
	}
	w.dead[string(w.key)] = true
	return nil
}

// endLane ends a lane, if there is one to end.
func (w *writer) endLane(end *journal.LaneEnd) error {
	if end == nil {
		return nil
	}
	c := w.lane(end.ID)
	if left := c.Pending() + c.Dead + c.BlockedKeys; left > 0 {
		return fmt.Errorf("lane %q can't end: %d deliveries are left", end.Name, left)
	}
	into := w.lane(end.Into)
	into.Add(c)
	w.changed[end.Into] = into
	w.ended = append(w.ended, end.ID)
	if err := w.delete(journal.CountKey(end.ID)); err != nil {
		return err
	}
	return w.delete(journal.LaneKey(end.Name))
}

package dlq

import (
	"errors"
	"fmt"

	"signalbox/journal"
)

// A letter whose order key another letter has stopped can't be sent before that
// one. It is skipped, or called back where it is on its way already, so that no
// redrive waits for what it may itself have to send later.

// keyStops gives a *Skip if a letter's order key is stopped by another one that
// does not leave the queue before it.
func (q *Queue) keyStops(lane journal.LaneID, d *journal.Delivery, before []journal.Move) error {
	head, err := q.stoppedBy(lane, d)
	if err != nil || head == nil {
		return err
	}
	for i := range before {
		if placeOf(&before[i].From) == (place{head.Seq, head.N}) {
			return nil
		}
	}
	return &Skip{SkipKeyStopped, fmt.Sprintf("its order key %q is stopped by the dead letter %s: redrive or purge that first, or resume the key", head.Key, head.Head)}
}

// stoppedBy gives the record of a delivery's order key if another letter has
// stopped it, and else nil.
func (q *Queue) stoppedBy(lane journal.LaneID, d *journal.Delivery) (*journal.KeyRecord, error) {
	if d.Key == "" {
		return nil, nil
	}
	rec, err := q.journal.Key(lane, journal.HashKey(d.Key))
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err != nil || rec.State != journal.KeyStopped || (place{rec.Seq, rec.N}) == placeOf(d) {
		return nil, err
	}
	return &rec, nil
}

// parked are the letters on their way that wait behind others of their order key.
// They hold up no others, and do not count for the window.
func (p *part) parked() (all []journal.Delivery) {
	for _, d := range p.flying {
		if d.State == journal.Parked {
			all = append(all, d)
		}
	}
	return all
}

// callStuck calls back what is parked behind a letter that has stopped their key.
func (q *Queue) callStuck(p *part) error {
	q.mu.Lock()
	parked := p.parked()
	q.mu.Unlock()
	for i := range parked {
		d := &parked[i]
		err := q.keyStops(d.Lane, d, nil)
		var skip *Skip
		if errors.As(err, &skip) {
			err = q.callBack(p, d, skip)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// callBack calls a letter back, to be counted as skipped once it rests again.
func (q *Queue) callBack(p *part, d *journal.Delivery, why *Skip) error {
	found, err := q.journal.Find(*d)
	if errors.Is(err, journal.ErrNotFound) {
		return nil // it has moved on
	}
	if err != nil {
		return err
	}
	l, err := q.letter(found)
	if err != nil {
		return err
	}
	q.mu.Lock()
	p.stuck[placeOf(d)] = SkippedLetter{ID: l.ID, Skip: *why}
	q.mu.Unlock()
	q.router.Recall(*d)
	return nil
}

package dlq

import (
	"errors"
	"fmt"

	"signalbox/journal"
)

// A dead letter whose ordering key another one has stopped can't be sent before that
// one. It is skipped, or called back where it is on its way already, so that no
// redrive waits for what it may itself have to send later.

// keyStops returns a *Skip if a dead letter's ordering key is stopped by another one
// that does not leave the queue before it.
func (s *sender) keyStops(lane journal.LaneID, d *journal.Delivery, before []journal.Move) error {
	if d.Key == "" {
		return nil
	}
	head, err := s.journal.Keys.Key(lane, journal.HashKey(d.Key))
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	at := place{head.Seq, head.N}
	if err != nil || head.State != journal.KeyStopped || at == placeOf(d) {
		return err
	}
	for i := range before {
		if placeOf(&before[i].From) == at {
			return nil
		}
	}
	return &Skip{SkipKeyStopped, fmt.Sprintf("its ordering key %q is stopped by the dead letter %s: redrive or purge that first, or resume the key", head.Key, head.Head)}
}

// callStuck calls back what is parked behind a dead letter that has stopped its key.
func (s *sender) callStuck() error {
	var parked []journal.Delivery
	s.Locked(func() { parked = s.p.parked() })
	for i := range parked {
		d := &parked[i]
		err := s.keyStops(d.Lane, d, nil)
		var skip *Skip
		if errors.As(err, &skip) {
			err = s.callBack(d, skip)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// callBack calls a delivery back, to be counted as skipped once it is in the queue
// again.
func (s *sender) callBack(d *journal.Delivery, why *Skip) error {
	found, err := s.journal.Deliveries.Find(*d)
	if errors.Is(err, journal.ErrNotFound) {
		return nil // it has moved on
	}
	if err != nil {
		return err
	}
	l, err := s.letter(found)
	if err != nil {
		return err
	}
	s.Locked(func() { s.p.stuck[placeOf(d)] = SkippedLetter{ID: l.ID, Skip: *why} })
	s.opts.Lanes.Recall(*d)
	return nil
}

package dlq

import (
	"errors"
	"fmt"

	"signalbox/journal"
)

// recover finds out what has become of the letters that were on their way when
// the last run ended. It is called before the lanes begin.
func (q *Redrives) recover(j *job, parts map[string]storedPart) error {
	for name, s := range parts {
		p := j.parts[name]
		if p == nil {
			return fmt.Errorf("redrive %s: target %q: its part is missing", j.ID, name)
		}
		var lost []place
		for _, at := range s.Flying {
			found, err := q.find(j, p, at)
			if err != nil {
				return fmt.Errorf("redrive %s: %w", j.ID, err)
			}
			if !found {
				lost = append(lost, at)
			}
		}
		if err := q.findWaiting(p, lost); err != nil {
			return fmt.Errorf("redrive %s: %w", j.ID, err)
		}
	}
	return nil
}

// find looks for a letter in the queue and among what is ready.
func (q *Redrives) find(j *job, p *part, at place) (bool, error) {
	d := journal.Delivery{Seq: at.Seq, N: at.N, Lane: q.journal.Lanes.All()[p.Target]}
	for _, d.State = range [...]journal.State{journal.Dead, journal.Ready} {
		found, err := q.journal.Deliveries.Find(d)
		if errors.Is(err, journal.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		switch {
		case d.State == journal.Ready && found.Delivery.RedriveJob() == j.ID:
			p.flying[at] = bare(&found.Delivery)
		case j.died(&found.Delivery):
			p.DiedAgain++
		}
		return true, nil
	}
	return false, nil
}

// died reports whether a letter died again since the job last began.
func (j *job) died(d *journal.Delivery) bool {
	if d.RedriveJob() != j.ID {
		return false
	}
	return !d.Lineage.Redrives[len(d.Lineage.Redrives)-1].At.Before(*j.began())
}

// findWaiting looks for letters among those that wait for their next attempt, or
// behind another of their ordering key. What is nowhere has reached its target.
func (q *Redrives) findWaiting(p *part, lost []place) error {
	if len(lost) == 0 {
		return nil
	}
	wanted := make(map[place]bool, len(lost))
	for _, at := range lost {
		wanted[at] = true
	}
	lane := q.journal.Lanes.All()[p.Target]
	var there []journal.Delivery
	look := func(d journal.Delivery) bool {
		if at := placeOf(&d); wanted[at] {
			there = append(there, d)
			delete(wanted, at)
		}
		return len(wanted) > 0
	}
	err := q.journal.Deliveries.WaitingPlaces(lane, look)
	if err == nil && len(wanted) > 0 {
		err = q.journal.Keys.ParkedPlaces(lane, look)
	}
	p.Delivered += len(wanted)
	for _, d := range there {
		p.flying[placeOf(&d)] = d
	}
	return err
}

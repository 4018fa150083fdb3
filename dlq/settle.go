package dlq

import (
	"fmt"
	"time"

	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/targets"
)

// Failed is told of a failed attempt at a redriven delivery, before its next state
// is settled, and reports whether to give it up at once: its redrive stops.
func (q *Redrives) Failed(d *journal.Delivery, failure *targets.Error) (giveUp bool) {
	q.Lock()
	defer q.Unlock()
	p := q.partOf(d)
	if p == nil {
		return true
	}
	p.Failures++
	p.FailuresInARow++
	p.Window = max(1, p.Window/2)
	p.failure = failure.Code + ": " + clip(failure.Error())
	if n := p.FailuresInARow; n >= p.job.StopAfter {
		p.end(jobs.Stopped, fmt.Sprintf("%d attempts in a row failed, the last with %s", n, p.failure))
	}
	return p.Ending != ""
}

// maxReason bounds a failure's text in the reason of a stop, in bytes.
const maxReason = 300

func clip(text string) string {
	if len(text) > maxReason {
		return text[:maxReason] + "…"
	}
	return text
}

// Redriving reports whether a redriven delivery is to be attempted: its redrive runs.
func (q *Redrives) Redriving(d *journal.Delivery) bool {
	q.Lock()
	defer q.Unlock()
	p := q.partOf(d)
	return p != nil && p.Ending == ""
}

// Settled is told of a redriven delivery's next state, or its end, once that can be
// seen on disk.
func (q *Redrives) Settled(from journal.Delivery, to *journal.Delivery, end journal.End) {
	q.Lock()
	defer q.Unlock()
	p := q.partOf(&from)
	if p == nil {
		return
	}
	defer p.signal()
	if to != nil && (to.State == journal.Waiting || to.State == journal.Parked) {
		p.flying[placeOf(to)] = bare(to)
		return
	}
	delete(p.flying, placeOf(&from))
	stuck, called := p.stuck[placeOf(&from)]
	delete(p.stuck, placeOf(&from))
	switch {
	case to != nil && to.Lineage != nil && to.Lineage.Count == from.Lineage.Count:
		p.DiedAgain++
	case to != nil && called && p.Ending == "":
		p.skip(stuck)
	case to != nil: // put back as it was
	case end == journal.Dropped || end == journal.Logged:
		p.Dropped++
	default:
		p.Delivered++
		p.FailuresInARow = 0
		p.Window = min(maxWindow, p.Window+1)
	}
}

// partOf finds the part that sent a delivery which is on its way; nil if there is
// none, or it does not run.
func (q *Redrives) partOf(d *journal.Delivery) *part {
	j, err := q.Find(d.RedriveJob())
	if err != nil || j.State != jobs.Running {
		return nil
	}
	at := placeOf(d)
	for _, p := range j.parts {
		if _, ok := p.flying[at]; ok {
			return p
		}
	}
	return nil
}

// Returned returns a redriven delivery as it is put back without having reached its
// target: one that was not attempted as the dead letter that it was, another as one
// that died again of its latest failure.
func (q *Redrives) Returned(d journal.Delivery) journal.Delivery {
	out := d.Lineage.Out
	attempted := d.Attempts > d.Spent
	d.Restore()
	d.State, d.Due = journal.Dead, time.Time{}
	if !attempted {
		d.Lane, d.Spent, d.Since, d.Lineage = out.Lane, out.Spent, out.Since, d.Lineage.Undone()
		return d
	}
	d.Lineage = d.Lineage.Ended()
	death := journal.Death{}
	if d.Death != nil {
		death = *d.Death
	}
	last := d.History[len(d.History)-1]
	death.At, death.Code, death.Message, death.Status = time.Now().UTC(), last.Code, last.Message, last.Status
	death.Condition, death.Snippet = "", ""
	d.Death = &death
	return d
}

// DiedAgain closes the round of a delivery that goes back to the queue: it is
// again to be sent what was fixed when it was planned.
func (q *Redrives) DiedAgain(d *journal.Delivery) {
	if d.Redriven() {
		d.Restore()
		d.Lineage = d.Lineage.Ended()
	}
}

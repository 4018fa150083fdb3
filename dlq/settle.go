package dlq

import (
	"fmt"

	"signalbox/journal"
	"signalbox/targets"
)

// Failed tells of a failed attempt at a redriven delivery, before its next state
// is settled, and says whether to give it up at once: its redrive stops.
func (q *Queue) Failed(d *journal.Delivery, failure *targets.Error) (giveUp bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.partOf(d)
	if p == nil {
		return true
	}
	p.Failures++
	p.FailuresInARow++
	p.Window = max(1, p.Window/2)
	p.failure = failure.Code + ": " + clip(failure.Error())
	if n := p.FailuresInARow; n >= p.job.StopAfter {
		p.end(Stopped, fmt.Sprintf("%d attempts in a row failed, the last with %s", n, p.failure))
	}
	return p.ending != ""
}

// maxReason bounds a failure's text in the reason of a stop, in bytes.
const maxReason = 300

func clip(text string) string {
	if len(text) > maxReason {
		return text[:maxReason] + "…"
	}
	return text
}

// Redriving says whether a redriven delivery is to be attempted: its redrive runs.
func (q *Queue) Redriving(d *journal.Delivery) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.partOf(d)
	return p != nil && p.ending == ""
}

// Settled tells of a redriven delivery's next state, or its end, once that can be
// seen on disk.
func (q *Queue) Settled(from journal.Delivery, to *journal.Delivery, end journal.End) {
	q.mu.Lock()
	defer q.mu.Unlock()
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
	case to != nil && called && p.ending == "":
		p.skip(stuck)
	case to != nil: // put back as it was
	case end == journal.Dropped:
		p.Dropped++
	default:
		p.Delivered++
		p.FailuresInARow = 0
		p.Window = min(maxWindow, p.Window+1)
	}
}

// partOf finds the part that sent a delivery which is on its way; nil if there is
// none, or it does not run.
func (q *Queue) partOf(d *journal.Delivery) *part {
	j := q.jobs[d.RedriveJob()]
	if j == nil || j.State != Running {
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

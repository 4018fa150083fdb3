package router

import (
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
)

// seqsOf are the places of events that have been taken in, now or before.
func (r *Router) seqsOf(evs []*event.Event) []journal.Seq {
	var seqs []journal.Seq
	for _, e := range evs {
		if e.Duplicate {
			if first, err := r.Traces.Event(e.ID); err == nil {
				seqs = append(seqs, first.Seq)
			}
			continue
		}
		if !e.Meta.Received.IsZero() {
			seqs = append(seqs, journal.SeqAt(e.Meta.Received))
		}
	}
	return seqs
}

// answered notes what came of an attempt.
func (l *lane) answered(it *item, d *targets.Delivery, start time.Time) {
	it.answered = journal.Answered{At: start, Took: time.Since(start), Status: d.Status}
	if d.Taken != nil {
		it.answered.Derived = l.r.seqsOf(d.Taken)
	}
}

package router

import (
	"signalbox/event"
	"signalbox/journal"
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

package router

import (
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/targets"
)

// traced adds to an event's entry what a trace will show of it besides its
// deliveries.
func (p *plan) traced(e *journal.Entry, set *rules.Set) {
	m := &p.event.Meta
	e.Story = journal.Story{Correlation: m.CorrelationID, Causation: m.CausationID}
	for _, bus := range set.Way(m.Bus, p.matched)[1:] {
		e.Said = append(e.Said, journal.Said{Bus: bus}) // a bus that the event has bubbled to
	}
	for _, x := range p.matched {
		said := journal.Said{Rule: x.Rule.Name, State: string(x.Rule.State)}
		if x.Rule.Bus != m.Bus {
			said.Bus = x.Rule.Bus
		}
		switch {
		case x.Err != nil:
			said.Error = x.Err.Error()
		case x.Rule.State != rules.Shadow && len(x.Rule.Targets) > 0:
			continue // its deliveries tell
		}
		e.Said = append(e.Said, said)
	}
}

// seqsOf are the places of events that have been taken in, now or before.
func (r *Router) seqsOf(evs []*event.Event) []journal.Seq {
	var seqs []journal.Seq
	for _, e := range evs {
		if e.Duplicate {
			if first, err := r.Event(e.ID); err == nil {
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

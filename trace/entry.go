package trace

import (
	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
)

// Describe adds to an event's entry what a trace will show of it besides its
// deliveries.
func Describe(entry *journal.Entry, e *event.Event, set *rules.Set, matched []rules.Matched) {
	m := &e.Meta
	entry.Story = journal.Story{Correlation: m.CorrelationID, Causation: m.CausationID}
	if len(set.Above(m.Bus)) > 0 {
		for _, bus := range set.Way(m.Bus, matched)[1:] {
			entry.Said = append(entry.Said, journal.Said{Bus: bus}) // a bus that the event has bubbled to
		}
	}
	for _, x := range matched {
		v := journal.Said{Rule: x.Rule.Name, State: string(x.Rule.State)}
		if x.Rule.Bus != m.Bus {
			v.Bus = x.Rule.Bus
		}
		switch {
		case x.Err != nil:
			v.Error = x.Err.Error()
		case x.Rule.State != rules.Shadow && len(x.Rule.Targets) > 0:
			continue // its deliveries tell
		}
		entry.Said = append(entry.Said, v)
	}
}

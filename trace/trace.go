// Package trace reads the events that are kept and shows what came of them: their
// deliveries, and the events that these led to.
package trace

import (
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// Trace is what came of an event, or of all events with one correlation id.
type Trace struct {
	// ID is what was asked for. Correlation says that it is a correlation id.
	ID          string `json:"id"`
	Correlation bool   `json:"correlation,omitempty"`
	// Events counts those shown. Truncated says that there are more: Known is how
	// many the index has, where the trace is one of a correlation id.
	Events    int  `json:"events"`
	Truncated bool `json:"truncated,omitempty"`
	Known     int  `json:"known,omitempty"`
	// Notes say what may be missing, and why.
	Notes []string `json:"notes,omitempty"`
	// Roots are the events that no other one shown led to, the oldest first, and
	// those which a tree would have shown deeper than it goes.
	Roots []*Event `json:"roots"`
}

// Event is one event of a trace, and what came of it.
type Event struct {
	ID            string    `json:"id"`
	DetailType    string    `json:"detail_type"`
	Source        string    `json:"source"`
	Bus           string    `json:"bus"`
	Received      time.Time `json:"received"`
	Format        string    `json:"format,omitempty"`
	Synthetic     bool      `json:"synthetic,omitempty"`
	CorrelationID string    `json:"correlation_id,omitempty"`
	CausationID   string    `json:"causation_id,omitempty"`
	Hops          int       `json:"hops,omitempty"`
	// Path is how the event came to be, where others led to it.
	Path []event.Hop `json:"path,omitempty"`
	// Buses are those whose rules saw the event, where it bubbled.
	Buses []string `json:"buses,omitempty"`
	// Evaluations are of the rules that matched and led to no delivery: those in
	// state shadow, those without targets, those whose condition failed.
	Evaluations []journal.Said `json:"evaluations,omitempty"`
	Deliveries  []*Delivery    `json:"deliveries"`
	// Derived are events that name this one as their cause, and of which no
	// delivery shown tells.
	Derived []*Event `json:"derived,omitempty"`
	// Elsewhere means that the event is shown at another place of the trace.
	Elsewhere bool `json:"elsewhere,omitempty"`

	seq journal.Seq
}

// Delivery is one delivery of a traced event.
type Delivery struct {
	ID         string `json:"id"`
	Rule       string `json:"rule"`
	Bus        string `json:"bus"`
	RuleTarget string `json:"rule_target"`
	Target     string `json:"target"`
	// State is ready, waiting, dead, delivered or dropped.
	State    journal.TouchState `json:"state"`
	Attempts int                `json:"attempts"`
	// Status, At and TookMS are of the attempt that delivered: the HTTP status of
	// its answer, when it began, and how long it took in milliseconds.
	Status int       `json:"status,omitempty"`
	At     time.Time `json:"at,omitzero"`
	TookMS float64   `json:"took_ms,omitempty"`
	// Due is when a waiting delivery is attempted again.
	Due time.Time `json:"due,omitzero"`
	// History holds the attempts that failed: the first, and the latest ones.
	History []journal.Attempt `json:"history,omitempty"`
	// Redriven are the times at which it left the dead-letter queue again.
	Redriven []time.Time    `json:"redriven,omitempty"`
	Death    *journal.Death `json:"death,omitempty"`
	// Replay is the name of the replay that planned it; empty for none.
	Replay string `json:"replay,omitempty"`
	// ForwardOf is the id of the dead letter that it brings to the target that its rule names for them.
	ForwardOf string `json:"forward_of,omitempty"`
	// Derived are the events that the delivery led to.
	Derived []*Event `json:"derived,omitempty"`
}

// The bounds of a trace, in events.
const (
	DefaultEvents = 1000
	MaxEvents     = 10_000
)

// maxDepth is how many events lead from one to the next in one tree; what
// follows is a tree of its own. A trace in JSON nests four levels an event, and
// common readers of JSON take 256.
const maxDepth = 50

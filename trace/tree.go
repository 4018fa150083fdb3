package trace

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"signalbox/journal"
)

// tree builds one trace.
type tree struct {
	r     *Reader
	trace *Trace
	limit int
	shown map[journal.Seq]*Event
	// read holds the events that have been read, without what they carry.
	read map[journal.Seq]*Stored
	// depth is how many events the one that is looked at has above it; deep are
	// those that had too many.
	depth int
	deep  []journal.Seq
}

func (r *Reader) newTree(id string, limit int) *tree {
	if limit <= 0 {
		limit = DefaultEvents
	}
	return &tree{
		r: r, trace: &Trace{ID: id, Roots: []*Event{}}, limit: min(limit, MaxEvents),
		shown: map[journal.Seq]*Event{}, read: map[journal.Seq]*Stored{},
	}
}

func (t *tree) full() bool { return len(t.shown) >= t.limit }

// stored reads an event once.
func (t *tree) stored(s journal.Seq) (*Stored, error) {
	if e, ok := t.read[s]; ok {
		return e, nil
	}
	rec, err := t.r.journal.Events.Event(s)
	if err != nil {
		return nil, err
	}
	e, err := stored(rec)
	if err != nil {
		return nil, err
	}
	e.Event, e.Parsed.Detail, e.Parsed.Meta.Extensions = nil, nil, nil // may be large, and a trace shows none of it
	t.read[s] = e
	return e, nil
}

// belongs reports whether an event is there and has a correlation id, or is the
// event with that id.
func (t *tree) belongs(s journal.Seq, correlation string) bool {
	e, err := t.stored(s)
	return err == nil && (e.ID == correlation || e.Parsed.Meta.CorrelationID == correlation)
}

// root adds a tree, and those that it was not deep enough for.
func (t *tree) root(s journal.Seq) error {
	t.deep = append(t.deep, s)
	for len(t.deep) > 0 && !t.full() {
		s := t.deep[0]
		if t.deep = t.deep[1:]; t.shown[s] != nil {
			continue
		}
		root, err := t.event(s)
		if err != nil {
			return err
		}
		t.trace.Roots = append(t.trace.Roots, root)
	}
	t.deep = slices.DeleteFunc(t.deep, func(s journal.Seq) bool { return t.shown[s] != nil })
	t.trace.Truncated = t.trace.Truncated || len(t.deep) > 0
	return nil
}

// event adds an event with all that came of it, unless it is shown already, or
// stands too deep and will be a root.
func (t *tree) event(s journal.Seq) (*Event, error) {
	e, err := t.stored(s)
	if err != nil {
		return nil, err
	}
	shown := eventOf(e)
	if _, again := t.shown[s]; again {
		shown.Elsewhere = true
		return shown, nil
	}
	if t.depth >= maxDepth {
		t.deep, shown.Elsewhere = append(t.deep, s), true
		return shown, nil
	}
	t.shown[s] = shown
	t.depth++
	defer func() { t.depth-- }()
	records, evaluations, err := t.r.journal.Traces.Touches(s)
	if err != nil {
		return nil, err
	}
	for _, s := range evaluations {
		if s.Rule == "" {
			shown.Buses = append(shown.Buses, s.Bus)
			continue
		}
		shown.Evaluations = append(shown.Evaluations, s)
	}
	for i := range records {
		d, err := t.delivery(shown, &records[i])
		if err != nil {
			return nil, err
		}
		shown.Deliveries = append(shown.Deliveries, d)
	}
	return shown, t.caused(shown)
}

// eventOf returns an event without what came of it.
func eventOf(e *Stored) *Event {
	m := &e.Parsed.Meta
	return &Event{
		ID: e.ID, DetailType: e.Parsed.DetailType, Source: e.Parsed.Source, Bus: m.Bus, Received: m.Received, Format: m.Format,
		Synthetic: m.Synthetic, CorrelationID: m.CorrelationID, CausationID: m.CausationID, Hops: m.Hops, Path: m.Path,
		Deliveries: []*Delivery{}, seq: e.Seq,
	}
}

// delivery shows one delivery, with the events that it led to.
func (t *tree) delivery(e *Event, rec *journal.Touch) (*Delivery, error) {
	d := &rec.Delivery
	bus := cmp.Or(d.Bus, e.Bus)
	shown := &Delivery{
		ID: d.ID(bus), Rule: d.Rule, Bus: bus, RuleTarget: d.RuleTarget,
		Target: t.r.target(d.Lane), State: rec.State, Attempts: d.Attempts,
		Status: rec.Status, At: rec.At, TookMS: float64(rec.Took.Microseconds()) / 1000,
		History: d.History, Redriven: rec.Redriven, Death: d.Death, Replay: d.ReplayName(),
	}
	if d.Forward != nil {
		shown.ForwardOf = d.Forward.Of
	}
	if rec.State == journal.TouchWaiting {
		shown.Due = d.Due
	}
	if rec.State != journal.TouchDelivered { // the attempt is in the history
		shown.Status, shown.At, shown.TookMS = 0, time.Time{}, 0
	}
	for _, s := range rec.Derived {
		next, err := t.next(s)
		if err != nil {
			return nil, err
		}
		if next != nil {
			shown.Derived = append(shown.Derived, next)
		}
	}
	return shown, nil
}

// next is event for one that another led to: nil where it is gone, or where the
// trace is full.
func (t *tree) next(s journal.Seq) (*Event, error) {
	if t.full() {
		t.trace.Truncated = true
		return nil, nil
	}
	e, err := t.event(s)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	return e, err
}

// caused adds the events that name this one as their cause and are not shown yet.
func (t *tree) caused(e *Event) error {
	var seqs []journal.Seq
	if err := t.r.journal.Events.Caused(e.ID, e.seq+1, func(s journal.Seq) bool {
		seqs = append(seqs, s)
		return len(seqs) <= t.limit
	}); err != nil {
		return err
	}
	for _, s := range seqs {
		if _, again := t.shown[s]; again {
			continue
		}
		if cause, err := t.stored(s); err != nil || cause.Parsed.Meta.CausationID != e.ID {
			continue // gone, or of another id with this hash
		}
		next, err := t.next(s)
		if err != nil {
			return err
		}
		if next == nil {
			return nil
		}
		e.Derived = append(e.Derived, next)
	}
	return nil
}

// ofKnown counts the events shown, of how many if that is known.
func (t *tree) ofKnown() string {
	if t.trace.Known > t.trace.Events {
		return fmt.Sprintf("%d of %d events", t.trace.Events, t.trace.Known)
	}
	return fmt.Sprintf("%d events", t.trace.Events)
}

func (t *tree) toSeeMore() string {
	if t.limit >= MaxEvents {
		return "a trace shows no more; ask for the trace of one of the events that are not among them"
	}
	return fmt.Sprintf("ask for more with a limit of up to %d, or for the trace of one event", MaxEvents)
}

// done counts, and notes what may be missing. oldest is the first event shown.
func (t *tree) done(oldest journal.Seq) (*Trace, error) {
	trace := t.trace
	trace.Events = len(t.shown)
	trace.Truncated = trace.Truncated || trace.Known > trace.Events && trace.Events >= t.limit
	if !t.r.journal.Traces.Kept() {
		trace.Notes = append(trace.Notes, "traces are off (trace: off): deliveries that have ended, and how rules evaluated, are not shown")
	}
	if trace.Truncated {
		trace.Notes = append(trace.Notes, fmt.Sprintf("only the first %s are shown: %s", t.ofKnown(), t.toSeeMore()))
	}
	if e := t.shown[oldest]; e != nil && e.CausationID != "" {
		if _, err := t.r.Event(e.CausationID); errors.Is(err, journal.ErrNotFound) {
			trace.Notes = append(trace.Notes, fmt.Sprintf(
				"the event that caused %s (%s) is not kept: retention has dropped it, or it never came here; what is kept begins at %s",
				e.ID, e.CausationID, t.r.journal.Seqs.Oldest().Time().Format(time.RFC3339)))
		}
	}
	return trace, nil
}

package router

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"signalbox/event"
	"signalbox/journal"
)

// Trace is the story of an event, or of all events with one correlation id.
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
	Roots []*TracedEvent `json:"roots"`
}

// TracedEvent is one event of a trace, and what came of it.
type TracedEvent struct {
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
	// Said is what rules said whose word led to no delivery: those in state
	// shadow, those without targets, those whose condition failed.
	Said       []journal.Said    `json:"said,omitempty"`
	Deliveries []*TracedDelivery `json:"deliveries"`
	// Derived are events that name this one as their cause, and of which no
	// delivery shown tells.
	Derived []*TracedEvent `json:"derived,omitempty"`
	// Elsewhere says that the event is shown at another place of the trace.
	Elsewhere bool `json:"elsewhere,omitempty"`

	seq journal.Seq
}

// TracedDelivery is one delivery of a traced event.
type TracedDelivery struct {
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
	// Derived are the events that the delivery led to.
	Derived []*TracedEvent `json:"derived,omitempty"`
}

// The bounds of a trace, in events.
const (
	DefaultTraceEvents = 1000
	MaxTraceEvents     = 10_000
)

// maxTraceDepth is how many events lead from one to the next in one tree; what
// follows is a tree of its own. A trace in JSON nests four levels an event, and
// common readers of JSON take 256.
const maxTraceDepth = 50

// TraceEvent gives the trace of an event and of all that came of it, with at
// most limit events; or journal.ErrNotFound.
func (r *Router) TraceEvent(id string, limit int) (*Trace, error) {
	e, err := r.Event(id)
	if err != nil {
		return nil, err
	}
	first, err := r.before(e)
	if err != nil {
		return nil, err
	}
	t := r.newTracer(id, limit)
	if err := t.root(first); err != nil {
		return nil, err
	}
	return t.done(first)
}

// before goes back to where an event was first taken in: bus targets put it on
// other buses under the same id.
func (r *Router) before(e *StoredEvent) (journal.Seq, error) {
	for {
		path := e.Parsed.Meta.Path
		if len(path) == 0 || path[len(path)-1].EventID != e.ID {
			return e.Seq, nil
		}
		rec, err := r.journal.EventByGivenIDBefore(e.ID, e.Seq)
		if errors.Is(err, journal.ErrNotFound) {
			return e.Seq, nil
		}
		if err != nil {
			return 0, err
		}
		if e, err = stored(rec); err != nil {
			return 0, err
		}
	}
}

// TraceCorrelation gives the trace of all events with a correlation id, and of
// the event with this id if there is one; or journal.ErrNotFound.
func (r *Router) TraceCorrelation(id string, limit int) (*Trace, error) {
	t := r.newTracer(id, limit)
	t.trace.Correlation = true
	seqs, err := r.correlated(id, t)
	if err != nil {
		return nil, err
	}
	if len(seqs) == 0 {
		return nil, fmt.Errorf("event or correlation id %q: %w", id, journal.ErrNotFound)
	}
	for _, s := range seqs {
		if t.full() {
			break
		}
		if _, shown := t.shown[s]; shown {
			continue
		}
		if err := t.root(s); err != nil {
			return nil, err
		}
	}
	return t.done(seqs[0])
}

// correlated gives the first events with a correlation id, in the order of their
// acceptance, and counts the rest.
func (r *Router) correlated(id string, t *tracer) (seqs []journal.Seq, err error) {
	if e, err := r.Event(id); err == nil {
		seqs = append(seqs, e.Seq)
	}
	known := len(seqs)
	err = r.journal.Correlated(id, 0, func(s journal.Seq) bool {
		if slices.Contains(seqs[:min(1, len(seqs))], s) {
			return true
		}
		if known++; len(seqs) < t.limit {
			seqs = append(seqs, s)
		}
		return known < maxCounted
	})
	slices.Sort(seqs)
	t.trace.Known = known
	return slices.DeleteFunc(seqs, func(s journal.Seq) bool { return !t.belongs(s, id) }), err
}

// maxCounted bounds the events of a story that are counted.
const maxCounted = 1_000_000

// tracer builds one trace.
type tracer struct {
	r     *Router
	trace *Trace
	limit int
	shown map[journal.Seq]*TracedEvent
	// read holds the events that have been read, without what they carry.
	read map[journal.Seq]*StoredEvent
	// depth is how many events the one that is looked at has above it; deep are
	// those that had too many.
	depth int
	deep  []journal.Seq
}

func (r *Router) newTracer(id string, limit int) *tracer {
	if limit <= 0 {
		limit = DefaultTraceEvents
	}
	return &tracer{
		r: r, trace: &Trace{ID: id, Roots: []*TracedEvent{}}, limit: min(limit, MaxTraceEvents),
		shown: map[journal.Seq]*TracedEvent{}, read: map[journal.Seq]*StoredEvent{},
	}
}

func (t *tracer) full() bool { return len(t.shown) >= t.limit }

// stored reads an event once.
func (t *tracer) stored(s journal.Seq) (*StoredEvent, error) {
	if e, ok := t.read[s]; ok {
		return e, nil
	}
	rec, err := t.r.journal.Event(s)
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

// belongs says whether an event is there and has a correlation id, or is the
// event with that id.
func (t *tracer) belongs(s journal.Seq, correlation string) bool {
	e, err := t.stored(s)
	return err == nil && (e.ID == correlation || e.Parsed.Meta.CorrelationID == correlation)
}

// root adds a tree, and those that it was not deep enough for.
func (t *tracer) root(s journal.Seq) error {
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
func (t *tracer) event(s journal.Seq) (*TracedEvent, error) {
	e, err := t.stored(s)
	if err != nil {
		return nil, err
	}
	m := &e.Parsed.Meta
	shown := &TracedEvent{
		ID: e.ID, DetailType: e.Parsed.DetailType, Source: e.Parsed.Source, Bus: m.Bus, Received: m.Received, Format: m.Format,
		Synthetic: m.Synthetic, CorrelationID: m.CorrelationID, CausationID: m.CausationID, Hops: m.Hops, Path: m.Path,
		Deliveries: []*TracedDelivery{}, seq: s,
	}
	if _, again := t.shown[s]; again {
		shown.Elsewhere = true
		return shown, nil
	}
	if t.depth >= maxTraceDepth {
		t.deep, shown.Elsewhere = append(t.deep, s), true
		return shown, nil
	}
	t.shown[s] = shown
	t.depth++
	defer func() { t.depth-- }()
	touches, said, err := t.r.journal.Touches(s)
	if err != nil {
		return nil, err
	}
	for _, s := range said {
		if s.Rule == "" {
			shown.Buses = append(shown.Buses, s.Bus)
			continue
		}
		shown.Said = append(shown.Said, s)
	}
	for i := range touches {
		d, err := t.delivery(shown, &touches[i])
		if err != nil {
			return nil, err
		}
		shown.Deliveries = append(shown.Deliveries, d)
	}
	return shown, t.caused(shown)
}

// delivery shows one delivery, with the events that it led to.
func (t *tracer) delivery(e *TracedEvent, touch *journal.Touch) (*TracedDelivery, error) {
	d := &touch.Delivery
	bus := cmp.Or(d.Bus, e.Bus)
	shown := &TracedDelivery{
		ID: journal.DeliveryID(d.Seq, bus, d.Rule, d.RuleTarget), Rule: d.Rule, Bus: bus, RuleTarget: d.RuleTarget,
		Target: t.r.TargetName(d.Lane), State: touch.State, Attempts: d.Attempts,
		Status: touch.Status, At: touch.At, TookMS: float64(touch.Took.Microseconds()) / 1000,
		History: d.History, Redriven: touch.Redriven, Death: d.Death,
	}
	if touch.State == journal.TouchWaiting {
		shown.Due = d.Due
	}
	if touch.State != journal.TouchDelivered { // the attempt is in the history
		shown.Status, shown.At, shown.TookMS = 0, time.Time{}, 0
	}
	for _, s := range touch.Derived {
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
func (t *tracer) next(s journal.Seq) (*TracedEvent, error) {
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
func (t *tracer) caused(e *TracedEvent) error {
	var seqs []journal.Seq
	if err := t.r.journal.Caused(e.ID, e.seq+1, func(s journal.Seq) bool {
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
func (t *tracer) ofKnown() string {
	if t.trace.Known > t.trace.Events {
		return fmt.Sprintf("%d of %d events", t.trace.Events, t.trace.Known)
	}
	return fmt.Sprintf("%d events", t.trace.Events)
}

func (t *tracer) toSeeMore() string {
	if t.limit >= MaxTraceEvents {
		return "a trace shows no more; ask for the trace of one of the events that are not among them"
	}
	return fmt.Sprintf("ask for more with a limit of up to %d, or for the trace of one event", MaxTraceEvents)
}

// done counts, and notes what may be missing. oldest is the first event shown.
func (t *tracer) done(oldest journal.Seq) (*Trace, error) {
	trace := t.trace
	trace.Events = len(t.shown)
	trace.Truncated = trace.Truncated || trace.Known > trace.Events && trace.Events >= t.limit
	if !t.r.journal.KeepsTouches() {
		trace.Notes = append(trace.Notes, "traces are off (trace: off): deliveries that have ended, and what rules said, are not shown")
	}
	if trace.Truncated {
		trace.Notes = append(trace.Notes, fmt.Sprintf("only the first %s are shown: %s", t.ofKnown(), t.toSeeMore()))
	}
	if e := t.shown[oldest]; e != nil && e.CausationID != "" {
		if _, err := t.r.Event(e.CausationID); errors.Is(err, journal.ErrNotFound) {
			trace.Notes = append(trace.Notes, fmt.Sprintf(
				"the event that caused %s (%s) is not kept: retention has dropped it, or it never came here; what is kept begins at %s",
				e.ID, e.CausationID, t.r.journal.Oldest().Time().Format(time.RFC3339)))
		}
	}
	return trace, nil
}

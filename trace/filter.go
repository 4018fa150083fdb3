package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules/pattern"
	"signalbox/spelling"
)

// Outcome is what has come of an event.
type Outcome string

// The outcomes, the one that an operator looks for first.
const (
	OutcomeDead      Outcome = "dead"      // a delivery rests in the dead-letter queue
	OutcomePending   Outcome = "pending"   // none is dead, and one has not ended
	OutcomeDelivered Outcome = "delivered" // all have ended, and one was delivered
	OutcomeDropped   Outcome = "dropped"   // all were dropped
	OutcomeMatched   Outcome = "matched"   // rules matched, and none of them planned a delivery
	OutcomeUnmatched Outcome = "unmatched" // no rule matched
	OutcomeArchived  Outcome = "archived"  // only an archive has the event: what came of it is not kept
	OutcomeUnknown   Outcome = "unknown"   // deliveries that have ended are not kept: trace: off
	// OutcomeDuplicate is asked for alone: the event came more than once, whatever came of it.
	OutcomeDuplicate Outcome = "duplicate"
)

// Outcomes are all that a filter can ask for.
var Outcomes = []Outcome{OutcomeDead, OutcomePending, OutcomeDelivered, OutcomeDropped, OutcomeMatched, OutcomeUnmatched, OutcomeArchived, OutcomeDuplicate}

// BadRequest is the error of a filter that can't be right.
type BadRequest struct{ Problem string }

// Error returns the problem.
func (b *BadRequest) Error() string { return b.Problem }

// Filter chooses events; a zero field lets everything through.
type Filter struct {
	ID            string
	CorrelationID string
	Bus           string
	Source        string
	DetailType    string
	// Rule and Target are of a delivery; both must be of the same one.
	Rule   string
	Target string
	// Outcome is what has come of the event by now.
	Outcome Outcome
	// Text is somewhere in the event's envelope; upper and lower case are the same.
	Text string
	// Pattern is an event pattern.
	Pattern json.RawMessage
	// Since and Until bound when the event was accepted: [Since, Until).
	Since, Until time.Time
}

// check returns what can't be right in a filter.
func (f *Filter) check(now time.Time) error {
	switch {
	case !f.Since.IsZero() && f.Since.After(now):
		return &BadRequest{fmt.Sprintf("since %s: lies in the future; it is %s", f.Since.Format(time.RFC3339), now.Format(time.RFC3339))}
	case !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until):
		return &BadRequest{fmt.Sprintf("since %s is not before until %s: no event lies between", f.Since.Format(time.RFC3339), f.Until.Format(time.RFC3339))}
	case f.Outcome != "" && !slices.Contains(Outcomes, f.Outcome):
		return &BadRequest{fmt.Sprintf("outcome %q%s: write one of %s", f.Outcome, spelling.Suggest(string(f.Outcome), OutcomeNames()), strings.Join(OutcomeNames(), ", "))}
	}
	return nil
}

// OutcomeNames returns the names of Outcomes.
func OutcomeNames() (names []string) {
	for _, o := range Outcomes {
		names = append(names, string(o))
	}
	return names
}

// matcher is a filter ready for use.
type matcher struct {
	Filter
	text    []byte // in lower case
	pattern *pattern.Pattern
}

func (f Filter) compile(now time.Time) (*matcher, error) {
	if err := f.check(now); err != nil {
		return nil, err
	}
	m := &matcher{Filter: f, text: bytes.ToLower([]byte(f.Text))}
	if len(f.Pattern) > 0 {
		p, err := pattern.Parse(f.Pattern, pattern.Options{Extensions: true})
		if err != nil {
			return nil, &BadRequest{fmt.Sprintf("pattern: %v", err)}
		}
		m.pattern = p
	}
	return m, nil
}

// event returns the event of a record, or nil where the filter does not let it through. What
// costs least is looked at first.
func (m *matcher) event(r *journal.Record) (*Stored, error) {
	if len(m.text) > 0 && !bytes.Contains(bytes.ToLower(r.Envelope), m.text) {
		return nil, nil
	}
	e, err := stored(*r)
	if err != nil {
		return nil, err
	}
	if !m.head(e.Parsed) {
		return nil, nil
	}
	if m.pattern != nil {
		if ok, err := m.pattern.Match(e.Event); err != nil || !ok {
			return nil, nil //nolint:nilerr // what a pattern can't be held against does not match it
		}
	}
	return e, nil
}

// lets reports whether the filter lets an event through, as far as the event itself tells.
func (m *matcher) lets(r *journal.Record) (bool, error) {
	if len(m.text) == 0 && m.pattern == nil && m.head(new(event.Event)) {
		return true, nil // it lets everything through
	}
	e, err := m.event(r)
	return e != nil, err
}

func (m *matcher) head(e *event.Event) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return is(m.ID, e.ID) && is(m.CorrelationID, e.Meta.CorrelationID) && is(m.Bus, e.Meta.Bus) &&
		is(m.Source, e.Source) && is(m.DetailType, e.DetailType)
}

// sent reports whether what came of an event is what the filter asks for.
func (m *matcher) sent(l *Listed) bool {
	switch {
	case m.Outcome == OutcomeDuplicate && l.Repeats == 0, m.Outcome != "" && m.Outcome != OutcomeDuplicate && m.Outcome != l.Outcome:
		return false
	}
	if m.Rule == "" && m.Target == "" {
		return true
	}
	return slices.ContainsFunc(l.Deliveries, func(d Outline) bool {
		return (m.Rule == "" || m.Rule == d.Rule) && (m.Target == "" || m.Target == d.Target)
	})
}

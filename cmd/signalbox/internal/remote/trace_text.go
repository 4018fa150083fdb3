package remote

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/journal"
	"signalbox/trace"
)

// traceTree draws a trace with lines.
type traceTree struct{ b strings.Builder }

// branch is one line of a tree, and what hangs on it.
type branch struct {
	text     string
	branches []branch
}

func (t *traceTree) root(e *trace.Event) {
	b := eventBranch(e, e.ID)
	t.b.WriteString(b.text + "\n")
	t.draw(b.branches, "")
}

func (t *traceTree) draw(branches []branch, indent string) {
	for i, b := range branches {
		tick, below := "├─ ", "│  "
		if i == len(branches)-1 {
			tick, below = "└─ ", "   "
		}
		t.b.WriteString(indent + tick + b.text + "\n")
		t.draw(b.branches, indent+below)
	}
}

const traceTime = "2006-01-02 15:04:05.000"

// eventBranch is an event that hangs on one of the given story: its correlation id is
// shown where it is another.
func eventBranch(e *trace.Event, story string) branch {
	text := fmt.Sprintf("%s %s", e.DetailType, e.ID)
	if e.Elsewhere {
		return branch{text: text + " (shown elsewhere)"}
	}
	b := branch{text: text}
	b.add("taken in %s UTC on bus %s%s, source %s%s", e.Received.UTC().Format(traceTime), strings.Join(append([]string{e.Bus}, e.Buses...), ", then "),
		formNote(e.Format), e.Source, syntheticNote(e.Synthetic))
	if e.CorrelationID != "" && e.CorrelationID != story {
		b.add("correlation %s", e.CorrelationID)
	}
	story = cmp.Or(e.CorrelationID, story)
	for _, s := range e.Evaluations {
		b.add("%s", evaluationText(s))
	}
	if len(e.Deliveries)+len(e.Evaluations) == 0 {
		b.add("no rule matched, or its deliveries are not kept")
	}
	for _, d := range e.Deliveries {
		b.branches = append(b.branches, deliveryBranch(e, d, story))
	}
	for _, next := range e.Derived {
		b.branches = append(b.branches, eventBranch(next, story))
	}
	return b
}

func (b *branch) add(format string, args ...any) {
	b.branches = append(b.branches, branch{text: fmt.Sprintf(format, args...)})
}

func formNote(format string) string {
	if format == "" {
		return ""
	}
	return " as " + format
}

func syntheticNote(synthetic bool) string {
	if synthetic {
		return ", synthetic"
	}
	return ""
}

func evaluationText(s journal.Said) string {
	rule := "rule " + s.Rule
	if s.Bus != "" {
		rule += " on bus " + s.Bus
	}
	switch {
	case s.Error != "":
		return rule + ": its condition failed: " + s.Error
	case s.State == "shadow":
		return rule + " matched in state shadow: nothing is sent"
	}
	return rule + " matched and has no targets"
}

func deliveryBranch(e *trace.Event, d *trace.Delivery, story string) branch {
	rule := d.Rule
	if d.Bus != e.Bus {
		rule += " (bus " + d.Bus + ")"
	}
	b := branch{text: fmt.Sprintf("%s -> %s: %s", rule, d.Target, stateText(d))}
	for _, a := range d.History {
		text := fmt.Sprintf("attempt %d  %s  %s  %s", a.Attempt, a.At.UTC().Format(traceTime), a.Code, a.Message)
		if a.TookMS > 0 {
			text += fmt.Sprintf("  (%s)", milliseconds(a.TookMS))
		}
		b.add("%s", text)
	}
	for _, at := range d.Redriven {
		b.add("redriven %s", at.UTC().Format(traceTime))
	}
	if d.Death != nil {
		b.add("dead letter %s since %s%s", d.ID, d.Death.At.UTC().Format(traceTime), deathNote(d))
	}
	for _, next := range d.Derived {
		b.branches = append(b.branches, eventBranch(next, story))
	}
	return b
}

// deathNote is why a delivery died, where its last attempt does not say it.
func deathNote(d *trace.Delivery) string {
	if n := len(d.History); n > 0 && d.History[n-1].Message == d.Death.Message {
		return ""
	}
	return ": " + d.Death.Message
}

// stateText returns how a delivery stands.
func stateText(d *trace.Delivery) string {
	text := string(d.State)
	switch d.State {
	case journal.TouchDelivered:
		if d.Status != 0 {
			text += fmt.Sprintf(" %d", d.Status)
		}
		if !d.At.IsZero() {
			text += fmt.Sprintf(" %s, took %s", d.At.UTC().Format(traceTime), milliseconds(d.TookMS))
		}
	case journal.TouchWaiting:
		text += " until " + d.Due.UTC().Format(traceTime)
	case journal.TouchDead:
		if d.Death != nil {
			text += " " + d.Death.Code
		}
	}
	if d.Attempts > 0 {
		text += ", " + cli.Count(d.Attempts, "attempt")
	}
	if d.Replay != "" {
		text += ", replay " + d.Replay
	}
	if d.ForwardOf != "" {
		text += ", of dead letter " + d.ForwardOf
	}
	return text
}

func milliseconds(ms float64) string {
	return (time.Duration(ms*1000) * time.Microsecond).String()
}

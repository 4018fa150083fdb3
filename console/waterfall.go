package console

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"signalbox/journal"
	"signalbox/trace"
)

// waterfall shows how a trace went on in time, a row for each event, delivery and attempt.
type waterfall struct {
	Rows []row
	// Ends are the first and the last moment.
	First, Last time.Time
}

// row is one line of a waterfall.
type row struct {
	Depth int
	// Kind is event, delivery, attempt or note.
	Kind string
	// Label names it, Note is what else there is to tell, State how it stands.
	Label, Note, State string
	// Event and Delivery are ids to link to; they may be empty.
	Event, Delivery string
	// After is how long after the first moment it began, Took how long it lasted; empty where
	// that is not known.
	After, Took string
	Bars        []bar

	at       time.Time
	segments []segment
}

// segment is a stretch of time: of waiting where it has no tone.
type segment struct {
	from, to time.Time
	tone     string
}

// bar is a segment as it is drawn, in thousandths of the width.
type bar struct {
	X, Width float64
	Tone     string
}

// The drawing, in thousandths of its width: it is as wide as there is room.
const (
	drawnWidth = 1000
	leastBar   = 6
)

func newWaterfall(t *trace.Trace, now time.Time) waterfall {
	w := waterfall{}
	for _, e := range t.Roots {
		w.event(e, 0, now)
	}
	w.scale()
	return w
}

func (w *waterfall) add(r row) { w.Rows = append(w.Rows, r) }

func (w *waterfall) event(e *trace.Event, depth int, now time.Time) {
	note := e.Source + " on bus " + strings.Join(append([]string{e.Bus}, e.Buses...), ", then ")
	if e.Elsewhere {
		note = "shown elsewhere on this page"
	}
	w.add(row{Depth: depth, Kind: "event", Label: e.DetailType, Note: note, Event: e.ID, at: e.Received, segments: []segment{{e.Received, e.Received, "event"}}})
	if e.Elsewhere {
		return
	}
	for _, s := range e.Evaluations {
		w.add(row{Depth: depth + 1, Kind: "note", Label: s.Rule, Note: evaluation(s)})
	}
	for _, d := range e.Deliveries {
		w.delivery(e, d, depth+1, now)
	}
	for _, next := range e.Derived {
		w.event(next, depth+1, now)
	}
}

// evaluation tells why a rule that matched has sent nothing.
func evaluation(s journal.Said) string {
	switch {
	case s.Error != "":
		return "its condition failed: " + s.Error
	case s.State == "shadow":
		return "matched in state shadow: nothing is sent"
	}
	return "matched and has no targets"
}

func (w *waterfall) delivery(e *trace.Event, d *trace.Delivery, depth int, now time.Time) {
	head := row{Depth: depth, Kind: "delivery", Label: d.Target, Note: "by rule " + d.Rule, State: string(d.State), Event: e.ID, Delivery: d.ID, at: e.Received}
	tries := attempts(d)
	begun := e.Received
	for _, a := range tries {
		head.segments = append(head.segments, segment{begun, a.at, ""}, segment{a.at, a.end, tone(a.State)})
		begun = a.end
	}
	if end := openEnd(d, now); end.After(begun) {
		head.segments = append(head.segments, segment{begun, end, ""})
	}
	if len(tries) > 0 {
		head.at, head.Took = tries[0].at, span(tries[len(tries)-1].end.Sub(tries[0].at))
	}
	if len(tries) == 1 && d.State == journal.TouchDelivered { // there is no more to tell
		if tries[0].Note != "" {
			head.Note += ", " + tries[0].Note
		}
		tries = nil
	}
	w.add(head)
	for _, a := range tries {
		w.add(row{Depth: depth + 1, Kind: "attempt", Label: a.Label, Note: a.Note, State: a.State, Took: a.Took, at: a.at, segments: []segment{{a.at, a.end, tone(a.State)}}})
	}
	if len(tries) > 0 && len(tries) < d.Attempts {
		w.add(row{Depth: depth + 1, Kind: "note", Note: fmt.Sprintf("%d of %d attempts are shown", len(tries), d.Attempts)})
	}
	for _, at := range d.Redriven {
		w.add(row{Depth: depth + 1, Kind: "note", Label: "replayed", Note: moment(at), at: at})
	}
	if d.State == journal.TouchWaiting {
		w.add(row{Depth: depth + 1, Kind: "note", Label: "next attempt", Note: moment(d.Due)})
	}
	for _, next := range d.Derived {
		w.event(next, depth+1, now)
	}
}

// attempt is one try at a delivery.
type attempt struct {
	row
	at, end time.Time
}

// attempts returns the tries that are known, in order: those that failed, and the one that did not.
func attempts(d *trace.Delivery) (all []attempt) {
	message := "" // of the attempt before, which is not told again
	for _, a := range d.History {
		took := milliseconds(a.TookMS)
		note := a.Code
		if a.Status != 0 {
			note += fmt.Sprintf(" %d", a.Status)
		}
		if a.Message != message {
			note, message = note+": "+a.Message, a.Message
		}
		// The history tells when a failed attempt ended.
		all = append(all, attempt{row{Label: fmt.Sprintf("attempt %d", a.Attempt), Note: note, State: "failed", Took: span(took)}, a.At.Add(-took), a.At})
	}
	if !d.At.IsZero() {
		took, note := milliseconds(d.TookMS), ""
		if d.Status != 0 {
			note = fmt.Sprintf("answered %d", d.Status)
		}
		all = append(all, attempt{row{Label: fmt.Sprintf("attempt %d", d.Attempts), Note: note, State: string(journal.TouchDelivered), Took: span(took)}, d.At, d.At.Add(took)})
	}
	return all
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// openEnd returns until when a delivery that has not ended is drawn: its next attempt, or now.
func openEnd(d *trace.Delivery, now time.Time) time.Time {
	switch d.State {
	case journal.TouchWaiting:
		return d.Due
	case journal.TouchReady, journal.TouchParked, journal.TouchHeld:
		return now
	}
	return time.Time{}
}

// scale places everything. Attempts last milliseconds and waits hours, so the width of each
// stretch between two moments is its logarithm.
func (w *waterfall) scale() {
	var moments []time.Time
	for _, r := range w.Rows {
		for _, s := range r.segments {
			moments = append(moments, s.from, s.to)
		}
	}
	if len(moments) == 0 {
		return
	}
	slices.SortFunc(moments, time.Time.Compare)
	w.First, w.Last = moments[0], moments[len(moments)-1]
	x := make([]float64, len(moments))
	for i := 1; i < len(moments); i++ {
		x[i] = x[i-1] + math.Log1p(float64(moments[i].Sub(moments[i-1]))/float64(100*time.Microsecond))
	}
	total := max(x[len(x)-1], 1)
	at := func(t time.Time) float64 {
		i, _ := slices.BinarySearchFunc(moments, t, time.Time.Compare)
		return x[i] / total * (drawnWidth - leastBar)
	}
	for i := range w.Rows {
		w.Rows[i].draw(at, w.First)
	}
}

// draw makes the bars of a row.
func (r *row) draw(at func(time.Time) float64, first time.Time) {
	if !r.at.IsZero() {
		r.After = "+" + span(r.at.Sub(first))
	}
	for _, s := range r.segments {
		b := bar{X: at(s.from), Width: at(s.to) - at(s.from), Tone: s.tone}
		if s.tone != "" {
			b.Width = max(b.Width, leastBar)
		}
		if b.Width > 0 {
			r.Bars = append(r.Bars, b)
		}
	}
}

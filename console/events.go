package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"signalbox/api"
	"signalbox/trace"
)

// eventsShown is how many events one page lists.
const eventsShown = 50

// eventsView is what the list of events shows.
type eventsView struct {
	Form     eventForm
	Outcomes []trace.Outcome
	Page     trace.Page
	// First is the first page of this view, Older the next one; empty where there is none.
	First, Older string
	// Problem is why the filter can't be right.
	Problem *api.Error
}

// eventForm is a filter of events as it is written.
type eventForm struct {
	Text, Source, DetailType, Rule, Target, Outcome, Since, Until, Bus, ID, CorrelationID, Pattern string
	// Cursor is where an earlier page ended.
	Cursor string
}

func readEventForm(q func(string) string) eventForm {
	f := eventForm{
		Text: q("text"), Source: q("source"), DetailType: q("detail_type"), Rule: q("rule"), Target: q("target"), Outcome: q("outcome"),
		Since: q("since"), Until: q("until"), Bus: q("bus"), ID: q("id"), CorrelationID: q("correlation_id"), Pattern: q("pattern"), Cursor: q("cursor"),
	}
	for _, field := range []*string{&f.Source, &f.DetailType, &f.Rule, &f.Target, &f.Since, &f.Until, &f.Bus, &f.ID, &f.CorrelationID, &f.Pattern} {
		*field = strings.TrimSpace(*field)
	}
	return f
}

// More reports whether one of the fields that are out of sight at first is set.
func (f eventForm) More() bool {
	return f.Until != "" || f.Bus != "" || f.ID != "" || f.CorrelationID != "" || f.Pattern != "" || f.Rule != ""
}

// Any reports whether the form filters at all.
func (f eventForm) Any() bool { f.Cursor = ""; return f != eventForm{} }

// filter returns the filter that the form means.
func (f eventForm) filter(now time.Time) (t trace.Filter, err error) {
	t = trace.Filter{
		ID: f.ID, CorrelationID: f.CorrelationID, Bus: f.Bus, Source: f.Source, DetailType: f.DetailType, Rule: f.Rule, Target: f.Target,
		Outcome: trace.Outcome(f.Outcome), Text: f.Text,
	}
	if f.Pattern != "" {
		t.Pattern = json.RawMessage(f.Pattern)
	}
	if t.Since, err = timeOf("since", f.Since, now); err == nil {
		t.Until, err = timeOf("until", f.Until, now)
	}
	return t, err
}

// with returns the address of the list with this form, from a cursor on.
func (f eventForm) with(cursor string) string {
	return link("events", "text", f.Text, "source", f.Source, "detail_type", f.DetailType, "rule", f.Rule, "target", f.Target, "outcome", f.Outcome,
		"since", f.Since, "until", f.Until, "bus", f.Bus, "id", f.ID, "correlation_id", f.CorrelationID, "pattern", f.Pattern, "cursor", cursor)
}

func loadEvents(v *visit) (any, error) {
	x := eventsView{Form: readEventForm(v.q), Outcomes: trace.Outcomes}
	x.First = x.Form.with("")
	filter, err := x.Form.filter(v.now)
	if err == nil {
		x.Page, err = v.api.Events.Search(v.ctx(), filter, x.Form.Cursor, eventsShown, false)
	}
	if errors.As(err, &x.Problem) && x.Problem.Status == http.StatusBadRequest {
		err = nil // what was written stays, to be fixed
	}
	if x.Page.Next != "" {
		x.Older = x.Form.with(x.Page.Next)
	}
	return x, err
}

// eventsFixed reports whether the list of events does not change: it is of an earlier page, or
// ends in the past.
func eventsFixed(v *visit) bool { return v.q("cursor") != "" || v.q("until") != "" }

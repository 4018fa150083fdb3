package api

import (
	"net/http"
	"time"

	"signalbox/trace"
)

// whereEventsAre is the hint where an event is not there.
const whereEventsAre = "check the id, and whether it was sent to this router; events are kept as long as retention says"

// storedEvent is an accepted event, with what the router knows besides its envelope.
type storedEvent struct {
	trace.Stored
	// Received is when the event was accepted.
	Received time.Time `json:"received"`
	// Format is the form in which it came in.
	Format        string `json:"format,omitempty"`
	TraceParent   string `json:"traceparent,omitempty"`
	XRay          string `json:"trace_header,omitempty"`
	CorrelationID string `json:"correlation_id,omitempty"`
	CausationID   string `json:"causation_id,omitempty"`
	Hops          int    `json:"hops,omitempty"`
}

// eventRoutes serves the events that are kept, and the counters.
type eventRoutes struct{ *api }

func (a eventRoutes) getEvent(w http.ResponseWriter, r *http.Request) {
	e, err := a.Router.Traces.Event(r.PathValue("id"))
	if err != nil {
		a.fail(w, missing(err, whereEventsAre))
		return
	}
	m := &e.Parsed.Meta
	a.answer(w, storedEvent{
		Stored: *e, Received: m.Received, Format: m.Format, TraceParent: m.TraceParent, XRay: m.XRay,
		CorrelationID: m.CorrelationID, CausationID: m.CausationID, Hops: m.Hops,
	})
}

func (a eventRoutes) getAccounts(w http.ResponseWriter, _ *http.Request) {
	a.answer(w, a.Router.Accounts())
}

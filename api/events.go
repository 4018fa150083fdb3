package api

import (
	"net/http"
	"time"

	"signalbox/router"
	"signalbox/trace"
)

// whereEventsAre is the hint where an event is not there.
const whereEventsAre = "check the id, and whether it was sent to this router; events are kept as long as retention says"

// StoredEvent is an accepted event, with what the router knows besides its envelope.
type StoredEvent struct {
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

// eventHandlers explain which rules events match.
type eventHandlers struct{ router *router.Router }

func (h traceHandlers) stored(_ http.ResponseWriter, r *http.Request) (any, error) {
	e, err := h.traces.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, missing(damageProblem(err), whereEventsAre)
	}
	m := &e.Parsed.Meta
	return StoredEvent{
		Stored: *e, Received: m.Received, Format: m.Format, TraceParent: m.TraceParent, XRay: m.XRay,
		CorrelationID: m.CorrelationID, CausationID: m.CausationID, Hops: m.Hops,
	}, nil
}

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"signalbox/journal"
	"signalbox/trace"
)

// traceHandlers show what happened to events.
type traceHandlers struct {
	traces *trace.Reader
	// turns bounds the traces that are made at a time.
	turns chan struct{}
}

func (h traceHandlers) event(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.trace(r, h.traces.OfEvent, "event", "; a correlation id is asked for with GET /v1/traces/{id}")
}

func (h traceHandlers) correlation(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.trace(r, h.traces.OfCorrelation, "event with the id or the correlation id", "")
}

func (h traceHandlers) trace(r *http.Request, of func(string, int) (*trace.Trace, error), what, more string) (any, error) {
	limit, err := limitOf(r.URL.Query(), trace.DefaultEvents, trace.MaxEvents)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	t, err := h.inTurn(r.Context(), func() (*trace.Trace, error) { return of(id, limit) })
	if errors.Is(err, journal.ErrNotFound) {
		return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no %s %q is kept", what, id), Hint: fmt.Sprintf(
			"check the id, and whether it was sent to this router; events are kept as long as retention says, here since %s%s",
			h.traces.Oldest().Format(time.RFC3339), more)}
	}
	return t, err
}

// maxTraces is how many traces are made at a time, as each may hold thousands of
// events in memory; others wait for their turn.
const maxTraces = 4

func (h traceHandlers) inTurn(ctx context.Context, make func() (*trace.Trace, error)) (*trace.Trace, error) {
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
		return make()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

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
	// streams bounds the streams of events that are open at a time.
	streams chan struct{}
	// stopping ends when the router begins to stop; it may be nil.
	stopping context.Context
}

func newTraceHandlers(traces *trace.Reader, stopping context.Context) traceHandlers {
	return traceHandlers{traces, make(chan struct{}, maxTraces), make(chan struct{}, maxStreams), stopping}
}

func (h traceHandlers) event(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.trace(r, h.traces.OfEvent, "event", "; a correlation id is asked for with GET /v1/traces/{id}")
}

func (h traceHandlers) correlation(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.trace(r, func(_ context.Context, id string, limit int) (*trace.Trace, error) {
		return h.traces.OfCorrelation(id, limit)
	}, "event with the id or the correlation id", "")
}

func (h traceHandlers) trace(r *http.Request, of func(context.Context, string, int) (*trace.Trace, error), what, more string) (any, error) {
	limit, err := limitOf(r.URL.Query(), trace.DefaultEvents, trace.MaxEvents)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	t, err := inTurn(r.Context(), h.turns, func() (*trace.Trace, error) { return of(r.Context(), id, limit) })
	if errors.Is(err, journal.ErrNotFound) {
		return nil, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no %s %q is kept", what, id), Hint: fmt.Sprintf(
			"check the id, and whether it was sent to this router; events are kept as long as retention says, here since %s%s",
			h.traces.Oldest().Format(time.RFC3339), more)}
	}
	return t, damageProblem(err)
}

// maxTraces is how many traces and pages of events are made at a time, as each may hold
// thousands of events in memory; others wait for their turn.
const maxTraces = 4

// inTurn waits for a turn to make something.
func inTurn[T any](ctx context.Context, turns chan struct{}, make func() (T, error)) (made T, err error) {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
		return make()
	case <-ctx.Done():
		return made, ctx.Err()
	}
}

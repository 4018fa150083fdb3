package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signalbox/journal"
	"signalbox/trace"
)

// traceRoutes serves traces.
type traceRoutes struct{ *api }

func (a traceRoutes) traceEvent(w http.ResponseWriter, r *http.Request) {
	a.trace(w, r, "event", a.Router.Traces.OfEvent)
}

func (a traceRoutes) traceCorrelation(w http.ResponseWriter, r *http.Request) {
	a.trace(w, r, "event with the id or the correlation id", a.Router.Traces.OfCorrelation)
}

func (a traceRoutes) trace(w http.ResponseWriter, r *http.Request, what string, of func(string, int) (*trace.Trace, error)) {
	limit, err := traceLimit(r.URL.Query())
	if err != nil {
		a.fail(w, err)
		return
	}
	id := r.PathValue("id")
	t, err := a.oneOfTraces(r.Context(), func() (*trace.Trace, error) { return of(id, limit) })
	switch {
	case errors.Is(err, journal.ErrNotFound):
		hint := fmt.Sprintf("check the id, and whether it was sent to this router; events are kept as long as retention says, here since %s", a.Router.Traces.Oldest().Format(time.RFC3339))
		if what == "event" {
			hint += "; a correlation id is asked for with GET /v1/traces/{id}"
		}
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no %s %q is kept", what, id), Hint: hint})
	case err != nil:
		a.fail(w, err)
	default:
		a.answer(w, t)
	}
}

// maxTraces is how many traces are made at a time, as each may hold thousands of
// events in memory; others wait for their turn.
const maxTraces = 4

func (a traceRoutes) oneOfTraces(ctx context.Context, make func() (*trace.Trace, error)) (*trace.Trace, error) {
	select {
	case a.traces <- struct{}{}:
		defer func() { <-a.traces }()
		return make()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// traceLimit reads how many events a trace may show.
func traceLimit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return trace.DefaultEvents, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > trace.MaxEvents {
		return 0, badRequest("limit: %q must be a number from 1 to %d", text, trace.MaxEvents)
	}
	return n, nil
}

// Trace returns the trace of an event, or, if none has this id, of the events with
// this correlation id. A limit of 0 is the router's own.
func (c *Client) Trace(ctx context.Context, id string, limit int) (*trace.Trace, error) {
	q := url.Values{}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	t := new(trace.Trace)
	err := c.get(ctx, "/v1/events/"+url.PathEscape(id)+"/trace", q, t)
	var missing *Error
	if errors.As(err, &missing) && missing.Status == http.StatusNotFound {
		return c.TraceCorrelation(ctx, id, limit)
	}
	return t, err
}

// TraceCorrelation returns the trace of all events with a correlation id.
func (c *Client) TraceCorrelation(ctx context.Context, id string, limit int) (*trace.Trace, error) {
	q := url.Values{}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	t := new(trace.Trace)
	return t, c.get(ctx, "/v1/traces/"+url.PathEscape(id), q, t)
}

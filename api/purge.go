package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"signalbox/audit"
	"signalbox/dlq"
)

// PurgeRequest is the body of POST /v1/deadletters/purge.
type PurgeRequest struct {
	Filter dlq.Filter `json:"filter"`
	DryRun bool       `json:"dry_run,omitempty"`
	// All must be true where the filter is empty.
	All bool `json:"all,omitempty"`
}

// Step is one line of the answer to a purge: how far it has come,
// and in the last one how it ended.
type Step struct {
	dlq.Progress
	// Finished is true in the last line.
	Finished bool `json:"finished,omitempty"`
	// Problem is why it ended early; Done then says how far it had come.
	Problem *Error `json:"error,omitempty"`
}

// purge answers step by step while letters leave the queue, until the client goes away or the
// router stops.
func (h letterHandlers) purge(w http.ResponseWriter, r *http.Request) (any, error) {
	var req PurgeRequest
	if err := read(w, r, &req); err != nil {
		return nil, err
	}
	acted := audit.Of(r.Context())
	acted.Detail(&req)
	if req.DryRun {
		acted.DryRun()
	}
	if err := deliberate(req.Filter, req.All); err != nil {
		return nil, err
	}
	ctx, cancel := untilStop(r.Context(), h.stopping)
	defer cancel()
	takesLong(w)
	s := &stream{w: w}
	p, err := h.queue.Purge(ctx, req.Filter, req.DryRun, s.report)
	if acted.Count(p.Done); req.DryRun {
		acted.Count(p.Total)
	}
	if err != nil && !s.begun {
		return nil, err
	}
	last := Step{Progress: p, Finished: true}
	if err != nil {
		last.Problem = problemOf(err)
		acted.Fail(last.Problem.Message)
	}
	s.write(last)
	return nil, nil
}

func deliberate(f dlq.Filter, all bool) error {
	switch {
	case f.Empty() && !all:
		return &Error{Status: http.StatusBadRequest, Message: "the filter is empty", Hint: `set "all": true to mean every dead letter`}
	case !f.Empty() && all:
		return &Error{Status: http.StatusBadRequest, Message: `a filter stands beside "all": true`, Hint: "leave one of them out"}
	}
	return nil
}

// untilStop returns a context that ends with the request, or when the router stops: stopping
// may be nil.
func untilStop(ctx, stopping context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if stopping == nil {
		return ctx, cancel
	}
	forget := context.AfterFunc(stopping, cancel)
	return ctx, func() { forget(); cancel() }
}

// stream writes steps as lines of JSON while a request is at work.
type stream struct {
	w     http.ResponseWriter
	begun bool
}

func (s *stream) report(p dlq.Progress) { s.write(Step{Progress: p}) }

func (s *stream) write(step Step) {
	if !s.begun {
		s.w.Header().Set("Content-Type", "application/x-ndjson")
		s.begun = true
	}
	// A client that has gone ends the request's context, and with it the work.
	_ = json.NewEncoder(s.w).Encode(step)
	_ = http.NewResponseController(s.w).Flush()
}

// takesLong lifts the server's timeouts, which are for requests that are answered
// soon.
func takesLong(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // not supported by a recorder
	_ = control.SetWriteDeadline(time.Time{})
}

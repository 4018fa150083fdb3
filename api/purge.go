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

func (a deadLetterRoutes) purge(w http.ResponseWriter, r *http.Request) {
	var req PurgeRequest
	if err := read(w, r, &req); err != nil {
		a.fail(w, err)
		return
	}
	acted := audit.Of(r.Context())
	acted.Detail(&req)
	if req.DryRun {
		acted.DryRun()
	}
	count := func(p dlq.Progress, err error) (dlq.Progress, error) {
		if acted.Count(p.Done); req.DryRun {
			acted.Count(p.Total)
		}
		return p, err
	}
	a.leave(w, r, req.Filter, req.All, func(ctx context.Context, report func(dlq.Progress)) (dlq.Progress, error) {
		return count(a.Router.DeadLetters.Purge(ctx, req.Filter, req.DryRun, report))
	})
}

// leave answers step by step while letters leave the queue, until the client goes
// away or the router stops.
func (a deadLetterRoutes) leave(w http.ResponseWriter, r *http.Request, f dlq.Filter, all bool,
	work func(context.Context, func(dlq.Progress)) (dlq.Progress, error),
) {
	if err := deliberate(f, all); err != nil {
		a.fail(w, err)
		return
	}
	ctx, cancel := a.untilStop(r.Context())
	defer cancel()
	s := a.stream(w)
	s.end(work(ctx, s.report))
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

// untilStop returns a context that ends with the request, or when the router stops.
func (a *api) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if a.Stopping == nil {
		return ctx, cancel
	}
	forget := context.AfterFunc(a.Stopping, cancel)
	return ctx, func() { forget(); cancel() }
}

// stream writes steps as lines of JSON while a request is at work.
type stream struct {
	*api
	w     http.ResponseWriter
	begun bool
}

// stream begins an answer that may take any time.
func (a *api) stream(w http.ResponseWriter) *stream {
	takesLong(w)
	return &stream{api: a, w: w}
}

// takesLong lifts the server's timeouts, which are for requests that are answered
// soon.
func takesLong(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // not supported by a recorder
	_ = control.SetWriteDeadline(time.Time{})
}

func (s *stream) report(p dlq.Progress) { s.write(Step{Progress: p}) }

// end writes the last line. An error before the first one has a status of its own.
func (s *stream) end(p dlq.Progress, err error) {
	if err != nil && !s.begun {
		s.fail(s.w, err)
		return
	}
	last := Step{Progress: p, Finished: true}
	if err != nil {
		last.Problem = problemOf(err)
		note(s.w, last.Problem)
	}
	s.write(last)
}

func (s *stream) write(step Step) {
	if !s.begun {
		s.w.Header().Set("Content-Type", "application/x-ndjson")
		s.begun = true
	}
	// A client that has gone ends the request's context, and with it the work.
	_ = json.NewEncoder(s.w).Encode(step)
	_ = http.NewResponseController(s.w).Flush()
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"signalbox/api"
	"signalbox/router"
	"signalbox/rules/explain"
	"signalbox/rules/playground"
	"signalbox/trace"
)

// Events sends events, and tells what became of them.
type Events struct{ *conn }

// SendOptions say how events are sent.
type SendOptions struct {
	// Bus is the bus to send to; empty leaves it to the router.
	Bus string
	// Synthetic marks the events as tests.
	Synthetic bool
	// DryRun asks what would become of the events, and sends nothing.
	DryRun bool
}

func (o SendOptions) query() url.Values {
	q := params("bus", o.Bus)
	for name, on := range map[string]bool{"synthetic": o.Synthetic, "dry_run": o.DryRun} {
		if on {
			q.Set(name, "true")
		}
	}
	return q
}

// Sent is the answer of /v1/events, with a result for each event, in order.
type Sent struct {
	DryRun bool         `json:"dry_run,omitempty"`
	Events []SentResult `json:"events"`
}

// SentResult is what came of one event.
type SentResult struct {
	// ID is the event's once it is on disk.
	ID string `json:"id,omitempty"`
	// Plan is what would become of the event, in a dry run.
	Plan  *router.Plan `json:"plan,omitempty"`
	Error *Refusal     `json:"error,omitempty"`
}

// Refusal is why the router refuses an event, or a whole request.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details struct {
		Path   string `json:"path,omitempty"`
		Reason string `json:"reason,omitempty"`
	} `json:"details,omitzero"`
}

// Error returns the message with what it leaves out.
func (r *Refusal) Error() string {
	if r.Details.Reason == "" {
		return fmt.Sprintf("%s (%s)", r.Message, r.Code)
	}
	return fmt.Sprintf("%s: %s (%s)", r.Message, r.Details.Reason, r.Code)
}

// Send sends events: the JSON of one, or of an array, in the canonical envelope,
// as CloudEvents or as OCI events. Where the router refuses some of them, the
// result says which; the error is for what fails as a whole.
func (e Events) Send(ctx context.Context, events []byte, opts SendOptions) (Sent, error) {
	var sent Sent
	err := e.do(ctx, http.MethodPost, withQuery("/v1/events", opts.query()), "application/json", events, &sent)
	return sent, err
}

// Get returns an event that is kept.
func (e Events) Get(ctx context.Context, id string) (s api.StoredEvent, err error) {
	return s, e.get(ctx, "/v1/events/"+url.PathEscape(id), nil, &s)
}

// Explain returns which rules an event matches, and why the others do not. The
// event is one in any form that /v1/events takes as JSON, or {"id": …} of one
// that was accepted. The bus may be empty.
func (e Events) Explain(ctx context.Context, bus string, event []byte) (x explain.Explanation, err error) {
	return x, e.do(ctx, http.MethodPost, withQuery("/v1/explain", params("bus", bus)), "application/json", event, &x)
}

// Try returns what a rule that is not in use makes of an event.
func (e Events) Try(ctx context.Context, trial playground.Trial) (r playground.Result, err error) {
	return r, e.post(ctx, "/v1/playground", trial, &r)
}

// Trace returns the trace of an event, or, if none has this id, of the events with
// this correlation id. A limit of 0 is the router's own.
func (e Events) Trace(ctx context.Context, id string, limit int) (*trace.Trace, error) {
	t := new(trace.Trace)
	err := e.get(ctx, "/v1/events/"+url.PathEscape(id)+"/trace", limitOf(limit), t)
	var missing *api.Error
	if errors.As(err, &missing) && missing.Status == http.StatusNotFound {
		return e.TraceCorrelation(ctx, id, limit)
	}
	return t, err
}

// TraceCorrelation returns the trace of all events with a correlation id.
func (e Events) TraceCorrelation(ctx context.Context, id string, limit int) (*trace.Trace, error) {
	t := new(trace.Trace)
	return t, e.get(ctx, "/v1/traces/"+url.PathEscape(id), limitOf(limit), t)
}

func limitOf(limit int) url.Values {
	if limit == 0 {
		return nil
	}
	return params("limit", strconv.Itoa(limit))
}

// sendError returns the error of an answer to what was sent, of which each event may have
// its own; nil if the answer is another's.
func sendError(resp *http.Response, text []byte) *api.Error {
	var answer struct {
		Error  *Refusal `json:"error"`
		Events []SentResult
	}
	if json.Unmarshal(text, &answer) != nil || answer.Error == nil {
		return nil
	}
	var faults []string
	for i, e := range answer.Events {
		if e.Error != nil {
			faults = append(faults, fmt.Sprintf("event %d: %v", i+1, e.Error))
		}
	}
	p := &api.Error{Status: resp.StatusCode, Code: answer.Error.Code, Message: answer.Error.Error(), Details: faults}
	if wait := resp.Header.Get("Retry-After"); wait != "" {
		p.Hint = "try again in " + wait + " s"
	}
	return p
}

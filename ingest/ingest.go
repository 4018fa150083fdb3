// Package ingest accepts events over HTTP: it decodes, limits, authenticates and answers
// for each event; it knows no rules.
//
// POST / takes the PutEvents and TestEventPattern operations of the EventBridge
// API, so that AWS SDKs and the AWS CLI work with an endpoint URL. POST
// /v1/events takes CloudEvents 1.0 (binary, structured, batched), OCI events and
// the canonical envelope. POST /v1/commands and /v1/queries take one message in
// the same forms, and answer with what its handler does.
package ingest

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/auth"
	"signalbox/commands"
	"signalbox/event"
)

// Accepter takes events in. Its slice has one entry for each event: nil once
// the event is on disk and its ID is set, else an *event.Error. Its error is for
// the whole call; one with a method RetryAfter() time.Duration means that the
// backlog is full.
type Accepter interface {
	Accept(ctx context.Context, events []*event.Event) ([]error, error)
}

// ControlPlane answers operations of the EventBridge API besides PutEvents.
type ControlPlane interface {
	// Right returns what a key must be allowed for an operation; it is empty for one that is
	// not answered.
	Right(operation string) auth.Right
	// Call answers an operation with what becomes the body in JSON; nil stands for an empty body.
	// An error that is meant for the caller is an *event.Error.
	Call(r *http.Request, operation string, body []byte) (any, error)
}

// Options are the limits of ingest and what it works with. A zero limit stands
// for its default.
type Options struct {
	// MaxBody is the most bytes in a request body, before and after inflation.
	// The default of 4 MiB holds a PutEvents request of 1 MiB in entries with
	// the escapes that JSON in JSON brings.
	MaxBody int64
	// MaxEntries is the most entries of PutEvents, 10; MaxEntriesSize the most
	// bytes in them as EventBridge counts, 1 MiB; MaxBatch the most events in a
	// request to /v1/events, event.DefaultMaxBatch.
	MaxEntries     int
	MaxEntriesSize int
	MaxBatch       int
	// MaxDepth is how deeply a detail may nest, event.DefaultMaxDepth.
	MaxDepth int

	// Command and Query take one message in and wait for what its handler answers,
	// up to the given time; nil turns /v1/commands or /v1/queries off. Their errors
	// are as those of an Accepter, and say that nothing was accepted.
	Command, Query func(ctx context.Context, e *event.Event, wait time.Duration) (commands.Reply, error)
	// Stopping ends when nobody may be kept waiting any more; nil never does.
	Stopping context.Context

	// Plan returns what would become of an event; its answer is shown as JSON. Nil
	// turns dry runs off.
	Plan func(ctx context.Context, e *event.Event) (any, error)
	// Control answers the other operations of the EventBridge API; nil answers none.
	Control ControlPlane
	// Refused is told of each request whose key lacks the right to send; it may be nil.
	Refused func(r *http.Request, reason string)
	// Registerer takes the metrics, Logger what callers are not told; both may be
	// nil.
	Registerer prometheus.Registerer
	Logger     *zap.Logger
}

// DefaultMaxBody is the most bytes in a request body where Options do not say.
const DefaultMaxBody = 4 << 20

// Handler accepts events: it is the http.Handler for "/", "/v1/events", "/v1/commands"
// and "/v1/queries". A Guard stands before it.
type Handler struct {
	accepter Accepter
	opts     Options
	put      event.Limits
	batch    event.Limits
	metrics  *metrics
	log      *zap.Logger
}

// New returns the handler that hands events to accepter.
func New(accepter Accepter, opts Options) *Handler {
	opts.MaxBody = cmp.Or(opts.MaxBody, DefaultMaxBody)
	h := &Handler{
		accepter: accepter,
		opts:     opts,
		put:      event.Limits{MaxEntries: opts.MaxEntries, MaxSize: opts.MaxEntriesSize, MaxDepth: opts.MaxDepth},
		batch:    event.Limits{MaxEntries: opts.MaxBatch, MaxDepth: opts.MaxDepth},
		metrics:  newMetrics(opts.Registerer),
		log:      opts.Logger,
	}
	if h.log == nil {
		h.log = zap.NewNop()
	}
	return h
}

// ServeHTTP answers on the paths that take events.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		h.serveAWS(w, r)
	case "/v1/events":
		h.serveEvents(w, r)
	case "/v1/commands":
		h.serveCommands(w, r)
	case "/v1/queries":
		h.serveQueries(w, r)
	default:
		writeProblem(w, &problem{status: http.StatusNotFound, Code: "NotFound",
			Message: "no such path: events go to POST /v1/events, and AWS clients to POST /"})
	}
}

// observed counts a request when it has been answered.
func (h *Handler) observed(started time.Time, f *form, o *outcome) {
	h.metrics.observe(*f, *o, time.Since(started))
}

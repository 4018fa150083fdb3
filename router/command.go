package router

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/event"
	"signalbox/work"
)

// The outcomes of a command or a query for its sender.
const (
	ReplyAnswered = "answered" // the handler's own answer is there
	ReplyRefused  = "refused"  // so it is, and says no
	ReplyLate     = "late"     // none came in time, or the work goes on
	ReplyFailed   = "failed"   // the handler could not be asked
	ReplyNothing  = "nothing"  // a test message that its target does not act on
)

var replyOutcomes = []string{ReplyAnswered, ReplyRefused, ReplyLate, ReplyFailed, ReplyNothing}

// Reply is what the sender of a command or a query gets.
type Reply struct {
	// Outcome is one of the Reply constants.
	Outcome string
	// EventID is the message's id.
	EventID string
	// Status, ContentType and Body are the handler's answer where it gave one. Cut
	// says that the body was over targets.MaxAnswer and is not whole.
	Status      int
	ContentType string
	Body        []byte
	Cut         bool
	// Message says why the handler could not be asked.
	Message string
	// WorkID is the id of a command's work request, Work the request itself.
	WorkID string
	Work   any
}

// MaxWait is the longest that a sender may wait for an answer.
const MaxWait = time.Minute

// Command takes a command in and waits up to wait for its handler's answer; 0
// does not wait. The error says that the command was not accepted: an
// *event.Error, *Busy, ErrStopping, or of the store. Once it is accepted there is
// a reply, also where ctx ends or the router stops.
func (r *Router) Command(ctx context.Context, e *event.Event, wait time.Duration) (Reply, error) {
	e.Meta.Kind = event.KindCommand
	reply, err := r.ask(ctx, e, min(wait, MaxWait))
	if err != nil {
		return Reply{}, err
	}
	if w, err := r.WorkRequest(reply.EventID); err == nil {
		reply.WorkID, reply.Work = w.ID, w
	}
	return reply, nil
}

// Query takes a query in and waits up to wait for its handler's answer. When
// nobody waits any more the query is dropped. Errors are as of Command.
func (r *Router) Query(ctx context.Context, e *event.Event, wait time.Duration) (Reply, error) {
	e.Meta.Kind = event.KindQuery
	wait = min(wait, MaxWait)
	until := time.Now().Add(wait).UTC().Format(time.RFC3339Nano)
	e.Meta.Extensions = append(e.Meta.Extensions, event.Attribute{Name: replyBy, Value: strconv.Quote(until)})
	return r.ask(ctx, e, wait)
}

// replyBy is the attribute of a query that somebody waits for: until when.
const replyBy = "replyby"

func (r *Router) ask(ctx context.Context, e *event.Event, wait time.Duration) (Reply, error) {
	a := &asker{kind: e.Meta.Kind}
	if wait > 0 {
		if !r.askers.admit() {
			return Reply{}, &Busy{Wait: time.Second, Reason: "too many senders of commands and queries wait for an answer: send without wait, or later"}
		}
		a.answer = make(chan Reply, 1)
		defer r.askers.leave(a)
	}
	refused, err := r.acceptRequest(ctx, e, a)
	if err = errors.Join(append(refused, err)...); err != nil {
		return Reply{}, unjoin(err)
	}
	reply := Reply{Outcome: ReplyLate}
	if a.answer != nil && !e.Duplicate { // the first one's sender has its answer
		reply = r.await(ctx, a, wait)
	}
	reply.EventID = e.ID
	r.metrics.requests.WithLabelValues(string(e.Meta.Kind), reply.Outcome).Inc()
	return reply, nil
}

// acceptRequest takes a message in. A repeat of a command is not taken in again; one
// of a query is, as it has no effect and is to be answered.
func (r *Router) acceptRequest(ctx context.Context, e *event.Event, a *asker) ([]error, error) {
	evs := []*event.Event{e}
	if r.dedup != nil && e.Meta.Kind == event.KindCommand && anyFingerprint(evs) {
		return r.acceptOnce(ctx, evs, a)
	}
	return r.accept(ctx, evs, a)
}

// unjoin gives the one error of a list of one.
func unjoin(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 {
		return joined.Unwrap()[0]
	}
	return err
}

// await waits until there is an answer, or no time or no use to wait.
func (r *Router) await(ctx context.Context, a *asker, wait time.Duration) Reply {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case reply := <-a.answer:
		return reply
	case <-timer.C:
	case <-ctx.Done():
	case <-r.stop:
	}
	select {
	case reply := <-a.answer: // it came at the same moment
		return reply
	default:
		return Reply{Outcome: ReplyLate}
	}
}

// expectRequests makes the figures of commands, queries and work requests.
func (m *metrics) expectRequests(counters func(name, help string, labels ...string) *prometheus.CounterVec) {
	m.requests = counters("signalbox_requests_total", "Commands and queries by what their sender got.", "kind", "outcome")
	for _, kind := range [...]event.Kind{event.KindCommand, event.KindQuery} {
		for _, o := range replyOutcomes {
			m.requests.WithLabelValues(string(kind), o)
		}
	}
	m.queryDrops = counters("signalbox_queries_dropped_total", "Deliveries of queries that were given up, by reason.", "reason")
	for _, reason := range [...]string{dropUnasked, dropFailed} {
		m.queryDrops.WithLabelValues(reason)
	}
	m.workSteps = counters("signalbox_work_steps_total", "Steps of work requests, by the type of their event.", "type")
	for _, name := range work.StepTypes() {
		m.workSteps.WithLabelValues(name)
	}
	m.workIgnored = counters("signalbox_work_steps_ignored_total", "Changes that work requests refused, by reason.", "reason")
	for _, reason := range work.Refusals {
		m.workIgnored.WithLabelValues(string(reason))
	}
}

// Package commands follows commands and queries: it finds their handler, lets their
// senders wait for its answer, and keeps the work requests of commands.
package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"signalbox/commands/work"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
)

// The outcomes of a command or a query for its sender.
const (
	ReplyAnswered = "answered" // the handler's own answer is there
	ReplyRefused  = "refused"  // so it is, and says no
	ReplyLate     = "late"     // none came in time, or the work continues
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
	// Message is why the handler could not be asked.
	Message string
	// Work is a command's work request; nil for a query.
	Work *work.Request
}

// MaxWait is the longest that a sender may wait for an answer.
const MaxWait = time.Minute

// Router accepts events.
type Router interface {
	// AcceptRequest accepts one command or query. Planned is called once it has an id,
	// a kind and a handler, before it is on disk; its error refuses it. The error is an
	// *event.Error, one that tells when to try again, or of the store.
	AcceptRequest(ctx context.Context, e *event.Event, planned func(*event.Event) error) error
	// Ready returns why nothing can be accepted now; nil if it can.
	Ready() error
	// Reserve returns numbers for n events, and what plans them with the rules that serve.
	Reserve(n int) (Planner, store.Reservation)
}

// Options are what a service is made of. All are required.
type Options struct {
	Journal    *store.Journal
	Router     Router
	Log        *zap.Logger
	Registerer prometheus.Registerer
	// Stop is closed when the router begins to stop: nobody waits any longer.
	Stop <-chan struct{}
}

// Service follows commands and queries. It is safe for concurrent use.
type Service struct {
	opts     Options
	metrics  *metrics
	waiters  waiters
	requests requests
}

// New returns a service with the open work requests of a journal.
func New(o Options) (*Service, error) {
	s := &Service{opts: o, requests: requests{track: map[string][]*tracked{}}}
	s.metrics = newMetrics(o.Registerer, s)
	return s, s.requests.recover(o.Journal)
}

// Busy is the error of a sender that can't wait for its answer, as too many do.
type Busy struct{}

// Error returns what is wrong and what to do.
func (Busy) Error() string {
	return "too many senders of commands and queries wait for an answer: send without wait, or later"
}

// RetryAfter is how long to wait before sending again.
func (Busy) RetryAfter() time.Duration { return time.Second }

// Command accepts a command and waits up to wait for its handler's answer; 0 does not
// wait. The error is that of a command that was not accepted: an *event.Error, Busy,
// or as of Router.AcceptRequest. Once it is accepted there is a reply, also where ctx
// ends or the router stops.
func (s *Service) Command(ctx context.Context, e *event.Event, wait time.Duration) (Reply, error) {
	e.Meta.Kind = event.KindCommand
	reply, err := s.ask(ctx, e, wait)
	if err == nil {
		reply.Work, _ = s.Find(reply.EventID)
	}
	return reply, err
}

// Query accepts a query and waits up to wait for its handler's answer. When nobody
// waits any more the query is dropped. Errors are as of Command.
func (s *Service) Query(ctx context.Context, e *event.Event, wait time.Duration) (Reply, error) {
	e.Meta.Kind = event.KindQuery
	until := time.Now().Add(min(wait, MaxWait)).UTC().Format(time.RFC3339Nano)
	e.Meta.Extensions = append(e.Meta.Extensions, event.Attribute{Name: replyBy, Value: strconv.Quote(until)})
	return s.ask(ctx, e, wait)
}

// replyBy is the attribute of a query that somebody waits for: until when.
const replyBy = "replyby"

func (s *Service) ask(ctx context.Context, e *event.Event, wait time.Duration) (Reply, error) {
	w := &waiter{kind: e.Meta.Kind}
	if wait > 0 {
		if !s.waiters.admit() {
			return Reply{}, Busy{}
		}
		w.answer = make(chan Reply, 1)
		defer s.waiters.leave(w)
	}
	err := s.opts.Router.AcceptRequest(ctx, e, func(e *event.Event) error {
		if err := w.wants(e); err != nil {
			return err
		}
		s.waiters.add(e.ID, w)
		return nil
	})
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{Outcome: ReplyLate}
	if w.answer != nil && !e.Duplicate { // the first one's sender has its answer
		reply = s.await(ctx, w, min(wait, MaxWait))
	}
	reply.EventID = e.ID
	s.metrics.replies.WithLabelValues(string(e.Meta.Kind), reply.Outcome).Inc()
	return reply, nil
}

// await waits until there is an answer, or no time or no use to wait.
func (s *Service) await(ctx context.Context, w *waiter, wait time.Duration) Reply {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case reply := <-w.answer:
		return reply
	case <-timer.C:
	case <-ctx.Done():
	case <-s.opts.Stop:
	}
	select {
	case reply := <-w.answer: // it came at the same moment
		return reply
	default:
		return Reply{Outcome: ReplyLate}
	}
}

// Find returns a work request by its id, or by that of its command;
// journal.ErrNotFound if there is none, or retention has dropped it.
func (s *Service) Find(id string) (*work.Request, error) {
	if t := s.requests.ofCommand(id); t != nil {
		return t.now.Load(), nil
	}
	if seq, ok := journal.SeqOfEventID(id); ok {
		if w, err := s.read(seq); err == nil && (w.ID == id || w.CommandID == id) {
			return w, nil
		}
	}
	if rec, err := s.opts.Journal.Events.EventByGivenID(id); err == nil {
		if w, err := s.read(rec.Seq); !errors.Is(err, journal.ErrNotFound) {
			return w, err
		}
	}
	return nil, fmt.Errorf("work request %q: %w", id, journal.ErrNotFound)
}

func (s *Service) read(seq journal.Seq) (*work.Request, error) {
	k, err := s.opts.Journal.Works.Work(seq)
	if err != nil {
		return nil, err
	}
	return readWork(k)
}

// Each calls fn with the work requests before the one whose id is given, or with all
// of them where it is empty, the latest first, until fn returns false.
func (s *Service) Each(before string, fn func(*work.Request) bool) error {
	from := ^journal.Seq(0)
	if before != "" {
		seq, ok := journal.SeqOfEventID(before)
		if _, err := s.Find(before); err != nil && (!ok || seq >= s.opts.Journal.Seqs.Oldest()) {
			return err
		}
		from = seq // also one that retention has dropped since it was listed
	}
	var fault error
	err := s.opts.Journal.Works.Before(from, func(k journal.Work) bool {
		w, err := readWork(k)
		if err != nil {
			fault = err
			return false
		}
		// A step is in the store before it is synced, and in memory afterwards: what
		// Find does not tell yet is not told here either.
		if t := s.requests.ofCommand(w.CommandID); t != nil && t.seq == k.Seq {
			w = t.now.Load()
		}
		return fn(w)
	})
	return errors.Join(err, fault)
}

// Ended is the error of a work request that has ended and can't be cancelled.
type Ended struct{ Request *work.Request }

// Error returns how and when it has ended.
func (e *Ended) Error() string {
	return fmt.Sprintf("work request %s has ended: it is %s since %s", e.Request.ID, e.Request.Action, e.Request.TimeFinished.Format(time.RFC3339))
}

// Cancel asks for the end of a work request: it becomes CANCELING, and the event that
// tells so can be routed to its handler. One that is CANCELING already stays so. The
// error is journal.ErrNotFound, *Ended, that of Router.Ready, or of the store.
func (s *Service) Cancel(id string) (*work.Request, error) {
	if err := s.opts.Router.Ready(); err != nil {
		return nil, err
	}
	w, err := s.Find(id)
	if err != nil {
		return nil, err
	}
	t := s.requests.ofCommand(w.CommandID)
	if t == nil || t.now.Load().ID != w.ID {
		return nil, &Ended{w}
	}
	refusal, err := s.advance(t, work.Change{Action: work.Canceling, Note: "asked for"})
	if err != nil {
		return nil, err
	}
	if w = t.now.Load(); refusal == work.HasEnded {
		return nil, &Ended{w}
	}
	return w, nil
}

// Open returns how many work requests have not ended.
func (s *Service) Open() int { return int(max(0, s.requests.open.Load())) }

// Waiting returns how many senders wait for an answer.
func (s *Service) Waiting() int { return int(s.waiters.waiting.Load()) }

// Forget forgets the work requests whose commands retention has dropped.
func (s *Service) Forget(oldest journal.Seq) { s.requests.dropBefore(oldest) }

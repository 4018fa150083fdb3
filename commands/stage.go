package commands

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"signalbox/commands/work"
	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/targets"
)

// Stage follows the deliveries of commands and queries: it is a delivery.Requests.
type Stage struct{ *Service }

// handling reports whether a delivery of a command or a query is the one that
// handles it, and returns the command's work request.
func (s Stage) handling(a *delivery.Attempt) (t *tracked, ok bool) {
	it := a.Item
	if it.Meta().TreatedAs() == event.KindQuery {
		return nil, a.Target == nil || !a.Target.Config.Traits().Observes
	}
	t = s.requests.ofCommand(it.EventID())
	if t == nil || it.Delivery.Redriven() { // whose request has ended with its death
		return nil, false
	}
	by := t.now.Load().Handler
	return t, by.Bus == it.Meta().Bus && by.Rule == it.Delivery.Rule && by.Entry == it.Delivery.RuleTarget
}

// Begin prepares an attempt at a command or a query, which is dropped where the
// command has been cancelled or nobody waits for the query's reply any more.
func (s Stage) Begin(a *delivery.Attempt) delivery.Verdict {
	t, ok := s.handling(a)
	switch {
	case !ok:
		return delivery.Continue
	case t == nil && s.unasked(a.Item):
		return s.dropQuery(dropUnasked)
	case t != nil && t.now.Load().Action == work.Canceling:
		note := "before it was delivered"
		if a.Item.Delivery.Attempts > 0 {
			note = "after attempts that failed; it is not delivered again"
		}
		if !s.settled(a, t, work.Change{Action: work.Canceled, Note: note}) {
			return delivery.Stay
		}
		return delivery.Drop
	}
	if a.Target != nil && a.Target.Config.Traits().Answers {
		a.Send.Answer = new(targets.Answer)
	}
	return delivery.Continue
}

// unasked reports whether a query was asked by somebody who does not wait any more.
func (s Stage) unasked(it *queue.Item) bool {
	return askedFor(it) && !s.waiters.wait(it.EventID())
}

// askedFor reports whether a query came from somebody who waits for the reply. One
// that came in as an event does is delivered as one.
func askedFor(it *queue.Item) bool {
	return slices.ContainsFunc(it.Meta().Extensions, func(a event.Attribute) bool { return a.Name == replyBy })
}

// settled moves a command's work request; false means that the step can't be
// written, and that the delivery must stay as it is.
func (s Stage) settled(a *delivery.Attempt, t *tracked, c work.Change) bool {
	_, err := s.advance(t, c)
	if err != nil {
		s.opts.Log.Error("work request's step can't be written; the delivery will be attempted again after a restart",
			zap.String("target", a.Send.Target), zap.Error(err))
	}
	return err == nil
}

// Answered takes in what the target has answered to a delivery that it has taken.
func (s Stage) Answered(a *delivery.Attempt) delivery.Verdict {
	t, ok := s.handling(a)
	if !ok || a.Send.Answer == nil || !a.Target.Config.Traits().Answers {
		return delivery.Continue
	}
	reply := replyOf(a.Send.Answer, ReplyAnswered)
	if t == nil {
		s.waiters.tell(a.Item.EventID(), reply)
		return delivery.Continue
	}
	c := work.Change{Action: work.Succeeded, Note: fmt.Sprintf("the handler answered %d", reply.Status)}
	if reply.Status == http.StatusAccepted {
		c.Action, reply = work.InProgress, Reply{Outcome: ReplyLate}
	}
	if !s.settled(a, t, c) {
		return delivery.Stay
	}
	s.waiters.tell(a.Item.EventID(), reply)
	return delivery.Continue
}

func replyOf(a *targets.Answer, outcome string) Reply {
	r := Reply{Outcome: outcome, Status: a.Status, ContentType: a.ContentType, Body: a.Body, Cut: a.Cut}
	if r.Status == 0 { // a function of this process
		r.Status = http.StatusOK
	}
	return r
}

// Failed takes in an attempt that failed. The handler's final word on a command, or
// on a query, ends both; any other failure is that of any delivery.
func (s Stage) Failed(a *delivery.Attempt) delivery.Verdict {
	t, ok := s.handling(a)
	if !ok {
		return delivery.Continue
	}
	if a.Send.Answer == nil || !a.Failure.Final || !refuses(a.Failure.Status) {
		if t == nil && s.unasked(a.Item) {
			s.dropQuery(dropUnasked)
			return delivery.DropFailed
		}
		return delivery.Continue
	}
	if t != nil && !s.settled(a, t, work.Change{Action: work.Failed, Note: "the handler refused it", Error: failureFor(a.Failure)}) {
		return delivery.Stay
	}
	s.waiters.tell(a.Item.EventID(), replyOf(a.Send.Answer, ReplyRefused))
	return delivery.Drop
}

// refuses reports whether a status is a handler's word on the message itself. The
// others are about its address or the router's credentials, which an operator
// corrects, or pass with time.
func refuses(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusGone, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

func failureFor(failure *targets.Error) *work.Failure {
	text := failure.Error()
	if failure.Snippet != "" {
		text += ": " + failure.Snippet
	}
	return &work.Failure{Code: failure.Code, Message: work.Bounded(strings.TrimSpace(text)), Status: failure.Status}
}

// GaveUp takes in that a delivery is about to go to the dead-letter queue, where no
// query goes that somebody had asked.
func (s Stage) GaveUp(a *delivery.Attempt) delivery.Verdict {
	t, ok := s.handling(a)
	if !ok {
		return delivery.Continue
	}
	if t != nil && !s.settled(a, t, work.Change{Action: work.Failed, Note: "in the dead-letter queue", Error: failureFor(a.Failure)}) {
		return delivery.Stay
	}
	s.waiters.tell(a.Item.EventID(), Reply{Outcome: ReplyFailed, Message: delivery.Message(a.Failure), Status: a.Failure.Status})
	if t == nil && askedFor(a.Item) {
		return s.dropQuery(dropFailed)
	}
	return delivery.Continue
}

// Simulated takes in a test message that its target does not act on.
func (s Stage) Simulated(a *delivery.Attempt) delivery.Verdict {
	t, ok := s.handling(a)
	if !ok {
		return delivery.Continue
	}
	if t != nil && !s.settled(a, t, work.Change{Action: work.Succeeded, Note: "a test: the target does not act on it"}) {
		return delivery.Stay
	}
	s.waiters.tell(a.Item.EventID(), Reply{Outcome: ReplyNothing})
	return delivery.Continue
}

// dropQuery counts a query that has no use any more.
func (s Stage) dropQuery(reason string) delivery.Verdict {
	s.metrics.drops.WithLabelValues(reason).Inc()
	return delivery.Drop
}

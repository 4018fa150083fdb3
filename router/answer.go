package router

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/targets"
	"signalbox/work"
)

// The reasons for which the delivery of a query is given up.
const (
	dropUnasked = "asker_gone"
	dropFailed  = "failed"
)

// handling says whether a delivery of a command or a query is the one that
// handles it, and gives the command's work request.
func (l *lane) handling(it *item, h *handle) (t *tracked, ok bool) {
	if it.meta.Kind == event.KindQuery {
		return nil, h == nil || !observes(h.cfg.Type)
	}
	t = l.r.works.ofCommand(it.eventID)
	if t == nil || it.delivery.Redriven() { // whose request has ended with its death
		return nil, false
	}
	by := t.now.Load().Handler
	return t, by.Bus == it.meta.Bus && by.Rule == it.delivery.Rule && by.Entry == it.delivery.RuleTarget
}

// beginRequest prepares an attempt at a command or a query; it has ended the delivery,
// and says false, where the command has been cancelled or nobody waits for the
// query's reply any more.
func (l *lane) beginRequest(it *item, h *handle, d *targets.Delivery) bool {
	t, ok := l.handling(it, h)
	switch {
	case !ok:
		return true
	case t == nil && l.unasked(it):
		l.dropQuery(it, dropUnasked)
		return false
	case t != nil && t.now.Load().Action == work.Canceling:
		note := "before it was delivered"
		if it.delivery.Attempts > 0 {
			note = "after attempts that failed; it is not delivered again"
		}
		if l.advance(t, work.Change{Action: work.Canceled, Note: note}) {
			l.drop(it)
		}
		return false
	}
	if d.Answer == nil && answersFor(&h.cfg) {
		d.Answer = new(targets.Answer)
	}
	return true
}

// unasked says that a query was asked by somebody who does not wait any more.
func (l *lane) unasked(it *item) bool { return askedFor(it) && !l.r.askers.wait(it.eventID) }

// askedFor says whether a query came from somebody who waits for the reply. One
// that came in as an event does is delivered as one.
func askedFor(it *item) bool {
	return slices.ContainsFunc(it.meta.Extensions, func(a event.Attribute) bool { return a.Name == replyBy })
}

// advance moves a command's work request; false says that the step can't be
// written, and that the delivery must stay as it is.
func (l *lane) advance(t *tracked, c work.Change) bool {
	_, err := l.r.advance(t, c)
	if err != nil {
		l.r.log.Error("work request's step can't be written; the delivery will be attempted again after a restart",
			zap.String("target", l.name), zap.Error(err))
	}
	return err == nil
}

// answeredRequest tells of a delivery that the target has taken. It says false where
// the delivery must not be settled.
func (l *lane) answeredRequest(it *item, h *handle, d *targets.Delivery) bool {
	t, ok := l.handling(it, h)
	if !ok || d.Answer == nil || !answersFor(&h.cfg) {
		return true
	}
	reply := replyOf(d.Answer, ReplyAnswered)
	if t == nil {
		l.r.askers.tell(it.eventID, reply)
		return true
	}
	c := work.Change{Action: work.Succeeded, Note: fmt.Sprintf("the handler answered %d", reply.Status)}
	if reply.Status == http.StatusAccepted {
		c.Action, reply = work.InProgress, Reply{Outcome: ReplyLate}
	}
	if !l.advance(t, c) {
		return false
	}
	l.r.askers.tell(it.eventID, reply)
	return true
}

func replyOf(a *targets.Answer, outcome string) Reply {
	r := Reply{Outcome: outcome, Status: a.Status, ContentType: a.ContentType, Body: a.Body, Cut: a.Cut}
	if r.Status == 0 { // a function of this process
		r.Status = http.StatusOK
	}
	return r
}

// refused tells of an attempt that failed with the handler's final word on a
// command, or on a query, which both end with it. It says false where the
// failure is to be treated as that of any delivery.
func (l *lane) refused(it *item, h *handle, d *targets.Delivery, failure *targets.Error) bool {
	t, ok := l.handling(it, h)
	if !ok {
		return false
	}
	if d.Answer == nil || !failure.Final || !refuses(failure.Status) {
		if t == nil && l.unasked(it) {
			l.r.metrics.failed(l.name, failure.Code)
			l.noteFailure(it, h, failure)
			l.dropQuery(it, dropUnasked)
			return true
		}
		return false
	}
	l.r.metrics.failed(l.name, failure.Code)
	l.noteSuccess(it) // the target is well, and says no
	if t != nil && !l.advance(t, work.Change{Action: work.Failed, Note: "the handler refused it", Error: failureFor(failure)}) {
		return true
	}
	l.r.askers.tell(it.eventID, replyOf(d.Answer, ReplyRefused))
	l.drop(it)
	return true
}

// refuses says whether a status is a handler's word on the message itself. The
// others are about its address or the router's credentials, which an operator
// mends, or pass with time.
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

// gaveUp tells of a delivery that is about to go to the dead-letter queue. It
// says true where it does not: it is a query, or the step can't be written.
func (l *lane) gaveUp(it *item, h *handle, failure *targets.Error) bool {
	t, ok := l.handling(it, h)
	if !ok {
		return false
	}
	if t != nil && !l.advance(t, work.Change{Action: work.Failed, Note: "in the dead-letter queue", Error: failureFor(failure)}) {
		return true
	}
	l.r.askers.tell(it.eventID, Reply{Outcome: ReplyFailed, Message: message(failure), Status: failure.Status})
	if t == nil && askedFor(it) {
		l.dropQuery(it, dropFailed)
		return true
	}
	return false
}

// simulated tells of a test message that its target does not act on.
func (l *lane) simulated(it *item, h *handle) bool {
	t, ok := l.handling(it, h)
	if !ok {
		return true
	}
	if t != nil && !l.advance(t, work.Change{Action: work.Succeeded, Note: "a test: the target does not act on it"}) {
		return false
	}
	l.r.askers.tell(it.eventID, Reply{Outcome: ReplyNothing})
	return true
}

// dropQuery ends the delivery of a query that has no use any more.
func (l *lane) dropQuery(it *item, reason string) {
	l.r.metrics.queryDrops.WithLabelValues(reason).Inc()
	l.drop(it)
}

// drop ends a delivery without another attempt.
func (l *lane) drop(it *item) {
	l.r.metrics.ended(it.delivery.Rule, l.name, outcomeDropped)
	l.settle(it, nil, journal.Dropped)
}

package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"signalbox/dlq"
	"signalbox/journal"
	"signalbox/targets"
)

// The conditions of a dead letter whose attempts are spent, in EventBridge's terms.
const (
	ConditionAttempts = "MaximumRetryAttempts"
	ConditionAge      = "MaximumEventAgeInSeconds"
)

// trial is a delivery that is about to be attempted.
type trial struct {
	item     *item
	delivery targets.Delivery
	retry    targets.Retry
	start    time.Time
	deadline time.Time
}

// begin settles a delivery that needs no attempt, or may have none any more; ok
// says that it is to be attempted.
func (l *lane) begin(it *item, h *handle) (t trial, ok bool) {
	if it.delivery.Redriven() && !l.r.DeadLetters.Redriving(&it.delivery) {
		l.putBack(it)
		return t, false
	}
	if h == nil {
		l.bury(it, nil, targets.Delivery{}, &targets.Error{
			Code: targets.CodeNoResource, Err: fmt.Errorf("target %q is not defined any more", l.name),
		}, "")
		return t, false
	}
	if l.holdBack(it) {
		return t, false
	}
	t = trial{item: it, delivery: l.delivery(it), retry: l.retry(it, h), start: time.Now()}
	if isRequest(it.meta.Kind) && !l.beginRequest(it, h, &t.delivery) {
		return t, false
	}
	if it.meta.Synthetic && h.cfg.Synthetic != targets.SyntheticDeliver {
		l.simulate(it, h, t.delivery)
		return t, false
	}
	t.deadline = l.began(it).Add(t.retry.MaxAge)
	if t.retry.MaxAge > 0 && !t.start.Before(t.deadline) {
		l.bury(it, h, t.delivery, l.tooOld(it, t.retry), ConditionAge)
		return t, false
	}
	return t, true
}

// attempt makes one attempt at a delivery and settles what came of it.
func (l *lane) attempt(it *item, h *handle) {
	t, ok := l.begin(it, h)
	if !ok {
		return
	}
	if l.wantsReply(it, h) {
		t.delivery.Answer = new(targets.Answer)
	}
	ctx, cancel := context.WithTimeout(l.r.base, h.cfg.Timeout)
	err := deliver(ctx, h.target, &t.delivery)
	cancel()
	l.answered(it, &t.delivery, t.start)
	if err == nil && l.wantsReply(it, h) {
		it.answered.Derived, err = l.r.derive(it, &t.delivery)
	}
	if err != nil && (l.r.base.Err() != nil || errors.Is(err, ErrStopping)) {
		return // broken off by the stop: made again after the next start
	}
	if it.delivery.Attempts == 0 {
		l.r.metrics.firstAttempt(l.name, t.start.Sub(it.meta.Received))
	}
	if err == nil {
		if !isRequest(it.meta.Kind) || l.answeredRequest(it, h, &t.delivery) {
			l.delivered(it, it.answered.Took)
		}
		return
	}
	failure := failureOf(ctx, err, h.cfg.Timeout)
	if isRequest(it.meta.Kind) && l.refused(it, h, &t.delivery, failure) {
		return
	}
	l.failed(it, h, t.delivery, t.retry, failure, t.deadline)
}

// retry is what bounds the item's attempts: the rule's own word, or the target's,
// and a redrive's.
func (l *lane) retry(it *item, h *handle) targets.Retry {
	own := l.r.snapshot.Load().retries
	retry, ok := own[it.entry()]
	if !ok {
		retry = h.cfg.Retry
	}
	if it.delivery.Redriven() {
		if n := it.delivery.Lineage.Out.Attempts; n > 0 {
			retry.MaxAttempts = min(retry.MaxAttempts, n)
		}
	}
	return retry
}

// deliver makes the attempt; a target that panics has failed it.
func deliver(ctx context.Context, t targets.Target, d *targets.Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &targets.Error{Code: targets.CodeInternalError, Err: fmt.Errorf("the target panicked: %v\n%s", p, debug.Stack())}
		}
	}()
	return t.Deliver(ctx, d)
}

// failureOf gives the typed error of a failed attempt.
func failureOf(ctx context.Context, err error, timeout time.Duration) *targets.Error {
	var failure *targets.Error
	if errors.As(err, &failure) {
		return failure
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &targets.Error{Code: targets.CodeTimeout, Err: fmt.Errorf("no answer within %v: %w", timeout, err)}
	}
	return &targets.Error{Code: targets.CodeUnknown, Err: err}
}

// delivery is the item as its target gets it.
func (l *lane) delivery(it *item) targets.Delivery {
	d := &it.delivery
	out := targets.Delivery{
		ID:      journal.DeliveryID(d.Seq, it.bus(), d.Rule, d.RuleTarget),
		EventID: it.eventID, Bus: it.meta.Bus, Rule: d.Rule, RuleTarget: d.RuleTarget,
		Target: l.name, Attempt: d.Attempts + 1,
		Envelope: it.envelope, Body: d.Body, Meta: it.meta,
	}
	if d.Notice {
		out.Envelope, out.Body = d.Body, nil
	}
	return out
}

// began is when the delivery's present round began.
func (it *item) began() time.Time {
	if it.delivery.Since.IsZero() {
		return it.meta.Received
	}
	return it.delivery.Since
}

// simulate ends the delivery of a synthetic event to a target that does not act
// on such.
func (l *lane) simulate(it *item, h *handle, d targets.Delivery) {
	if isRequest(it.meta.Kind) && !l.simulated(it, h) {
		return
	}
	if h.cfg.Synthetic == targets.SyntheticDrop {
		l.r.metrics.ended(it.delivery.Rule, l.name, outcomeDropped)
		l.settle(it, nil, journal.Dropped)
		return
	}
	if err := targets.LogSynthetic(l.r.log, h.target, &d); err != nil {
		l.bury(it, h, d, &targets.Error{Code: targets.CodeInvalidParameter, Err: err}, "")
		return
	}
	l.r.metrics.ended(it.delivery.Rule, l.name, outcomeDelivered)
	l.settle(it, nil, journal.Delivered)
}

func (l *lane) delivered(it *item, took time.Duration) {
	l.r.metrics.delivered(it.delivery.Rule, l.name, took, time.Since(it.meta.Received))
	l.noteSuccess(it)
	l.settle(it, nil, journal.Delivered)
}

// failed decides what comes after a failed attempt: the dead-letter queue, or a
// wait on disk.
func (l *lane) failed(it *item, h *handle, d targets.Delivery, retry targets.Retry, failure *targets.Error, deadline time.Time) {
	now := time.Now()
	l.r.metrics.failed(l.name, failure.Code)
	wait := l.noteFailure(it, h, failure)
	next := it.delivery
	next.Attempts++
	next.Remember(attemptOf(next.Attempts, now, it.answered.Took, failure))
	round := next.Attempts - next.Spent
	giveUp := next.Redriven() && l.r.DeadLetters.Failed(&next, failure)
	switch {
	case failure.Final:
		l.buryAs(it, next, h, d, failure, "")
	case round >= retry.MaxAttempts:
		l.buryAs(it, next, h, d, failure, ConditionAttempts)
	case giveUp:
		l.buryAs(it, next, h, d, failure, "")
	default:
		next.State = journal.Waiting
		next.Due = it.run.due(now.Add(max(backoff(retry, round, failure.RetryAfter), min(wait, retry.MaxBackoff)))).UTC()
		if retry.MaxAge > 0 && next.Due.After(deadline) {
			next.Due = deadline.UTC() // to end when its age says so, not later
		}
		l.r.metrics.retries.WithLabelValues(l.name).Inc()
		l.settle(it, &next, journal.NotEnded)
	}
}

// bury sends a delivery to the dead-letter queue without another attempt.
func (l *lane) bury(it *item, h *handle, d targets.Delivery, failure *targets.Error, condition string) {
	l.buryAs(it, it.delivery, h, d, failure, condition)
}

// buryAs sends a delivery to the dead-letter queue in its latest state, with the
// request that was, or would have been, sent.
func (l *lane) buryAs(it *item, next journal.Delivery, h *handle, d targets.Delivery, failure *targets.Error, condition string) {
	if isRequest(it.meta.Kind) && l.gaveUp(it, h, failure) {
		return
	}
	next.State, next.Due = journal.Dead, time.Time{}
	next.Death = &journal.Death{
		At: time.Now().UTC(), Code: failure.Code, Message: message(failure), Condition: condition,
		Status: failure.Status, Snippet: failure.Snippet, Request: rendered(h, d, next.Original()),
	}
	dlq.DiedAgain(&next)
	l.r.metrics.died(next.Rule, l.name)
	l.settle(it, &next, journal.NotEnded)
}

// rendered is the request of a dead letter as JSON, without the body, which the
// letter has; nil where there is no target to render it.
func rendered(h *handle, d targets.Delivery, original []byte) json.RawMessage {
	if h == nil {
		return nil
	}
	req, err := h.target.Preview(&d)
	if err != nil {
		return nil // the error that buried it says why
	}
	body := req.Body
	if h.batch != nil {
		body = strings.TrimSuffix(strings.TrimPrefix(body, "["), "]") // the array of a batch of one
	}
	if original == nil && body == string(d.Envelope) || original != nil && body == string(original) {
		req.Body = ""
	}
	b, err := json.Marshal(req)
	if err != nil {
		return nil
	}
	return b
}

// lastError is why the latest attempt of a delivery failed that has grown too old.
func lastError(it *item, retry targets.Retry) *targets.Error {
	h := it.delivery.History
	if len(h) == 0 {
		return &targets.Error{Code: targets.CodeTimeout, Err: fmt.Errorf("the event was older than retry.max_age (%v) before its first attempt", retry.MaxAge)}
	}
	last := h[len(h)-1]
	return &targets.Error{Code: last.Code, Status: last.Status, Err: errors.New(last.Message)}
}

func attemptOf(n int, at time.Time, took time.Duration, failure *targets.Error) journal.Attempt {
	a := journal.Attempt{
		At: at.UTC(), Attempt: n, Code: failure.Code, Status: failure.Status, Message: message(failure),
		TookMS: float64(took.Microseconds()) / 1000,
	}
	if failure.Tries > 1 {
		a.Tries = failure.Tries
	}
	return a
}

// maxMessage bounds an error's text on disk, in bytes.
const maxMessage = 1024

func message(failure *targets.Error) string {
	m := failure.Error()
	if len(m) > maxMessage {
		m = strings.ToValidUTF8(m[:maxMessage], "") + "…"
	}
	return m
}

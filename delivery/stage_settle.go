package delivery

import (
	"encoding/json"
	"strings"
	"time"

	"signalbox/delivery/circuit"
	"signalbox/journal"
	"signalbox/targets"
)

// The conditions of a dead letter whose attempts are spent, in EventBridge's terms.
const (
	ConditionAttempts = "MaximumRetryAttempts"
	ConditionAge      = "MaximumEventAgeInSeconds"
)

// outcome settles what came of the attempt.
func outcome(a *Attempt) bool {
	a.noteFirst()
	a.trace(1)
	switch {
	case a.Failure == nil:
		if ask(a, Requests.Answered) {
			noteSuccess(a)
			a.delivered(a.result.Took)
		}
	case !refused(a):
		a.failed()
	}
	return false
}

// noteFirst notes how long a delivery waited for its first attempt.
func (a *Attempt) noteFirst() {
	if a.Item.Delivery.Attempts == 0 {
		a.lane.env.Metrics.firstAttempt(ruleOf(a.Item), a.lane.Name, a.start.Sub(a.Item.Planned()))
	}
}

func (a *Attempt) delivered(took time.Duration) {
	a.lane.env.Metrics.delivered(ruleOf(a.Item), a.lane.Name, took, time.Since(a.Item.Planned()))
	a.settle(nil, journal.Delivered)
}

// failed decides what comes after a failed attempt: the dead-letter queue, or a
// wait on disk.
func (a *Attempt) failed() {
	l, it, failure := a.lane, a.Item, a.Failure
	now := time.Now()
	l.env.Metrics.failed(l.Name, failure.Code)
	wait := noteFailure(a)
	next := it.Delivery
	next.Attempts++
	next.Remember(attemptOf(next.Attempts, now, a.result.Took, failure))
	round := next.Attempts - next.Spent
	giveUp := next.Redriven() && l.env.Redrives.Failed(&next, failure)
	switch {
	case failure.Final:
		a.deadLetterAs(next, "")
	case round >= a.retry.MaxAttempts:
		a.deadLetterAs(next, ConditionAttempts)
	case giveUp:
		a.deadLetterAs(next, "")
	default:
		next.State = journal.Waiting
		next.Due = a.run.due(now.Add(max(circuit.Backoff(a.retry, round, failure.RetryAfter), min(wait, a.retry.MaxBackoff)))).UTC()
		if a.retry.MaxAge > 0 && next.Due.After(a.deadline) {
			next.Due = a.deadline.UTC() // to end when its age says so, not later
		}
		l.env.Metrics.retried(l.Name)
		a.settle(&next, journal.NotEnded)
	}
}

// deadLetter sends a delivery to the dead-letter queue without another attempt.
func (a *Attempt) deadLetter(condition string) { a.deadLetterAs(a.Item.Delivery, condition) }

// deadLetterAs sends a delivery to the dead-letter queue in its latest state, with
// the request that was, or would have been, sent.
func (a *Attempt) deadLetterAs(next journal.Delivery, condition string) {
	if !ask(a, Requests.GaveUp) {
		return
	}
	l, failure := a.lane, a.Failure
	next.State, next.Due = journal.Dead, time.Time{}
	if l.Home != l.ID {
		next.Lane = l.Home // that of the replay ends with it
	}
	next.Death = &journal.Death{
		At: time.Now().UTC(), Code: failure.Code, Message: Message(failure), Condition: condition,
		Status: failure.Status, Snippet: failure.Snippet, Request: a.rendered(next.Original()),
	}
	if next.Redriven() {
		l.env.Redrives.DiedAgain(&next)
	}
	l.env.Metrics.Died(ruleOf(a.Item), l.Name)
	logDeath(l, &next, a.Item)
	if l.env.Died != nil {
		l.env.Died(l.Target, a.Item, &next)
	}
	a.forward = l.env.Policies().Forward(a.Item.Meta().Bus, &next)
	a.settle(&next, journal.NotEnded)
}

// rendered returns the request of a dead letter as JSON, without the body, which the
// letter has; nil where there is no target to render it.
func (a *Attempt) rendered(original []byte) json.RawMessage {
	if a.Target == nil {
		return nil
	}
	req, err := a.Target.Target.Preview(&a.Send)
	if err != nil {
		return nil // the failure tells why
	}
	body := req.Body
	if a.Target.batch != nil {
		body = strings.TrimSuffix(strings.TrimPrefix(body, "["), "]") // the array of a batch of one
	}
	if original == nil && body == string(a.Send.Envelope) || original != nil && body == string(original) {
		req.Body = ""
	}
	b, err := json.Marshal(req)
	if err != nil {
		return nil
	}
	return b
}

func attemptOf(n int, at time.Time, took time.Duration, failure *targets.Error) journal.Attempt {
	a := journal.Attempt{
		At: at.UTC(), Attempt: n, Code: failure.Code, Status: failure.Status, Message: Message(failure),
		TookMS: float64(took.Microseconds()) / 1000,
	}
	if failure.Tries > 1 {
		a.Tries = failure.Tries
	}
	return a
}

// maxMessage bounds an error's text on disk, in bytes.
const maxMessage = 1024

// Message returns the text of a failure as it is kept.
func Message(failure *targets.Error) string {
	m := failure.Error()
	if len(m) > maxMessage {
		m = strings.ToValidUTF8(m[:maxMessage], "") + "…"
	}
	return m
}

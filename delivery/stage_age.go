package delivery

import (
	"errors"
	"fmt"
	"time"

	"signalbox/delivery/circuit"
	"signalbox/delivery/queue"
	"signalbox/targets"
)

// age dead-letters what is too old to be attempted.
func age(a *Attempt) bool {
	if a.retry.MaxAge <= 0 {
		return true
	}
	a.deadline = began(a.lane, a.Item).Add(a.retry.MaxAge)
	if a.start.Before(a.deadline) {
		return true
	}
	dieOfAge(a)
	return false
}

func dieOfAge(a *Attempt) {
	a.Failure = tooOld(a.lane, a.Item, a.retry)
	a.deadLetter(ConditionAge)
}

// began is when the delivery's age began to count: with its round, or with the end
// of the latest pause of its target.
func began(l *Lane, it *queue.Item) time.Time {
	began := it.Began()
	if ns := l.ageFrom.Load(); ns != 0 {
		if from := time.Unix(0, ns); from.After(began) {
			return from
		}
	}
	return began
}

// tooOld is why a delivery dies of its age: its latest failure, or that it never
// had an attempt, and the circuit if that kept it from one.
func tooOld(l *Lane, it *queue.Item, retry targets.Retry) *targets.Error {
	e := lastError(it, retry)
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := &l.health.circuit; c.State() != circuit.Closed {
		e.Err = fmt.Errorf("%w; the circuit of target %q has been open since %s (%s)", e.Err, l.Name, c.Since().UTC().Format(time.RFC3339), c.Reason())
	}
	return e
}

// lastError is why the latest attempt of a delivery failed that has grown too old.
func lastError(it *queue.Item, retry targets.Retry) *targets.Error {
	h := it.Delivery.History
	if len(h) == 0 {
		return &targets.Error{Code: targets.CodeTimeout, Err: fmt.Errorf("the event was older than retry.max_age (%v) before its first attempt", retry.MaxAge)}
	}
	last := h[len(h)-1]
	return &targets.Error{Code: last.Code, Status: last.Status, Err: errors.New(last.Message)}
}

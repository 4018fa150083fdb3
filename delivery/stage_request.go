package delivery

import (
	"signalbox/delivery/queue"
	"signalbox/journal"
)

// request asks what is to become of a command or a query before it is attempted.
func request(a *Attempt) bool { return ask(a, Requests.Begin) }

// isRequest reports whether a delivery is that of a command or a query to its handler.
func isRequest(it *queue.Item) bool { return it.Meta().IsRequest() && it.Delivery.Forward == nil }

// ask asks what becomes of a command or a query, and does it. It reports whether the
// delivery is to be treated as that of any event.
func ask(a *Attempt, of func(Requests, *Attempt) Verdict) bool {
	if !isRequest(a.Item) {
		return true
	}
	verdict := of(a.lane.env.Requests, a)
	if verdict == Drop || verdict == DropFailed {
		drop(a)
	}
	return verdict == Continue
}

// refused reports whether a failed attempt ends a command or a query: with its
// handler's final word, which shows that the target is well, or because nobody waits.
func refused(a *Attempt) bool {
	if !isRequest(a.Item) {
		return false
	}
	l, verdict := a.lane, a.lane.env.Requests.Failed(a)
	switch verdict {
	case Continue:
		return false
	case DropFailed:
		noteFailure(a)
	default:
		noteSuccess(a)
	}
	l.env.Metrics.failed(l.Name, a.Failure.Code)
	if verdict != Stay {
		drop(a)
	}
	return true
}

// drop ends a delivery without another attempt.
func drop(a *Attempt) {
	a.lane.env.Metrics.ended(ruleOf(a.Item), a.lane.Name, outcomeDropped)
	a.settle(nil, journal.Dropped)
}

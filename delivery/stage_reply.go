package delivery

import (
	"context"
	"errors"

	"signalbox/delivery/queue"
)

// reply accepts the events that the target has answered with, where it answers with
// such. They are on disk before the delivery ends.
func reply(a *Attempt) bool {
	l := a.lane
	if a.Failure != nil || !wantsReply(l.env, a.Item, a.Target) {
		return true
	}
	derived, err := l.env.Derive(a)
	if err != nil && (l.env.Base.Err() != nil || errors.Is(err, ErrStopping)) {
		return false
	}
	if err != nil {
		a.Failure = failureOf(context.Background(), err, a.Target.Config.Timeout)
		return true
	}
	a.result.Derived = derived
	return true
}

// wantsReply reports whether the answer to a delivery carries events.
func wantsReply(env *Env, it *queue.Item, t *Active) bool {
	if own := env.Policies().Replies; own != nil {
		if wants, ok := own[entryOf(it)]; ok {
			return wants
		}
	}
	return t.Replies
}

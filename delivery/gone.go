package delivery

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"signalbox/targets"
)

// absence is the wait for a target that is not defined, or not any more: its
// deliveries are kept for a while, since a rule file that was broken or moved by
// mistake is often back soon.
type absence struct {
	// until is when the deliveries go to the dead-letter queue; zero while the lane
	// has a target, or when they have begun to go.
	until time.Time
	// left means that the lane had a target before.
	left bool
}

// begin starts the wait. left says that the lane has had a target until now.
func (a *absence) begin(wait time.Duration, left bool) {
	*a = absence{until: time.Now().Add(wait), left: left}
}

// end ends the wait for a target that is back, and reports whether it was here before.
func (a *absence) end() (left bool) {
	left = a.left
	*a = absence{}
	return left
}

// over reports whether the wait has ended, and ends it: true once.
func (a *absence) over(now time.Time) bool {
	if a.until.IsZero() || now.Before(a.until) {
		return false
	}
	a.until = time.Time{}
	return true
}

// waits reports whether the deliveries are still to be kept.
func (a *absence) waits() bool { return !a.until.IsZero() }

// tellGone warns that a target has gone, if it leaves deliveries behind.
func tellGone(l *Lane) {
	n := l.env.Store.LaneCounts(l.ID).Pending()
	if n == 0 {
		return
	}
	l.env.Log.Warn("target is not defined any more: its deliveries wait for it, and then go to the dead-letter queue",
		zap.String("target", l.Name), zap.Uint64("pending", n), zap.Duration("wait", l.env.GoneWait))
}

// gone dead-letters what has no target any more.
func gone(a *Attempt) bool {
	if a.Target != nil {
		return true
	}
	a.Failure = &targets.Error{Code: targets.CodeNoResource, Err: fmt.Errorf("target %q is not defined any more", a.lane.Target)}
	a.deadLetter("")
	return false
}

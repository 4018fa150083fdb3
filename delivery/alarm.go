package delivery

import "time"

// alarm rings at the first of the times that it is given.
type alarm struct {
	ring  func()
	timer *time.Timer
	at    time.Time
}

// set sets the alarm to the first of the times that lie ahead; the others, zero ones
// among them, do not count.
func (a *alarm) set(now time.Time, times ...time.Time) {
	var at time.Time
	for _, t := range times {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if at.IsZero() || at.Equal(a.at) {
		return
	}
	a.at = at
	if a.timer == nil {
		a.timer = time.AfterFunc(at.Sub(now), a.ring)
		return
	}
	a.timer.Reset(at.Sub(now))
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

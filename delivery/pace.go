package delivery

import (
	"time"

	"golang.org/x/time/rate"
)

// pace is what bounds how fast a lane goes.
type pace struct {
	limiter *rate.Limiter // nil is no limit
	// yield is what the lane of a replay gives way by; nil where it does not.
	yield *Yield
	// at is when the next attempt is allowed.
	at time.Time
}

func newPace(t *Active, y *Yield) pace {
	perSecond := t.Config.RateLimit.PerSecond()
	if perSecond <= 0 {
		return pace{yield: y}
	}
	return pace{yield: y, limiter: rate.NewLimiter(rate.Limit(perSecond), t.burst(perSecond))}
}

// most returns how many of n deliveries may ever go at once.
func (p *pace) most(n int) int {
	if p.limiter == nil {
		return n
	}
	return min(n, p.limiter.Burst())
}

// bounds reports whether anything bounds the lane.
func (p *pace) bounds() bool { return p.limiter != nil || p.yield != nil }

// allows reports whether n deliveries may go now, and counts them then.
func (p *pace) allows(n int, now time.Time) bool {
	var r *rate.Reservation
	var wait time.Duration
	if p.limiter != nil {
		r = p.limiter.ReserveN(now, n)
		wait = r.DelayFrom(now)
	}
	if wait <= 0 && p.yield != nil {
		wait = p.yield.Take(float64(n), now)
	}
	if wait <= 0 {
		return true
	}
	if r != nil {
		r.CancelAt(now)
	}
	p.at = now.Add(wait)
	return false
}

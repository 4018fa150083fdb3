package delivery

import (
	"time"

	"golang.org/x/time/rate"
)

// pace is the rate limit of a lane.
type pace struct {
	limiter *rate.Limiter // nil is no limit
	// at is when the next attempt is allowed.
	at time.Time
}

func newPace(t *Active) pace {
	perSecond := t.Config.RateLimit.PerSecond()
	if perSecond <= 0 {
		return pace{}
	}
	return pace{limiter: rate.NewLimiter(rate.Limit(perSecond), t.burst(perSecond))}
}

// most returns how many of n deliveries may ever go at once.
func (p *pace) most(n int) int {
	if p.limiter == nil {
		return n
	}
	return min(n, p.limiter.Burst())
}

// allows reports whether n deliveries may go now, and counts them then.
func (p *pace) allows(n int, now time.Time) bool {
	if p.limiter == nil {
		return true
	}
	r := p.limiter.ReserveN(now, n)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return true
	}
	r.CancelAt(now)
	p.at = now.Add(wait)
	return false
}

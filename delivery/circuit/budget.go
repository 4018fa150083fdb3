package circuit

import (
	"time"

	"signalbox/targets"
)

// Budget bounds the retries of one lane: a bucket that first attempts and time
// fill, and that each retry takes one token from. It may go below zero: the
// deficit is how long the next retry must wait. Whoever uses it holds the lane's
// lock.
type Budget struct {
	cfg targets.RetryBudget
	// tokens were there at the moment at; firsts counts the first attempts since,
	// whose tokens are in already.
	tokens float64
	at     time.Time
	firsts float64
	// perSecond is how many first attempts there were of late.
	perSecond float64
}

// budgetSeconds is how many seconds' worth of MinRate may be saved up.
const budgetSeconds = 10

// NewBudget returns a full budget.
func NewBudget(cfg targets.RetryBudget, now time.Time) Budget {
	b := Budget{cfg: cfg, at: now}
	b.tokens = b.most()
	return b
}

func (b *Budget) off() bool { return b.cfg.Off || b.cfg.MinRate.IsZero() }

// most is how many tokens can be saved up.
func (b *Budget) most() float64 {
	return max(10, budgetSeconds*max(b.cfg.MinRate.PerSecond(), b.cfg.Ratio*b.perSecond))
}

// First pays in for a delivery's first attempt.
func (b *Budget) First() {
	b.firsts++
	b.tokens = min(b.tokens+b.cfg.Ratio, b.most())
}

// Retry takes a token for a retry that is to come, and returns how long it must
// wait for it at the least.
func (b *Budget) Retry(now time.Time) time.Duration {
	if b.off() {
		return 0
	}
	b.refill(now)
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	perSecond := b.cfg.MinRate.PerSecond() + b.cfg.Ratio*b.perSecond
	return time.Duration(-b.tokens / perSecond * float64(time.Second))
}

// refill pays in what time has brought, and measures the first attempts anew
// where a second or more has gone by.
func (b *Budget) refill(now time.Time) {
	seconds := now.Sub(b.at).Seconds()
	if seconds < 0 {
		b.at = now // the clock was set back
		return
	}
	if seconds < 1 {
		return
	}
	b.perSecond, b.firsts, b.at = b.firsts/seconds, 0, now
	b.tokens = min(b.tokens+seconds*b.cfg.MinRate.PerSecond(), b.most())
}

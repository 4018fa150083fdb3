// Package circuit decides how much a lane tries of its target: the circuit breaker, the
// budget of retries, and the wait before the next attempt. It is pure: it starts nothing and
// has no clock of its own.
package circuit

import (
	"net/http"
	"time"

	"signalbox/targets"
)

// State is the state of a target's circuit breaker.
type State string

// The states of a circuit breaker.
const (
	// Closed lets every attempt through.
	Closed State = "closed"
	// Open lets none through.
	Open State = "open"
	// HalfOpen lets probes through: deliveries, a few at a time.
	HalfOpen State = "half-open"
)

// States are all of them.
var States = [...]State{Closed, Open, HalfOpen}

// Breaker is the breaker of one lane, and how long its target wants no attempts. It
// is part of the lane, and who uses it has the lane's lock: the state bounds how many
// workers may be active, so that no attempt asks it for leave.
type Breaker struct {
	cfg   targets.Breaker
	state State
	// failures counts the failed attempts in a row.
	failures int
	// since is when the circuit opened from closed, until when it is probed, and
	// reason the failure that opened it last.
	since, until time.Time
	reason       string
	// throttledUntil is until when the target has asked for no attempts.
	throttledUntil time.Time
}

// New returns a closed breaker.
func New(cfg targets.Breaker) Breaker { return Breaker{cfg: cfg, state: Closed} }

func (c *Breaker) off() bool { return c.cfg.Off || c.cfg.Failures < 1 }

// Workers returns how many of n workers the state allows.
func (c *Breaker) Workers(n int) int {
	switch c.state {
	case Open:
		return 0
	case HalfOpen:
		return min(n, max(1, c.cfg.Probes))
	default:
		return n
	}
}

// failed notes a failed attempt, and reports whether it opened a closed circuit.
func (c *Breaker) failed(now time.Time, reason string) (opened bool) {
	if c.off() || c.state == Open {
		return false
	}
	c.failures++
	opened = c.state == Closed && c.failures >= c.cfg.Failures
	if opened {
		c.since = now
	}
	if opened || c.state == HalfOpen {
		c.state, c.reason = Open, reason
		c.until = now.Add(c.cfg.OpenFor)
	}
	return opened
}

// Answered notes that the target has answered, and reports whether that closed a
// half-open circuit. The answer to an attempt from before the circuit opened tells
// nothing new.
func (c *Breaker) Answered() (closed bool) {
	if c.state == Open {
		return false
	}
	closed = c.state == HalfOpen
	c.state, c.failures = Closed, 0
	return closed
}

// Tick moves an open circuit on to be probed, when its time has come.
func (c *Breaker) Tick(now time.Time) {
	if c.state == Open && !now.Before(c.until) {
		c.state = HalfOpen
	}
}

// ProbeNow has an open circuit probed at once, and forgets that the target wants no
// attempts.
func (c *Breaker) ProbeNow(now time.Time) {
	c.throttledUntil = time.Time{}
	if c.state == Open {
		c.until = now
	}
}

// State returns the state of the circuit.
func (c *Breaker) State() State { return c.state }

// Since returns since when the circuit is not closed.
func (c *Breaker) Since() time.Time { return c.since }

// Reason returns the failure that opened the circuit last.
func (c *Breaker) Reason() string { return c.reason }

// ProbeAt returns when an open circuit is probed.
func (c *Breaker) ProbeAt() time.Time { return c.until }

// OpenFor returns for how long the circuit opens.
func (c *Breaker) OpenFor() time.Duration { return c.cfg.OpenFor }

// ThrottledUntil returns until when the target wants no attempt; zero where it has not asked
// for that, or Throttled has seen the end of it.
func (c *Breaker) ThrottledUntil() time.Time { return c.throttledUntil }

// Throttled reports whether the target wants no attempt now.
func (c *Breaker) Throttled(now time.Time) bool {
	if now.Before(c.throttledUntil) {
		return true
	}
	c.throttledUntil = time.Time{}
	return false
}

// counts reports whether a failure tells of a target that is down, and not of one
// delivery that it won't have.
func counts(f *targets.Error) bool {
	if f.Final {
		return false
	}
	return f.Status == 0 || f.Status >= 500 || f.Status == http.StatusTooManyRequests || f.Status == http.StatusRequestTimeout
}

// throttles reports whether a failure's Retry-After is for all of the target's
// deliveries: RFC 6585 has it so for 429, and RFC 9110 for 503.
func throttles(f *targets.Error) bool {
	return f.RetryAfter > 0 && !f.Final &&
		(f.Code == targets.CodeThrottling || f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable)
}

// Judge takes in what a failure means for the circuit. longest bounds the wait that
// the target may ask for.
func (c *Breaker) Judge(now time.Time, f *targets.Error, text string, longest time.Duration) (opened, closed bool) {
	throttled := c.Throttled(now)
	if throttles(f) {
		if until := now.Add(min(f.RetryAfter, longest)); until.After(c.throttledUntil) {
			c.throttledUntil = until
		}
		if throttled && c.state == Closed {
			return false, false // begun before the target asked: it tells nothing new
		}
	}
	switch {
	case counts(f):
		return c.failed(now, text), false
	case f.Status != 0:
		return false, c.Answered() // it refuses this delivery, and is there
	}
	return false, false
}

// View is how the circuit breaker of a target stands.
type View struct {
	State State `json:"state"`
	// Since is when it opened, ProbeAt when the target is probed next, and Reason
	// the failure that opened it; all are empty while it is closed.
	Since   time.Time `json:"since,omitzero"`
	ProbeAt time.Time `json:"probe_at,omitzero"`
	Reason  string    `json:"reason,omitempty"`
}

// Interrupted reports whether the circuit is open or half-open. A nil circuit, which
// is switched off, is not.
func (c *View) Interrupted() bool { return c != nil && c.State != Closed }

// View shows the circuit; nil where it is switched off.
func (c *Breaker) View() *View {
	switch {
	case c.off():
		return nil
	case c.state == Closed:
		return &View{State: Closed}
	case c.state == HalfOpen:
		return &View{State: c.state, Since: c.since.UTC(), Reason: c.reason}
	}
	return &View{State: c.state, Since: c.since.UTC(), ProbeAt: c.until.UTC(), Reason: c.reason}
}

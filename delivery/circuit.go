package delivery

import (
	"net/http"
	"time"

	"signalbox/targets"
)

// CircuitState is the state of a target's circuit breaker.
type CircuitState string

// The states of a circuit breaker.
const (
	// CircuitClosed lets every attempt through.
	CircuitClosed CircuitState = "closed"
	// CircuitOpen lets none through.
	CircuitOpen CircuitState = "open"
	// CircuitHalfOpen lets probes through: deliveries, a few at a time.
	CircuitHalfOpen CircuitState = "half-open"
)

// CircuitStates are all of them.
var CircuitStates = [...]CircuitState{CircuitClosed, CircuitOpen, CircuitHalfOpen}

// circuit is the breaker of one lane, and how long its target wants no attempts. It
// is part of the lane, and who uses it has the lane's lock: the state bounds how many
// workers may be active, so that no attempt asks it for leave.
type circuit struct {
	cfg   targets.Breaker
	state CircuitState
	// failures counts the failed attempts in a row.
	failures int
	// since is when the circuit opened from closed, until when it is probed, and
	// reason the failure that opened it last.
	since, until time.Time
	reason       string
	// throttledUntil is until when the target has asked for no attempts.
	throttledUntil time.Time
}

func newCircuit(cfg targets.Breaker) circuit { return circuit{cfg: cfg, state: CircuitClosed} }

func (c *circuit) off() bool { return c.cfg.Off || c.cfg.Failures < 1 }

// workers is how many of n workers the state allows.
func (c *circuit) workers(n int) int {
	switch c.state {
	case CircuitOpen:
		return 0
	case CircuitHalfOpen:
		return min(n, max(1, c.cfg.Probes))
	default:
		return n
	}
}

// failed notes a failed attempt, and reports whether it opened a closed circuit.
func (c *circuit) failed(now time.Time, reason string) (opened bool) {
	if c.off() || c.state == CircuitOpen {
		return false
	}
	c.failures++
	opened = c.state == CircuitClosed && c.failures >= c.cfg.Failures
	if opened {
		c.since = now
	}
	if opened || c.state == CircuitHalfOpen {
		c.state, c.reason = CircuitOpen, reason
		c.until = now.Add(c.cfg.OpenFor)
	}
	return opened
}

// answered notes that the target has answered, and reports whether that closed a
// half-open circuit. The answer to an attempt from before the circuit opened tells
// nothing new.
func (c *circuit) answered() (closed bool) {
	if c.state == CircuitOpen {
		return false
	}
	closed = c.state == CircuitHalfOpen
	c.state, c.failures = CircuitClosed, 0
	return closed
}

// tick moves an open circuit on to be probed, when its time has come.
func (c *circuit) tick(now time.Time) {
	if c.state == CircuitOpen && !now.Before(c.until) {
		c.state = CircuitHalfOpen
	}
}

// probeNow has an open circuit probed at once, and forgets that the target wants no
// attempts.
func (c *circuit) probeNow(now time.Time) {
	c.throttledUntil = time.Time{}
	if c.state == CircuitOpen {
		c.until = now
	}
}

// throttled reports whether the target wants no attempt now.
func (c *circuit) throttled(now time.Time) bool { return now.Before(c.throttledUntil) }

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

// judge takes in what a failure means for the circuit. longest bounds the wait that
// the target may ask for.
func (c *circuit) judge(now time.Time, f *targets.Error, text string, longest time.Duration) (opened, closed bool) {
	throttled := c.throttled(now)
	if throttles(f) {
		if until := now.Add(min(f.RetryAfter, longest)); until.After(c.throttledUntil) {
			c.throttledUntil = until
		}
		if throttled && c.state == CircuitClosed {
			return false, false // begun before the target asked: it tells nothing new
		}
	}
	switch {
	case counts(f):
		return c.failed(now, text), false
	case f.Status != 0:
		return false, c.answered() // it refuses this delivery, and is there
	}
	return false, false
}

// Circuit is how the circuit breaker of a target stands.
type Circuit struct {
	State CircuitState `json:"state"`
	// Since is when it opened, ProbeAt when the target is probed next, and Reason
	// the failure that opened it; all are empty while it is closed.
	Since   time.Time `json:"since,omitzero"`
	ProbeAt time.Time `json:"probe_at,omitzero"`
	Reason  string    `json:"reason,omitempty"`
}

// Interrupted reports whether the circuit is open or half-open. A nil circuit, which
// is switched off, is not.
func (c *Circuit) Interrupted() bool { return c != nil && c.State != CircuitClosed }

// view shows the circuit; nil where it is switched off.
func (c *circuit) view() *Circuit {
	switch {
	case c.off():
		return nil
	case c.state == CircuitClosed:
		return &Circuit{State: CircuitClosed}
	case c.state == CircuitHalfOpen:
		return &Circuit{State: c.state, Since: c.since.UTC(), Reason: c.reason}
	}
	return &Circuit{State: c.state, Since: c.since.UTC(), ProbeAt: c.until.UTC(), Reason: c.reason}
}

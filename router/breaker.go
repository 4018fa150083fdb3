package router

import (
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

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

var circuitStates = [...]CircuitState{CircuitClosed, CircuitOpen, CircuitHalfOpen}

// circuit is the breaker of one lane, and how long its target wants quiet. It is
// part of the lane, and whoever uses it holds the lane's lock: the state bounds
// how many workers may be active, so that no attempt asks it for leave.
type circuit struct {
	cfg   targets.Breaker
	state CircuitState
	// failures counts the failed attempts in a row.
	failures int
	// since is when the circuit opened from closed, until when it is probed, and
	// reason the failure that opened it last.
	since, until time.Time
	reason       string
	// quiet is until when the target has asked for no attempts.
	quiet time.Time
	// sweepAt is when what has grown too old behind the circuit is looked for next.
	sweepAt  time.Time
	sweeping bool
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

// failed notes a failed attempt, and says whether it opened a closed circuit.
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
		c.until, c.sweepAt = now.Add(c.cfg.OpenFor), now.Add(c.cfg.OpenFor)
	}
	return opened
}

// answered notes that the target has answered, and says whether that closed a
// half-open circuit. The answer to an attempt from before the circuit opened says
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

// hushed says whether the target's wish for quiet forbids an attempt now.
func (c *circuit) hushed(now time.Time) bool { return now.Before(c.quiet) }

// counts says whether a failure tells of a target that is down, and not of one
// delivery that it won't have.
func counts(f *targets.Error) bool {
	if f.Final {
		return false
	}
	return f.Status == 0 || f.Status >= 500 || f.Status == http.StatusTooManyRequests || f.Status == http.StatusRequestTimeout
}

// hushes says whether a failure's Retry-After is for all of the target's
// deliveries: RFC 6585 has it so for 429, and RFC 9110 for 503.
func hushes(f *targets.Error) bool {
	return f.RetryAfter > 0 && !f.Final &&
		(f.Code == targets.CodeThrottling || f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable)
}

// noteFailure tells the breaker of a failed attempt, and logs that the target
// fails, when it begins to and when the reason changes. It gives how long the
// retry budget makes the next attempt wait at the least, if there is to be one.
func (l *lane) noteFailure(it *item, h *handle, failure *targets.Error) time.Duration {
	if it.run.judged(failure) {
		return 0
	}
	now := time.Now()
	text := failure.Code + ": " + failure.Error()
	l.mu.Lock()
	if l.handle != h { // of a target that has been replaced
		l.mu.Unlock()
		return 0
	}
	known := l.failing == text
	l.failing = text
	if it.delivery.Attempts == it.delivery.Spent {
		l.budget.first()
	}
	opened, closed := l.judge(now, h, failure, text)
	wait := time.Duration(0)
	if !failure.Final {
		wait = l.budget.retry(now)
	}
	l.mu.Unlock()
	if !known {
		l.r.log.Warn("target fails", zap.String("target", l.name), zap.String("code", failure.Code),
			zap.Int("status", failure.Status), zap.Error(failure))
	}
	if opened {
		l.r.metrics.opened.WithLabelValues(l.name).Inc()
		l.r.log.Warn("circuit opened: deliveries wait", zap.String("target", l.name),
			zap.Int("failures", h.cfg.Breaker.Failures), zap.Duration("open_for", h.cfg.Breaker.OpenFor), zap.Error(failure))
	}
	if closed {
		l.logClosed()
	}
	return wait
}

// judge says what a failure means for the circuit. It is called with the lock held.
func (l *lane) judge(now time.Time, h *handle, f *targets.Error, text string) (opened, closed bool) {
	c := &l.circuit
	hushed := c.hushed(now)
	if hushes(f) {
		if until := now.Add(min(f.RetryAfter, h.cfg.Retry.MaxBackoff)); until.After(c.quiet) {
			c.quiet = until
		}
		if hushed && c.state == CircuitClosed {
			return false, false // begun before the quiet: it says nothing new
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

// noteSuccess tells the breaker of a delivery that the target took, and logs that
// it takes deliveries again.
func (l *lane) noteSuccess(it *item) {
	l.mu.Lock()
	was := l.failing
	l.failing = ""
	if it.delivery.Attempts == it.delivery.Spent {
		l.budget.first()
	}
	closed := l.circuit.answered()
	if closed {
		l.dispatch()
	}
	l.mu.Unlock()
	if was != "" {
		l.r.log.Info("target takes deliveries again", zap.String("target", l.name))
	}
	if closed {
		l.logClosed()
	}
}

func (l *lane) logClosed() {
	l.r.log.Info("circuit closed: deliveries go on", zap.String("target", l.name))
}

// tick does what time alone makes due behind a circuit that is not closed. It is
// called with the lock held.
func (l *lane) tick(now time.Time) {
	c := &l.circuit
	c.tick(now)
	if c.sweeping || now.Before(c.sweepAt) || len(l.queue) == 0 {
		return
	}
	c.sweeping = true
	l.r.workers.Go(l.sweep)
}

// sweepAgain is how soon a sweep that found something is repeated: more may have
// come from disk in its place.
const sweepAgain = 50 * time.Millisecond

// sweep buries the deliveries that have grown too old behind the circuit.
func (l *lane) sweep() {
	l.mu.Lock()
	now := time.Now()
	h, aged := l.handle, []*item(nil)
	if h != nil {
		h.users.Add(1)
		aged = l.takeAged(now, h)
	}
	c := &l.circuit
	l.mu.Unlock()
	for _, it := range aged {
		l.bury(it, h, l.delivery(it), l.tooOld(it, l.retry(it, h)), ConditionAge)
	}
	if h != nil {
		h.users.Done()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.sweeping = false
	c.sweepAt = time.Now().Add(max(c.cfg.OpenFor, sweepAgain))
	if len(aged) > 0 {
		c.sweepAt = time.Now().Add(sweepAgain)
	}
	l.dispatch()
}

// takeAged takes out of the queue what is older than it may become. It is called
// with the lock held.
func (l *lane) takeAged(now time.Time, h *handle) (aged []*item) {
	young := l.queue[:0:0]
	for _, it := range l.queue {
		retry := l.retry(it, h)
		if retry.MaxAge > 0 && !now.Before(l.began(it).Add(retry.MaxAge)) {
			aged = append(aged, it)
		} else {
			young = append(young, it)
		}
	}
	if len(aged) > 0 {
		l.queue = young
	}
	return aged
}

// tooOld is why a delivery dies of its age: its latest failure, or that it never
// had an attempt, and the circuit if that kept it from one.
func (l *lane) tooOld(it *item, retry targets.Retry) *targets.Error {
	e := lastError(it, retry)
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := &l.circuit; c.state != CircuitClosed {
		e.Err = fmt.Errorf("%w; the circuit of target %q has been open since %s (%s)", e.Err, l.name, c.since.UTC().Format(time.RFC3339), c.reason)
	}
	return e
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

// Failing says whether a target fails now, and its latest error: the latest
// attempt has failed, or its circuit is not closed.
func (r *Router) Failing(target string) (reason string, failing bool) {
	l, ok := r.snapshot.Load().lanes[target]
	if !ok {
		return "", false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing, l.failing != "" || l.circuit.state != CircuitClosed
}

// BreakerOpen says whether the circuit of a target is open or half-open:
// deliveries wait.
func (r *Router) BreakerOpen(target string) bool {
	l, ok := r.snapshot.Load().lanes[target]
	if !ok {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.circuit.state != CircuitClosed
}

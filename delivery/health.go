package delivery

import (
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/circuit"
	"signalbox/targets"
)

// health is how a lane's target does.
type health struct {
	circuit circuit.Breaker
	budget  circuit.Budget
	// failing is the text of the latest error that was logged; empty while the target
	// takes deliveries.
	failing string
}

func newHealth(cfg *targets.Config) health {
	return health{circuit: circuit.New(cfg.Breaker), budget: circuit.NewBudget(cfg.RetryBudget, time.Now())}
}

// change is what an attempt has told of a target that was not known before.
type change struct {
	// failing means that it fails for another reason than before, well that it has
	// ceased to.
	failing, well bool
	// opened and closed are what became of the circuit.
	opened, closed bool
}

// failed takes in a failed attempt; first says that it was the delivery's first. It
// returns how long the retry budget makes the next attempt wait at the least.
func (h *health) failed(now time.Time, first bool, f *targets.Error, longest time.Duration) (c change, wait time.Duration) {
	text := f.Code + ": " + f.Error()
	c.failing = h.failing != text
	h.failing = text
	if first {
		h.budget.First()
	}
	c.opened, c.closed = h.circuit.Judge(now, f, text, longest)
	if !f.Final {
		wait = h.budget.Retry(now)
	}
	return c, wait
}

// succeeded takes in a delivery that the target has taken.
func (h *health) succeeded(first bool) (c change) {
	c.well = h.failing != ""
	h.failing = ""
	if first {
		h.budget.First()
	}
	c.closed = h.circuit.Answered()
	return c
}

// noteFailure takes in that the target has failed the attempt, and returns how long
// the retry budget makes the next one wait at the least, if there is to be one.
func noteFailure(a *Attempt) time.Duration {
	l, f := a.lane, a.Failure
	if a.run.judged(f) {
		return 0
	}
	l.mu.Lock()
	if l.active != a.Target { // of a target that has been replaced
		l.mu.Unlock()
		return 0
	}
	c, wait := l.health.failed(time.Now(), a.Item.Fresh(), f, a.Target.Config.Retry.MaxBackoff)
	l.mu.Unlock()
	tell(a, c)
	return wait
}

// noteSuccess takes in that the target has taken the delivery.
func noteSuccess(a *Attempt) {
	l := a.lane
	l.mu.Lock()
	c := l.health.succeeded(a.Item.Fresh())
	if c.closed {
		l.dispatch()
	}
	l.mu.Unlock()
	tell(a, c)
}

// tell logs each change once, not each attempt that shows it.
func tell(a *Attempt, c change) {
	l, f, target := a.lane, a.Failure, zap.String("target", a.lane.Name)
	if c.failing {
		l.env.Log.Warn("target fails", target, zap.String("error_code", f.Code), zap.Int("status", f.Status), zap.Error(f))
	}
	if c.opened {
		l.env.Metrics.circuitOpened(l.Name)
		breaker := &a.Target.Config.Breaker
		l.env.Log.Warn("circuit opened: deliveries wait", target,
			zap.Int("failures", breaker.Failures), zap.Duration("open_for", breaker.OpenFor), zap.Error(f))
	}
	if c.well {
		l.env.Log.Info("target takes deliveries again", target)
	}
	if c.closed {
		l.env.Log.Info("circuit closed: deliveries continue", target)
	}
}

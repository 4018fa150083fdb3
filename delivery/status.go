package delivery

import (
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/circuit"
	"signalbox/delivery/queue"
	"signalbox/targets"
)

// State is how a target does, in one word.
type State string

// The states of a target; where several apply, the last of them is its state.
const (
	// OK takes deliveries, or has not been tried.
	OK State = "ok"
	// Failing has failed the latest attempt.
	Failing State = "failing"
	// HalfOpen is being probed, and Open is not even that.
	HalfOpen State = "half-open"
	Open     State = "open"
	// Draining delivers its backlog before it pauses, and Paused attempts nothing.
	Draining State = "draining"
	Paused   State = "paused"
	// Gone is not defined any more; its deliveries wait for it for a while, and then go
	// to the dead-letter queue.
	Gone State = "gone"
)

// Status is how a lane stands.
type Status struct {
	State State
	// Config is that of the target; nil where it is gone.
	Config *targets.Config
	// Failing is the latest error, empty while the target takes deliveries.
	Failing string
	// Circuit is its circuit breaker; nil where that is switched off, in
	// CircuitState closed.
	Circuit      *circuit.View
	CircuitState circuit.State
	// ThrottledUntil is until when the target has asked for no attempts.
	ThrottledUntil time.Time
	// GoneUntil is until when the deliveries of a target that is gone wait for it.
	GoneUntil time.Time
	// InFlight counts the attempts under way.
	InFlight int
}

// Status returns how the lane stands.
func (l *Lane) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{State: stateOf(l), Failing: l.health.failing, CircuitState: l.health.circuit.State(), InFlight: l.workers - l.starting}
	if l.active == nil && l.absence.waits() {
		s.GoneUntil = l.absence.until.UTC()
	}
	if l.active != nil {
		cfg := l.active.Config
		s.Config, s.Circuit = &cfg, l.health.circuit.View()
	}
	if c := &l.health.circuit; c.Throttled(time.Now()) {
		s.ThrottledUntil = c.ThrottledUntil().UTC()
	}
	return s
}

func stateOf(l *Lane) State {
	switch {
	case l.active == nil:
		return Gone
	case l.paused:
		return Paused
	case l.draining:
		return Draining
	case l.health.circuit.State() == circuit.Open:
		return Open
	case l.health.circuit.State() == circuit.HalfOpen:
		return HalfOpen
	case l.health.failing != "":
		return Failing
	}
	return OK
}

// Oldest returns since when the oldest delivery that is ready, waits, or is under way has been
// to be delivered: since its event was accepted, or it was sent again. It is zero for none.
func (l *Lane) Oldest() time.Time {
	if n := l.env.Store.LaneCounts(l.ID); n.Ready+n.Waiting == 0 {
		return time.Time{}
	}
	l.mu.Lock()
	find := l.queue.Oldest()
	l.mu.Unlock()
	oldest, err := find()
	if err != nil {
		l.env.Log.Error("deliveries can't be read", zap.String("target", l.Name), zap.Error(err))
	}
	return oldest
}

// Memory is what a lane has in memory, and who is at work for it.
type Memory struct {
	queue.Memory
	Workers int
}

// Memory returns what the lane has in memory.
func (l *Lane) Memory() Memory {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Memory{Memory: l.queue.Memory(), Workers: l.workers}
}

package router

import (
	"slices"
	"strings"
	"time"

	"signalbox/journal"
	"signalbox/targets"
)

// TargetState says in one word how a target does.
type TargetState string

// The states of a target, of which the last that applies is told.
const (
	// TargetOK takes deliveries, or has not been tried.
	TargetOK TargetState = "ok"
	// TargetFailing has failed the latest attempt.
	TargetFailing TargetState = "failing"
	// TargetHalfOpen is being probed, and TargetOpen is not even that.
	TargetHalfOpen TargetState = "half-open"
	TargetOpen     TargetState = "open"
	// TargetDraining delivers its backlog before it pauses, and TargetPaused
	// attempts nothing.
	TargetDraining TargetState = "draining"
	TargetPaused   TargetState = "paused"
	// TargetGone is not defined any more; its deliveries go to the dead-letter queue.
	TargetGone TargetState = "gone"
)

// state is called with the lock held.
func (l *lane) state() TargetState {
	switch {
	case l.handle == nil:
		return TargetGone
	case l.paused != nil:
		return TargetPaused
	case l.draining:
		return TargetDraining
	case l.circuit.state == CircuitOpen:
		return TargetOpen
	case l.circuit.state == CircuitHalfOpen:
		return TargetHalfOpen
	case l.failing != "":
		return TargetFailing
	}
	return TargetOK
}

func (l *lane) circuitState() CircuitState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.circuit.state
}

// TargetStatus is how one target's lane stands.
type TargetStatus struct {
	Name string `json:"name"`
	// Config is nil where the target is gone and only deliveries are left.
	Config *targets.Config `json:"-"`
	Type   string          `json:"type,omitempty"`
	// Failing is the latest error, empty while the target takes deliveries.
	Failing string `json:"failing,omitempty"`
	// State says in one word how the target does.
	State TargetState `json:"state"`
	// Circuit is its circuit breaker; nil where that is switched off.
	Circuit *Circuit `json:"circuit,omitempty"`
	// Pause says who has paused it; nil where nobody has.
	Pause *Pause `json:"pause,omitempty"`
	// QuietUntil is until when the target has asked for no attempts.
	QuietUntil time.Time `json:"quiet_until,omitzero"`
	// InFlight counts the attempts under way.
	InFlight int `json:"in_flight"`
	journal.Counts
}

// Targets gives the state of every target that serves, or that still has
// deliveries, by name.
func (r *Router) Targets() []TargetStatus {
	var all []TargetStatus
	for _, l := range r.allLanes() {
		s := l.status()
		s.Counts = r.journal.LaneCounts(l.id)
		if s.Config != nil || s.Pending() > 0 || s.Dead > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b TargetStatus) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (l *lane) status() TargetStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := TargetStatus{Name: l.name, Failing: l.failing, InFlight: l.active - l.starting}
	if l.handle != nil {
		cfg := l.handle.cfg
		s.Config, s.Type = &cfg, cfg.Type
		s.Circuit = l.circuit.view()
	}
	if l.circuit.hushed(time.Now()) {
		s.QuietUntil = l.circuit.quiet.UTC()
	}
	s.State, s.Pause = l.state(), l.paused
	return s
}

// Accounts are the router's books, exact and durable.
type Accounts struct {
	Events     journal.EventCounts `json:"events"`
	Deliveries journal.Counts      `json:"deliveries"`
}

// Accounts gives the books of all events and deliveries.
func (r *Router) Accounts() Accounts {
	d, e := r.journal.Totals()
	return Accounts{Events: e, Deliveries: d}
}

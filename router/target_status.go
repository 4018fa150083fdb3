package router

import (
	"slices"
	"strings"
	"time"

	"signalbox/delivery"
	"signalbox/delivery/circuit"
	"signalbox/journal"
	"signalbox/router/pause"
	"signalbox/targets"
)

// TargetStatus is how one target's lane stands.
type TargetStatus struct {
	Name string `json:"name"`
	// Config is nil, and Type empty, where the target is gone and only deliveries are left.
	Config *targets.Config `json:"-"`
	Type   string          `json:"type,omitempty"`
	// Failing is the latest error, empty while the target takes deliveries.
	Failing string `json:"failing,omitempty"`
	// State is how the target does, in one word.
	State delivery.State `json:"state"`
	// Circuit is its circuit breaker; nil where that is switched off.
	Circuit *circuit.View `json:"circuit,omitempty"`
	// Pause is who has paused it; nil where nobody has.
	Pause *pause.Pause `json:"pause,omitempty"`
	// ThrottledUntil is until when the target has asked for no attempts.
	ThrottledUntil time.Time `json:"throttled_until,omitzero"`
	// GoneUntil is until when the deliveries of a target that is gone wait for it.
	GoneUntil time.Time `json:"gone_until,omitzero"`
	// InFlight counts the attempts under way.
	InFlight int `json:"in_flight"`
	// OldestPending is since when the oldest delivery has been to be delivered that is ready or
	// waits; zero where there is none.
	OldestPending time.Time `json:"oldest_pending,omitzero"`
	journal.Counts
}

// Targets returns the state of every target that serves, or that still has
// deliveries, by name.
func (ls *Lanes) Targets() []TargetStatus {
	var all []TargetStatus
	for _, l := range ls.all() {
		if ofReplay(l) {
			continue
		}
		s := ls.status(l)
		if s.Config != nil || s.Pending() > 0 || s.Dead > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b TargetStatus) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (ls *Lanes) status(l *delivery.Lane) TargetStatus {
	now := l.Status()
	s := TargetStatus{
		Name: l.Name, Config: now.Config, Failing: now.Failing, State: now.State, Circuit: now.Circuit,
		ThrottledUntil: now.ThrottledUntil, GoneUntil: now.GoneUntil, InFlight: now.InFlight, Pause: ls.pauses.OfTarget(l.Name), Counts: ls.journal.Counters.LaneCounts(l.ID),
	}
	if oldest := l.Oldest(); !oldest.IsZero() {
		s.OldestPending = oldest.UTC()
	}
	if s.Config != nil {
		s.Type = s.Config.Type
	}
	return s
}

// Failing reports whether a target fails now, with its latest error: the latest
// attempt has failed, or its circuit is not closed.
func (ls *Lanes) Failing(target string) (reason string, failing bool) {
	l := ls.serving(target)
	if l == nil {
		return "", false
	}
	s := l.Status()
	return s.Failing, s.Failing != "" || s.Circuit.Interrupted()
}

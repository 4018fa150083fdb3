package api

import (
	"maps"
	"time"

	"signalbox/delivery"
	"signalbox/delivery/circuit"
	"signalbox/document"
	"signalbox/journal"
	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/targets"
)

// TargetView is how one target stands.
type TargetView struct {
	Name string `json:"name"`
	// Type is empty where the target is gone and only deliveries are left.
	Type string `json:"type,omitempty"`
	// Failing is the latest error, empty while the target takes deliveries.
	Failing string `json:"failing,omitempty"`
	// State says in one word how the target does.
	State delivery.State `json:"state"`
	// Circuit is its circuit breaker; absent where that is switched off.
	Circuit *circuit.View `json:"circuit,omitempty"`
	// Pause tells who has paused it; absent where nobody has.
	Pause *pause.Pause `json:"pause,omitempty"`
	// ThrottledUntil is until when the target has asked for no attempts.
	ThrottledUntil time.Time `json:"throttled_until,omitzero"`
	// GoneUntil is until when the deliveries of a target that is gone wait for it.
	GoneUntil time.Time `json:"gone_until,omitzero"`
	// InFlight counts the attempts under way.
	InFlight int `json:"in_flight"`
	journal.Counts
	// Keys are some of the blocked ordering keys; GET
	// /v1/targets/{name}/keys gives all.
	Keys []router.BlockedKey `json:"keys,omitempty"`
	// Config is the target's configuration without its secrets: references are as
	// they are written, and of headers there are the names.
	Config map[string]any `json:"config,omitempty"`
}

// batchView tells how a target's deliveries are gathered.
type batchView struct {
	MaxEvents int    `json:"max_events"`
	MaxBytes  string `json:"max_bytes"`
	MaxWait   string `json:"max_wait"`
}

func showBatch(b *targets.Batch) *batchView {
	return &batchView{MaxEvents: b.MaxEvents, MaxBytes: b.MaxBytes.String(), MaxWait: document.FormatDuration(*b.MaxWait)}
}

func showTarget(s router.TargetStatus) TargetView {
	t := TargetView{Name: s.Name, Type: s.Type, State: s.State, Circuit: s.Circuit, Pause: s.Pause, ThrottledUntil: s.ThrottledUntil, GoneUntil: s.GoneUntil, Failing: s.Failing, InFlight: s.InFlight, Counts: s.Counts}
	if s.Config != nil {
		t.Config = showConfig(s.Config)
	}
	return t
}

func showConfig(c *targets.Config) map[string]any {
	shown := map[string]any{
		"description": c.Description, "reply": c.Reply, "order_by": c.OrderBy, "on_dead_letter": c.OnDeadLetter,
		"timeout": document.FormatDuration(c.Timeout), "concurrency": c.Concurrency, "synthetic": c.Synthetic,
		"retry":        c.Retry,
		"retry_budget": showBudget(&c.RetryBudget), "breaker": showBreaker(&c.Breaker),
	}
	if c.Batch != nil {
		shown["batch"] = showBatch(c.Batch)
	}
	if n := c.RateLimit.PerSecond(); n > 0 {
		shown["rate_limit_per_second"] = n
	}
	if c.Carry != targets.CarryState {
		shown["carry"] = c.Carry
	}
	if len(c.Emits) > 0 {
		shown["emits"] = c.Emits
	}
	if c.Options != nil {
		c.Options.Show(shown)
	}
	maps.DeleteFunc(shown, func(_ string, v any) bool { return v == "" })
	return shown
}

// breakerView is the configuration of a target's circuit breaker.
type breakerView struct {
	Failures int    `json:"failures"`
	OpenFor  string `json:"open_for"`
	Probes   int    `json:"probes"`
}

func showBreaker(b *targets.Breaker) any {
	if b.Off {
		return "off"
	}
	return breakerView{Failures: b.Failures, OpenFor: document.FormatDuration(b.OpenFor), Probes: b.Probes}
}

// budgetView is the configuration of a target's retry budget.
type budgetView struct {
	Ratio   float64 `json:"ratio"`
	MinRate string  `json:"min_rate"`
}

func showBudget(b *targets.RetryBudget) any {
	if b.Off {
		return "off"
	}
	return budgetView{Ratio: b.Ratio, MinRate: b.MinRate.String()}
}

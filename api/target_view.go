package api

import (
	"maps"

	"signalbox/document"
	"signalbox/router"
	"signalbox/targets"
)

// TargetView is how one target stands.
type TargetView struct {
	router.TargetStatus
	// Keys are some of the blocked ordering keys; GET
	// /v1/targets/{name}/keys lists all.
	Keys []router.BlockedKey `json:"keys,omitempty"`
	// Config is the target's configuration without its secrets: references are as
	// they are written, and of headers there are the names.
	Config map[string]any `json:"config,omitempty"`
}

// batchView is how a target's deliveries are gathered.
type batchView struct {
	MaxEvents int    `json:"max_events"`
	MaxBytes  string `json:"max_bytes"`
	MaxWait   string `json:"max_wait"`
}

func showBatch(b *targets.Batch) *batchView {
	return &batchView{MaxEvents: b.MaxEvents, MaxBytes: b.MaxBytes.String(), MaxWait: document.FormatDuration(*b.MaxWait)}
}

func showTarget(s router.TargetStatus) TargetView {
	t := TargetView{TargetStatus: s}
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

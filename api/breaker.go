package api

import (
	"signalbox/document"
	"signalbox/targets"
)

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

package delivery

import (
	"context"

	"signalbox/journal"
	"signalbox/targets"
)

// synthetic ends the delivery of a synthetic event to a target that does not act on
// such.
func synthetic(a *Attempt) bool {
	l, policy := a.lane, a.Target.Config.Synthetic
	if !a.Item.Meta().Synthetic || policy == targets.SyntheticDeliver {
		return true
	}
	if !ask(a, Requests.Simulated) {
		return false
	}
	if policy == targets.SyntheticDrop {
		drop(a)
		return false
	}
	if err := targets.LogSynthetic(l.env.Log, a.Target.Target, &a.Send); err != nil {
		a.Failure = failureOf(context.Background(), err, a.Target.Config.Timeout)
		a.deadLetter("")
		return false
	}
	l.env.Metrics.ended(ruleOf(a.Item), l.Name, outcomeLogged)
	a.settle(nil, journal.Logged)
	return false
}

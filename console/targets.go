package console

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/delivery"
	"signalbox/history"
	"signalbox/journal"
	"signalbox/trace"
)

// targetsView is what the list of targets shows.
type targetsView struct{ Targets []targetView }

// targetView is a target, and what the API tells of it besides.
type targetView struct {
	api.TargetView
	// Delivery, Failures and P99 are of the last hour.
	Delivery, Failures, P99 chart
	// Why is the reason of the state, Since when that began, and Next when the target is
	// attempted again; empty where there is none.
	Why         string
	Since, Next time.Time
}

func viewTarget(t api.TargetView) targetView {
	x := targetView{TargetView: t, Why: t.Failing, Next: t.ThrottledUntil}
	switch t.State {
	case delivery.Open, delivery.HalfOpen:
		if t.Circuit != nil {
			x.Why, x.Since, x.Next = t.Circuit.Reason, t.Circuit.Since, t.Circuit.ProbeAt
		}
	case delivery.Paused, delivery.Draining:
		if t.Pause != nil {
			x.Why, x.Since = "by "+join(t.Pause.By), t.Pause.Since
		}
	case delivery.Gone:
		x.Why, x.Next = "no file defines it", t.GoneUntil
	}
	return x
}

// chart adds the figures of the last hour.
func (x *targetView) chart(all figures) {
	x.Delivery = all.of("delivered", x.Name, "Delivered a second", "good")
	x.Failures = all.of("failed", x.Name, "Failed attempts a second", "bad")
	x.P99 = all.of("p99", x.Name, "Attempts: 99th percentile", "busy")
}

func join(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += " and "
		}
		text += w
	}
	return text
}

func loadTargets(v *visit) (any, error) {
	list, err := v.api.Targets.List(v.ctx())
	if err != nil {
		return nil, err
	}
	all, err := v.figures(history.Filter{})
	x := targetsView{}
	for _, t := range list {
		view := viewTarget(t)
		view.chart(all)
		x.Targets = append(x.Targets, view)
	}
	return x, err
}

// oneTargetView is what the page of a target shows.
type oneTargetView struct {
	Target targetView
	Config json.RawMessage
	// Failed is the latest delivery that the target failed, and of which event; nil if there
	// is none among the latest events.
	Failed *trace.Delivery
	Event  *trace.Listed
}

func loadTarget(v *visit) (any, error) {
	name := v.q("name")
	t, err := v.api.Targets.Get(v.ctx(), name)
	if err != nil {
		return nil, err
	}
	x := oneTargetView{Target: viewTarget(t)}
	if x.Config, err = json.Marshal(t.Config); err != nil {
		return nil, err
	}
	all, err := v.figures(history.Filter{Target: name})
	if err != nil {
		return nil, err
	}
	x.Target.chart(all)
	return x, v.lastFailure(&x)
}

// lastFailure finds the latest event that the target failed.
func (v *visit) lastFailure(x *oneTargetView) error {
	for _, outcome := range []trace.Outcome{trace.OutcomeDead, trace.OutcomePending} {
		if outcome == trace.OutcomeDead && x.Target.Dead == 0 || outcome == trace.OutcomePending && x.Target.Waiting == 0 {
			continue
		}
		page, err := v.api.Events.Search(v.ctx(), trace.Filter{Target: x.Target.Name, Outcome: outcome}, "", 1, false)
		if err != nil || len(page.Events) == 0 {
			return err
		}
		found, err := v.api.Events.Trace(v.ctx(), page.Events[0].ID, 1)
		if err != nil {
			return err
		}
		for d := range deliveriesOf(found.Roots) {
			if d.Target == x.Target.Name && (d.Death != nil || len(d.History) > 0) {
				x.Failed, x.Event = d, page.Events[0]
				return nil
			}
		}
	}
	return nil
}

// Last returns the last attempt at the delivery that failed.
func (x oneTargetView) Last() journal.Attempt {
	if n := len(x.Failed.History); n > 0 {
		return x.Failed.History[n-1]
	}
	return journal.Attempt{At: x.Failed.Death.At, Code: x.Failed.Death.Code, Status: x.Failed.Death.Status, Message: x.Failed.Death.Message, Attempt: x.Failed.Attempts}
}

// onTarget returns the action that does something to a target, and what it tells then.
func onTarget(act func(client.Targets, context.Context, string) (api.TargetView, error), told string) action {
	return func(v *visit) (string, string, error) {
		name := v.q("name")
		if _, err := act(v.api.Targets, v.ctx(), name); err != nil {
			return "", "", err
		}
		return link("target", "name", name)[len(Path):], fmt.Sprintf(told, name), nil
	}
}

// resumeKey unblocks an ordering key of a target.
func resumeKey(v *visit) (string, string, error) {
	name, key := v.q("name"), v.q("key")
	err := v.api.Targets.ResumeKey(v.ctx(), name, key)
	return link("target", "name", name)[len(Path):], fmt.Sprintf("The ordering key %q continues.", key), err
}

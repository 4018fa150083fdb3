package router

import (
	"fmt"

	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/state"
	"signalbox/targets"
)

// Recall takes a redriven delivery that is not under way out of its lane, and
// puts it back. It makes Router a dlq.Router.
func (r *Router) Recall(d journal.Delivery) {
	if l := r.laneOf(d.Lane); l != nil {
		l.Recall(d)
	}
}

// Render gives what today's rules make of an event for the target entry of a rule
// on a bus. The error, where they send nothing, is a *dlq.Skip. It makes Router a
// dlq.Router.
func (r *Router) Render(e *event.Event, record *journal.Record, bus, rule, entry string) (dlq.Rendering, error) {
	snap := r.snapshot.Load()
	to, found, err := findEntry(snap.set, bus, rule, entry)
	if err != nil {
		return dlq.Rendering{}, err
	}
	if err := stillMatches(snap.set, e, record.Envelope, found); err != nil {
		return dlq.Rendering{}, err
	}
	object, err := state.Told(snap.set.Catalog, e)
	if err != nil {
		return dlq.Rendering{}, &dlq.Skip{Code: dlq.SkipUnrendered, Message: err.Error()}
	}
	s := r.render(snap, &plan{event: e, seq: record.Seq, envelope: record.Envelope, object: object}, found, to)
	if s.err != nil {
		return dlq.Rendering{}, &dlq.Skip{Code: dlq.SkipUnrendered, Message: fmt.Sprintf("rule %q: target %q: %v", rule, to.Target, s.err)}
	}
	return dlq.Rendering{Target: to.Target, Body: s.body, Notice: s.notice}, nil
}

func findEntry(set *rules.Set, bus, name, entry string) (*rules.RuleTarget, *rules.Rule, error) {
	rule := set.Rule(bus, name)
	if rule == nil {
		return nil, nil, &dlq.Skip{Code: dlq.SkipRuleGone, Message: fmt.Sprintf("rule %q on bus %q is not there any more", name, bus)}
	}
	if rule.State != rules.Enabled {
		return nil, nil, &dlq.Skip{Code: dlq.SkipRuleOff, Message: fmt.Sprintf("rule %q on bus %q is in state %s", name, bus, rule.State)}
	}
	for i := range rule.Targets {
		if rule.Targets[i].ID == entry {
			return &rule.Targets[i], rule, nil
		}
	}
	return nil, nil, &dlq.Skip{Code: dlq.SkipEntryGone, Message: fmt.Sprintf("rule %q has no target entry %q any more", name, entry)}
}

// stillMatches says why a rule does not match an event now; nil if it does.
func stillMatches(set *rules.Set, e *event.Event, envelope []byte, rule *rules.Rule) error {
	for _, m := range set.Match(e, envelope, nil) {
		if m.Rule != rule {
			continue
		}
		if m.Err != nil {
			return &dlq.Skip{Code: dlq.SkipNoMatch, Message: fmt.Sprintf("rule %q does not match the event any more: %v", rule.Name, m.Err)}
		}
		return nil
	}
	return &dlq.Skip{Code: dlq.SkipNoMatch, Message: fmt.Sprintf("rule %q does not match the event any more", rule.Name)}
}

// Request renders what a target would be sent, with secrets masked. It makes
// Router a dlq.Router.
func (r *Router) Request(target string, d *targets.Delivery) (targets.Request, error) {
	snap := r.snapshot.Load()
	l := snap.lanes[target]
	d.Parameters = snap.policies.Parameters[delivery.Entry{Bus: d.Bus, Rule: d.Rule, Entry: d.RuleTarget}]
	if l == nil {
		return targets.Request{}, fmt.Errorf("target %q is not defined", target)
	}
	active := l.Use()
	if active == nil {
		return targets.Request{}, fmt.Errorf("target %q is not defined any more", target)
	}
	defer active.Done()
	return active.Target.Preview(d)
}

package router

import (
	"errors"
	"fmt"

	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/state"
	"signalbox/targets"
)

// redriven returns what today's rules make of an event for the target entry of a rule
// on a bus. The error, where they send nothing, is a *dlq.Skip.
func (in planner) redriven(e *event.Event, record *journal.Record, bus, rule, entry string) (dlq.Rendering, error) {
	to, found, err := findEntry(in.set, bus, rule, entry)
	if err != nil {
		return dlq.Rendering{}, err
	}
	if err := stillMatches(in.set, e, record.Envelope, found); err != nil {
		return dlq.Rendering{}, err
	}
	object, err := state.Told(in.set.Catalog, e)
	if keyless := new(state.Keyless); err != nil && !errors.As(err, &keyless) {
		return dlq.Rendering{}, &dlq.Skip{Code: dlq.SkipUnrendered, Message: err.Error()}
	}
	s := in.render(&plan{event: e, seq: record.Seq, envelope: record.Envelope, object: object}, found, to)
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

// stillMatches returns why a rule does not match an event now; nil if it does.
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

// request renders what a target would be sent, with secrets masked. It makes
// Router a dlq.Router.
func (in planner) request(target string, d *targets.Delivery) (targets.Request, error) {
	l := in.lanes[target]
	d.Parameters = in.policies.Parameters[delivery.Entry{Bus: d.Bus, Rule: d.Rule, Entry: d.RuleTarget}]
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

package router

import (
	"encoding/json"
	"fmt"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/targets"
)

// Plan is what a dry run shows: what would become of an event now.
type Plan struct {
	Bus string `json:"bus"`
	// Kind is what the event was taken for. KindByName says that only its name tells
	// so: it is delivered as an event.
	Kind       event.Kind `json:"kind"`
	KindByName bool       `json:"kind_by_name,omitempty"`
	// Warnings are what ingest would let in, and has something against.
	Warnings []catalog.Finding `json:"warnings,omitempty"`
	// Buses are those whose rules see the event, in order, where it bubbles.
	Buses []string `json:"buses,omitempty"`
	// Event is the envelope that rules would match; its id and times are those of
	// the dry run.
	Event json.RawMessage `json:"event"`
	// Rules are those that match, and those whose condition failed.
	Rules []PlannedRule `json:"rules"`
	// Deliveries counts what would be handed to targets.
	Deliveries int `json:"deliveries"`
}

// PlannedRule is one rule's part of a Plan.
type PlannedRule struct {
	Name string `json:"name"`
	// Bus is the rule's bus, where the event has bubbled up to it.
	Bus   string      `json:"bus,omitempty"`
	State rules.State `json:"state"`
	// Error is why the rule's condition failed; the rule then does not match.
	Error   string          `json:"error,omitempty"`
	Targets []PlannedTarget `json:"targets,omitempty"`
}

// PlannedTarget is one delivery of a Plan.
type PlannedTarget struct {
	ID     string `json:"id"`
	Target string `json:"target"`
	Type   string `json:"type"`
	// OrderKey is the delivery's ordering key; empty where it is in no order.
	OrderKey string `json:"order_key,omitempty"`
	// Note is what would keep the request from being sent: the rule's state,
	// or what the target does with synthetic events.
	Note string `json:"note,omitempty"`
	// Error is why the request can't be rendered: the delivery would go to the
	// dead-letter queue.
	Error   string           `json:"error,omitempty"`
	Request *targets.Request `json:"request,omitempty"`
}

// show returns what would become of an event of a number.
func (in planner) show(e *event.Event, seq journal.Seq) (*Plan, error) {
	p, err := in.prepare(e, seq)
	if err != nil {
		return nil, err
	}
	shown := &Plan{Bus: e.Meta.Bus, Kind: e.Meta.Kind, KindByName: e.Meta.KindByName, Warnings: p.findings, Event: p.envelope, Rules: []PlannedRule{}}
	if way := in.set.Way(e.Meta.Bus, p.matched); len(way) > 1 {
		shown.Buses = way
	}
	for _, m := range p.matched {
		planned := PlannedRule{Name: m.Rule.Name, State: m.Rule.State}
		if m.Rule.Bus != e.Meta.Bus {
			planned.Bus = m.Rule.Bus
		}
		if m.Err != nil {
			planned.Error = m.Err.Error()
		}
		for i := range m.Rule.Targets {
			if m.Err == nil {
				planned.Targets = append(planned.Targets, in.preview(&p, m.Rule, &m.Rule.Targets[i]))
			}
		}
		shown.Rules = append(shown.Rules, planned)
	}
	shown.Deliveries = len(p.sends)
	return shown, nil
}

// preview renders one delivery of a plan.
func (in planner) preview(p *plan, rule *rules.Rule, to *rules.RuleTarget) PlannedTarget {
	l := in.lanes[to.Target]
	cfg := in.set.Targets[to.Target]
	shown := PlannedTarget{ID: to.ID, Target: to.Target, Type: cfg.Type}
	switch {
	case in.holds.Of(rule.Bus, rule.Name, to.Target) != 0:
		shown.Note = "the rule is paused, or the target is being drained: the delivery is suspended until it is resumed"
	case rule.State == rules.Shadow:
		shown.Note = "the rule is in state shadow: it counts, and nothing is sent"
	case p.event.Meta.Synthetic && cfg.Synthetic != targets.SyntheticDeliver:
		shown.Note = fmt.Sprintf("the event is synthetic and the target's policy is %q: nothing is sent", cfg.Synthetic)
	}
	s := in.render(p, rule, to)
	shown.OrderKey = s.key
	if s.err != nil {
		shown.Error = s.err.Error()
		return shown
	}
	active := l.Use()
	if active == nil {
		shown.Error = "the target is not defined any more"
		return shown
	}
	defer active.Done()
	d := targets.Delivery{
		ID:      journal.DeliveryID(p.seq, rule.Bus, rule.Name, to.ID),
		EventID: p.event.ID, Bus: p.event.Meta.Bus, Rule: rule.Name, RuleTarget: to.ID,
		Target: to.Target, Attempt: 1, Envelope: p.envelope, Body: s.body, Meta: &p.event.Meta,
		Parameters: to.Parameters,
	}
	if s.notice {
		d.Envelope, d.Body = s.body, nil
	}
	req, err := active.Target.Preview(&d)
	if err != nil {
		shown.Error = err.Error()
		return shown
	}
	shown.Request = &req
	return shown
}

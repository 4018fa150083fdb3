package router

import (
	"context"

	"signalbox/commands"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/rules"
	"signalbox/targets"
)

// Ready returns why nothing can be accepted now; nil if it can.
func (in *intake) Ready() error { return in.gate.admit() }

// AcceptRequest accepts one command or query. A repeat of a command is not accepted
// again; one of a query is, as it has no effect and is to be answered.
func (in *intake) AcceptRequest(ctx context.Context, e *event.Event, planned func(*event.Event) error) error {
	evs := []*event.Event{e}
	var refused []error
	var err error
	if e.Meta.Kind == event.KindCommand {
		refused, err = in.acceptNew(ctx, evs, planned)
	} else {
		refused, err = in.accept(ctx, evs, nil, planned)
	}
	if err != nil {
		return err
	}
	return refused[0]
}

// Reserve returns numbers for n steps of work requests, and what plans them.
func (in *intake) Reserve(n int) (commands.Planner, store.Reservation) {
	with, reserved := in.reserve(n)
	return stepPlanner{with, in}, reserved
}

// stepPlanner plans the steps of work requests.
type stepPlanner struct {
	planner
	intake *intake
}

// Plan plans the event of a step.
func (p stepPlanner) Plan(e *event.Event, seq journal.Seq) (commands.Planned, error) {
	if _, ok := p.set.Buses[e.Meta.Bus]; !ok {
		e.Meta.Bus = rules.DefaultBus
	}
	p.room = nil // it is handed over later
	step, err := p.prepare(e, seq)
	if err != nil {
		return commands.Planned{}, err
	}
	step.given = false // its id is made of its number
	entry, err := p.entry(&step)
	return commands.Planned{Entry: entry, HandOver: func() { p.intake.handOver([]plan{step}, []journal.Entry{entry}) }}, err
}

// Target returns the configuration of a target.
func (p stepPlanner) Target(name string) targets.Config { return p.set.Targets[name] }

// candidates are the planned deliveries of a command or a query.
func (p *plan) candidates(set *rules.Set) []commands.Candidate {
	all := make([]commands.Candidate, len(p.sends))
	for i := range p.sends {
		s := &p.sends[i]
		all[i] = commands.Candidate{
			Rule: s.rule.Name, Pos: s.rule.Pos.String(), Entry: s.to.ID, Target: s.to.Target, Config: set.Targets[s.to.Target], Err: s.err,
		}
	}
	return all
}

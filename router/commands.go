package router

import (
	"context"

	"signalbox/commands"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/targets"
)

// intake is the router as commands know it.
type intake struct{ *Router }

// AcceptRequest accepts one command or query. A repeat of a command is not accepted
// again; one of a query is, as it has no effect and is to be answered.
func (r intake) AcceptRequest(ctx context.Context, e *event.Event, planned func(*event.Event) error) error {
	evs := []*event.Event{e}
	var refused []error
	var err error
	if e.Meta.Kind == event.KindCommand {
		refused, err = r.acceptNew(ctx, evs, planned)
	} else {
		refused, err = r.accept(ctx, evs, nil, planned)
	}
	if err != nil {
		return err
	}
	return refused[0]
}

// Planner returns what plans the steps of work requests with the rules that serve now.
func (r intake) Planner() commands.Planner { return planner{r.Router, r.snapshot.Load()} }

// planner plans the steps of work requests with one revision of the rules.
type planner struct {
	r    *Router
	snap *snapshot
}

// Plan plans the event of a step.
func (p planner) Plan(e *event.Event, seq journal.Seq) (commands.Planned, error) {
	if _, ok := p.snap.set.Buses[e.Meta.Bus]; !ok {
		e.Meta.Bus = rules.DefaultBus
	}
	step, err := p.r.prepare(p.snap, e, seq)
	if err != nil {
		return commands.Planned{}, err
	}
	step.given = false // its id is made of its number
	entry, err := p.r.entry(&step, p.snap)
	return commands.Planned{Entry: entry, HandOver: func() { p.r.handOver([]plan{step}, []journal.Entry{entry}) }}, err
}

// Target returns the configuration of a target.
func (p planner) Target(name string) targets.Config { return p.snap.set.Targets[name] }

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

package commands

import (
	"fmt"

	"signalbox/commands/work"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/targets"
)

// Planner plans events with the rules of one moment.
type Planner interface {
	// Plan plans the event of a step. It goes to the default bus where its own is gone.
	Plan(e *event.Event, seq journal.Seq) (Planned, error)
	// Target returns the configuration of a target; the zero value where it is gone.
	Target(name string) targets.Config
}

// Planned is an event that is to be written with others.
type Planned struct {
	Entry journal.Entry
	// HandOver is called once the entry is on disk.
	HandOver func()
}

// Accepted is an event that has been planned and is about to be written.
type Accepted struct {
	Event *event.Event
	Seq   journal.Seq
	// Given means that the event's id is the producer's.
	Given bool
	// Handler is that of a command.
	Handler work.Handler
}

// Steps are what a batch of accepted events makes of work requests: their new
// states, each with an event that tells of it, to be written with the batch. A
// nil one is that of a batch that has no part in any.
type Steps struct {
	*Service
	planner  Planner
	locked   []*tracked
	reserved store.Reservation
	used     int
	// byEvents means that events make the steps.
	byEvents bool
	planned  []Planned
	moved    []moved
	// rerouted are the states of requests that have a new handler and no step.
	rerouted []journal.Work
}

// moved is a work request and the state that it gets, or begins in.
type moved struct {
	t    *tracked
	next *work.Request
	new  bool
	// step is the type of the event that tells of it; empty where none does.
	step string
}

// Steps returns what n planned events make of work requests. Those that they move
// stay locked until Release.
func (s *Service) Steps(n int, at func(int) Accepted) (*Steps, error) {
	var (
		of    []*tracked // of each event, nil where it has no part in one
		found []*tracked
		parts int
	)
	for i := range n {
		e := at(i).Event
		command := e.Meta.TreatedAs() == event.KindCommand
		var t *tracked
		switch {
		case !command:
			t = s.requests.ofEvent(e)
		case e.Meta.Hops > 0: // on its way through another bus
			t = s.requests.ofCommand(e.ID)
		}
		if t == nil && !command {
			continue
		}
		if of == nil {
			of = make([]*tracked, n)
		}
		if of[i] = t; t != nil {
			found = append(found, t)
		}
		parts++
	}
	if parts == 0 {
		return nil, nil
	}
	b := &Steps{Service: s, byEvents: true}
	b.planner, b.reserved = s.opts.Router.Reserve(parts)
	b.lock(found)
	for i, t := range of {
		if err := b.take(at(i), t); err != nil {
			b.Release()
			return nil, err
		}
	}
	return b, nil
}

// advance moves a work request on for a reason that is no event: what came of its
// command's delivery, or a call. It returns when the step is on disk.
func (s *Service) advance(t *tracked, c work.Change) (work.Refusal, error) {
	b := &Steps{Service: s}
	defer b.Release()
	b.lock([]*tracked{t})
	b.planner, b.reserved = s.opts.Router.Reserve(1)
	c.At = b.reserved.First.Time()
	refusal, err := b.move(t, c)
	if err != nil || refusal != work.None {
		return refusal, err
	}
	if err := s.opts.Journal.Append(b.entries()); err != nil {
		return work.None, fmt.Errorf("journal: %w", err)
	}
	b.Commit()
	return work.None, nil
}

// lock takes the work requests that may be moved, always in the same order.
func (b *Steps) lock(list []*tracked) {
	b.locked = sortedBySeq(list)
	for _, t := range b.locked {
		t.moving.Lock()
	}
}

// take makes the step of an event, if it has a part in a work request.
func (b *Steps) take(a Accepted, t *tracked) error {
	if a.Event.Meta.TreatedAs() == event.KindCommand {
		return b.command(a, t)
	}
	if t == nil {
		return nil
	}
	c, ok := t.now.Load().Read(a.Event)
	if !ok {
		return nil
	}
	_, err := b.move(t, c)
	return err
}

// command makes the work request of a command; one that comes from another bus
// has one already, and gets the handler that it has found here.
func (b *Steps) command(a Accepted, t *tracked) error {
	if t != nil && !b.latest(t).Action.Ended() {
		next := *b.latest(t)
		next.Handler, next.Service = a.Handler, a.Handler.Target
		b.moved = append(b.moved, moved{t: t, next: &next})
		k, err := storeWork(t.seq, &next)
		b.rerouted = append(b.rerouted, k)
		return err
	}
	id := a.Event.ID
	if a.Given { // the request is found by the number in its id
		id = journal.NewEventID(a.Seq)
	}
	seq := b.next()
	w := work.New(id, a.Event, a.Handler, journal.NewEventID(seq))
	return b.add(seq, moved{t: &tracked{seq: a.Seq}, next: w, new: true})
}

// move makes one step of a work request, unless its present state refuses.
func (b *Steps) move(t *tracked, c work.Change) (work.Refusal, error) {
	seq := b.next()
	next, refusal := b.latest(t).Move(c, journal.NewEventID(seq))
	if refusal != work.None {
		b.metrics.ignored.WithLabelValues(string(refusal)).Inc()
		return refusal, nil
	}
	return work.None, b.add(seq, moved{t: t, next: next})
}

// latest is a work request as the batch has left it so far.
func (b *Steps) latest(t *tracked) *work.Request {
	for i := len(b.moved) - 1; i >= 0; i-- {
		if b.moved[i].t == t {
			return b.moved[i].next
		}
	}
	return t.now.Load()
}

func (b *Steps) next() journal.Seq {
	b.used++
	return b.reserved.At(b.used - 1)
}

// add plans the event that tells of a step, which carries the new state to disk.
func (b *Steps) add(seq journal.Seq, m moved) error {
	e, err := m.next.StepEvent()
	if err != nil {
		return err
	}
	p, err := b.planner.Plan(e, seq)
	if err != nil {
		return fmt.Errorf("step of work request %s: %w", m.next.ID, err)
	}
	k, err := storeWork(m.t.seq, m.next)
	if err != nil {
		return err
	}
	p.Entry.Works = []journal.Work{k}
	m.step = e.DetailType
	b.moved, b.planned = append(b.moved, m), append(b.planned, p)
	return nil
}

// With returns a batch with the events of the steps.
func (b *Steps) With(entries []journal.Entry) []journal.Entry {
	if b == nil {
		return entries
	}
	entries[0].Works = b.rerouted
	return append(entries[:len(entries):len(entries)], b.entries()...)
}

func (b *Steps) entries() []journal.Entry {
	all := make([]journal.Entry, len(b.planned))
	for i := range b.planned {
		all[i] = b.planned[i].Entry
	}
	return all
}

// Commit makes the new states known once they are on disk.
func (b *Steps) Commit() {
	if b == nil {
		return
	}
	for i := range b.moved {
		m := &b.moved[i]
		m.t.now.Store(m.next)
		if m.new {
			b.requests.add(m.t)
		}
		if m.step != "" {
			b.metrics.steps.WithLabelValues(m.step).Inc()
		}
		if m.next.Action.Ended() {
			b.requests.finish(m.t)
			if cfg := b.planner.Target(m.next.Service); b.byEvents && !cfg.Traits().Answers { // no answer will come
				b.waiters.tell(m.next.CommandID, Reply{Outcome: ReplyLate})
			}
		}
	}
	for i := range b.planned {
		b.planned[i].HandOver()
	}
}

// Release lets go of the work requests and of the sequence numbers.
func (b *Steps) Release() {
	if b == nil {
		return
	}
	for _, t := range b.locked {
		t.moving.Unlock()
	}
	b.reserved.Release()
	b.locked = nil
}

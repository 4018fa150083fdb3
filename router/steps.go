package router

import (
	"fmt"

	"signalbox/event"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/trace"
	"signalbox/work"
)

// steps are what a batch of accepted events makes of work requests: their new
// states, each with an event that tells of it, to be written with the batch. A
// nil one is that of a batch that has no part in any.
type steps struct {
	r        *Router
	snap     *snapshot
	locked   []*tracked
	reserved []journal.Reservation
	used     int

	// byEvents says that events make the steps.
	byEvents bool
	plans    []plan
	entries  []journal.Entry
	moved    []movedWork
	// rerouted are the states of requests that have a new handler and no step.
	rerouted []journal.Work
}

// movedWork is a work request and the state that it gets, or begins in.
type movedWork struct {
	t    *tracked
	next *work.Request
	new  bool
}

// steps finds what the planned events make of work requests. Those that they move
// stay locked until release.
func (r *Router) steps(snap *snapshot, plans []plan) (*steps, error) {
	var (
		of    []*tracked // of each plan, nil where it has no part in one
		found []*tracked
		n     int
	)
	for i := range plans {
		e := plans[i].event
		command := e.Meta.Kind == event.KindCommand
		var t *tracked
		if command {
			t = r.works.ofCommand(e.ID) // on its way through another bus
		} else {
			t = r.works.ofStory(e)
		}
		if t == nil && !command {
			continue
		}
		if of == nil {
			of = make([]*tracked, len(plans))
		}
		if of[i] = t; t != nil {
			found = append(found, t)
		}
		n++
	}
	if n == 0 {
		return nil, nil
	}
	s := &steps{r: r, snap: snap, byEvents: true, reserved: []journal.Reservation{r.journal.Reserve(n)}}
	s.lock(found)
	if err := s.each(plans, of); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// lock takes the work requests that may be moved, always in the same order.
func (s *steps) lock(list []*tracked) {
	s.locked = sortedBySeq(list)
	for _, t := range s.locked {
		t.moving.Lock()
	}
}

// each makes the step of every planned event that has a part in a work request.
func (s *steps) each(plans []plan, of []*tracked) error {
	for i := range plans {
		p, t := &plans[i], of[i]
		switch {
		case p.event.Meta.Kind == event.KindCommand:
			if err := s.command(p, t); err != nil {
				return err
			}
		case t != nil:
			c, ok := t.now.Load().Read(p.event)
			if !ok {
				continue
			}
			if _, err := s.move(t, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// command makes the work request of a command; one that comes from another bus
// has one already, and gets the handler that it has found here.
func (s *steps) command(p *plan, t *tracked) error {
	if t != nil && !s.latest(t).Action.Ended() {
		next := *s.latest(t)
		next.Handler = p.handledBy()
		next.Service = next.Handler.Target
		s.moved = append(s.moved, movedWork{t: t, next: &next})
		k, err := storeWork(t.seq, &next)
		s.rerouted = append(s.rerouted, k)
		return err
	}
	id := p.event.ID
	if p.given { // the request is found by the number in its id
		id = journal.NewEventID(p.seq)
	}
	seq := s.next()
	w := work.New(id, p.event, p.handledBy(), journal.NewEventID(seq))
	t = &tracked{seq: p.seq}
	s.moved = append(s.moved, movedWork{t: t, next: w, new: true})
	return s.add(seq, t, w)
}

// move makes one step of a work request, unless its present state refuses.
func (s *steps) move(t *tracked, c work.Change) (work.Refusal, error) {
	seq := s.next()
	next, refusal := s.latest(t).Move(c, journal.NewEventID(seq))
	if refusal != work.None {
		s.r.metrics.workIgnored.WithLabelValues(string(refusal)).Inc()
		return refusal, nil
	}
	s.moved = append(s.moved, movedWork{t: t, next: next})
	return work.None, s.add(seq, t, next)
}

// latest is a work request as the batch has left it so far.
func (s *steps) latest(t *tracked) *work.Request {
	for i := len(s.moved) - 1; i >= 0; i-- {
		if s.moved[i].t == t {
			return s.moved[i].next
		}
	}
	return t.now.Load()
}

func (s *steps) next() journal.Seq {
	s.used++
	return s.reserved[0].At(s.used - 1)
}

// add plans the event that tells of a step, which carries the new state to disk.
func (s *steps) add(seq journal.Seq, t *tracked, w *work.Request) error {
	e, err := w.StepEvent()
	if err != nil {
		return err
	}
	if _, ok := s.snap.set.Buses[e.Meta.Bus]; !ok {
		e.Meta.Bus = rules.DefaultBus // the command's bus has been removed since
	}
	p, err := s.r.prepare(s.snap, e, seq)
	if err != nil {
		return fmt.Errorf("step of work request %s: %w", w.ID, err)
	}
	p.given = false // its id is made of its number
	entry, err := p.entry()
	if err != nil {
		return err
	}
	if s.r.opts.Trace {
		trace.Describe(&entry, e, s.snap.set, p.matched)
	}
	k, err := storeWork(t.seq, w)
	if err != nil {
		return err
	}
	entry.Works = []journal.Work{k}
	s.plans, s.entries = append(s.plans, p), append(s.entries, entry)
	return nil
}

// with gives the batch with the steps' events.
func (s *steps) with(entries []journal.Entry) []journal.Entry {
	if s == nil {
		return entries
	}
	entries[0].Works = s.rerouted
	return append(entries[:len(entries):len(entries)], s.entries...)
}

// commit makes the new states known once they are on disk.
func (s *steps) commit() {
	if s == nil {
		return
	}
	for i := range s.moved {
		m := &s.moved[i]
		m.t.now.Store(m.next)
		if m.new {
			s.r.works.add(m.t)
		}
		if m.next.Action.Ended() {
			s.r.works.finish(m.t)
			if cfg := s.snap.set.Targets[m.next.Service]; s.byEvents && !answersFor(&cfg) { // no answer will come
				s.r.askers.tell(m.next.CommandID, Reply{Outcome: ReplyLate})
			}
		}
	}
	for i := range s.plans {
		s.r.metrics.workSteps.WithLabelValues(s.plans[i].event.DetailType).Inc()
	}
	s.r.handOver(s.plans, s.entries)
}

// release lets go of the work requests and of the numbers.
func (s *steps) release() {
	if s == nil {
		return
	}
	for _, t := range s.locked {
		t.moving.Unlock()
	}
	for _, r := range s.reserved {
		r.Release()
	}
	s.locked, s.reserved = nil, nil
}

package router

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"signalbox/catalog"
	"signalbox/commands"
	"signalbox/commands/work"
	"signalbox/delivery"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/router/dedup"
	"signalbox/rules"
	"signalbox/rules/exprenv"
	"signalbox/rules/transform"
	"signalbox/state"
	"signalbox/targets"
	"signalbox/trace"
)

// Accept takes events in. The slice that it returns has an entry for each: nil
// where the event and its plan are on disk and its ID is set, else an
// *event.Error that says why it was refused. The error is for the whole call:
// *Busy, ErrStopping, or a store that fails; then nothing was accepted.
//
// A repeat of an event that was accepted within the dedup window is not taken in
// again: it gets the ID of the first, its Duplicate is set, and its error is nil.
func (r *Router) Accept(ctx context.Context, evs []*event.Event) ([]error, error) {
	for _, e := range evs {
		e.Meta.Bus = r.localBus(e.Meta.Bus)
	}
	return r.acceptNew(ctx, evs, nil)
}

// acceptNew is accept for events of which those are left out that were accepted
// before.
func (r *Router) acceptNew(ctx context.Context, evs []*event.Event, planned func(*event.Event) error) ([]error, error) {
	if !r.dedup.Knows(evs) {
		return r.accept(ctx, evs, nil, planned)
	}
	return r.tell(r.dedup.Once(ctx, evs, func(evs []*event.Event, prints []dedup.Fresh) ([]error, error) {
		if len(evs) > 0 {
			return r.accept(ctx, evs, prints, planned)
		}
		if r.gate.closed.Load() {
			return nil, ErrStopping
		}
		return nil, nil
	}))
}

// takeNew is take for events of which those are left out that were accepted before,
// by another attempt at the delivery that led to them.
func (r *Router) takeNew(ctx context.Context, evs []*event.Event) ([]error, error) {
	return r.tell(r.dedup.Once(ctx, evs, func(evs []*event.Event, prints []dedup.Fresh) ([]error, error) {
		return r.take(evs, prints, nil)
	}))
}

// tell counts the repeats among events, and warns of an id that different events have,
// once a minute.
func (r *Router) tell(o dedup.Outcome, err error) ([]error, error) {
	if o.Duplicates > 0 {
		r.metrics.duplicates.Add(float64(o.Duplicates))
		r.journal.CountDuplicates(o.Duplicates)
	}
	for _, e := range o.Reused {
		r.metrics.reused.Inc()
		r.reused.Do(func() {
			r.log.Warn("an event has the id and the source of another with other content; both are accepted: give each event an id of its own",
				zap.String("bus", e.Meta.Bus), zap.String("source", e.Source), zap.String("detail_type", e.DetailType), zap.String("id", e.ID))
		})
	}
	return o.Errs, err
}

// acceptInside accepts what a target passes on. It did not arrive from outside, so
// that repeats of it are accepted too.
func (r *Router) acceptInside(ctx context.Context, evs []*event.Event) ([]error, error) {
	return r.accept(ctx, evs, nil, nil)
}

// accept accepts every event, also a repeat, with their fingerprints where they have
// one. Planned, if not nil, is called with each event that has been planned; its
// error refuses the event.
func (r *Router) accept(ctx context.Context, evs []*event.Event, prints []dedup.Fresh, planned func(*event.Event) error) ([]error, error) {
	if err := r.gate.admit(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err // nobody waits for the answer
	}
	return r.take(evs, prints, planned)
}

// take is accept behind the gate.
func (r *Router) take(evs []*event.Event, prints []dedup.Fresh, planned func(*event.Event) error) ([]error, error) {
	snap := r.snapshot.Load()
	reserved := r.journal.Reserve(len(evs))
	defer reserved.Release() // whatever happens: readers stop before it
	refused := make([]error, len(evs))
	entries := make([]journal.Entry, 0, len(evs))
	plans := make([]plan, 0, len(evs))
	for i, e := range evs {
		p, err := r.prepare(snap, e, reserved.At(i))
		if err == nil && planned != nil {
			err = planned(e)
		}
		if err != nil {
			refused[i] = err
			r.metrics.refused(err)
			continue
		}
		entry, err := r.entry(&p, snap)
		if err != nil {
			return nil, err
		}
		if prints != nil {
			entry.Fingerprint, entry.EventID, entry.Marks = prints[i].Print, e.ID, prints[i].Marks
		}
		entries = append(entries, entry)
		plans = append(plans, p)
	}
	if len(entries) == 0 {
		return refused, nil
	}
	steps, err := r.Commands.Steps(planner{r, snap}, len(plans), func(i int) commands.Accepted {
		return commands.Accepted{Event: plans[i].event, Seq: plans[i].seq, Given: plans[i].given, Handler: plans[i].handler}
	})
	if err != nil {
		return nil, err
	}
	defer steps.Release()
	if err := r.journal.Append(steps.With(entries)); err != nil {
		r.dedup.Doubt()
		return nil, fmt.Errorf("journal: %w", err)
	}
	steps.Commit()
	r.handOver(plans, entries)
	return refused, nil
}

// maxDeliveries is how many deliveries one event can have: their numbers, which
// name them, are of 16 bits.
const maxDeliveries = 1 << 16

// plan is what is to be done with one event.
type plan struct {
	event    *event.Event
	seq      journal.Seq
	given    bool // the id is the producer's
	envelope []byte
	matched  []rules.Matched
	sends    []send
	// findings are what the door let in with a warning.
	findings []catalog.Finding
	// object is what the event tells the state of; nil for none.
	object  *journal.Object
	handler work.Handler // of a command or a query
	env     *exprenv.Env // nil until an order key asks for it
}

// send is one planned delivery.
type send struct {
	lane *delivery.Lane
	rule *rules.Rule
	hold journal.HoldID // where it is held back; 0 if it is not
	to   *rules.RuleTarget
	body []byte
	// notice says that body is the envelope to be sent in place of the event's.
	notice bool
	key    string // the order key
	err    error  // the body can't be rendered, or the order key not be told
}

// localBus returns the name of a bus that is given by name, by ARN, or not at all. The ARN
// of another account or region stays as it is: no bus here has that name.
func (r *Router) localBus(bus string) string {
	if name, account, region, ok := event.BusOfARN(bus); ok && account == r.opts.Account && region == r.opts.Region {
		return name
	}
	return cmp.Or(bus, rules.DefaultBus)
}

// prepare fills in what an event does not say, matches it, and plans its
// deliveries.
func (r *Router) prepare(snap *snapshot, e *event.Event, seq journal.Seq) (plan, error) {
	e.Meta.Bus = r.localBus(e.Meta.Bus)
	if _, ok := snap.set.Buses[e.Meta.Bus]; !ok {
		return plan{}, &event.Error{Code: event.CodeNotFound, Message: fmt.Sprintf("Event bus %s does not exist.", e.Meta.Bus)}
	}
	if err := e.Check(); err != nil {
		return plan{}, err
	}
	if e.Meta.Hops > r.opts.MaxHops {
		return plan{}, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
			"This is hop %d, and max_hops is %d: is there a loop in the rules? Its path: %s", e.Meta.Hops, r.opts.MaxHops, event.PathText(e.Meta.Path, e.DetailType))}
	}
	p := plan{event: e, seq: seq, given: e.ID != ""}
	if !p.given {
		e.ID = journal.NewEventID(seq)
	}
	e.Meta.Received = seq.Time()
	if e.Time.IsZero() {
		e.Time = e.Meta.Received
	}
	if e.Account == "" {
		e.Account = r.opts.Account
	}
	if e.Region == "" {
		e.Region = r.opts.Region
	}
	snap.set.Catalog.SetKind(e)
	var err error
	if p.findings, err = snap.inspect(e); err != nil {
		return plan{}, err
	}
	if p.object, err = state.Told(snap.set.Catalog, e); err != nil {
		return plan{}, err
	}
	p.envelope = e.AppendEnvelope(make([]byte, 0, len(e.Detail)+len(e.Source)+len(e.DetailType)+256))
	p.matched = snap.set.Match(e, p.envelope, nil)
	for _, m := range p.matched {
		if m.Err != nil || m.Rule.State == rules.Shadow {
			continue
		}
		if len(p.sends)+len(m.Rule.Targets) > maxDeliveries {
			return plan{}, &event.Error{Code: event.CodeInvalidArgument, Message: fmt.Sprintf(
				"The rules send this event to more than %d targets.", maxDeliveries)}
		}
		for i := range m.Rule.Targets {
			s := r.render(snap, &p, m.Rule, &m.Rule.Targets[i])
			s.hold = snap.holds.of(m.Rule.Bus, m.Rule.Name, s.to.Target)
			p.sends = append(p.sends, s)
		}
	}
	if e.Meta.IsRequest() {
		if p.handler, err = r.Commands.Handler(e, p.candidates(snap.set)); err != nil {
			return plan{}, err
		}
	}
	return p, nil
}

// render plans one delivery and its body.
func (r *Router) render(snap *snapshot, p *plan, rule *rules.Rule, to *rules.RuleTarget) send {
	s := send{lane: snap.lanes[to.Target], rule: rule, to: to}
	if order := snap.set.Orders[to.Target]; order != nil {
		if s.key, s.err = p.orderKey(order); s.err != nil {
			return s
		}
	}
	if s.err = r.renderBody(&s, p); s.err != nil {
		s.err = fmt.Errorf("the body can't be rendered: %w", s.err)
	}
	return s
}

// renderBody gives a send its body.
func (r *Router) renderBody(s *send, p *plan) (err error) {
	if s.to.Carry != "" {
		s.notice = true
		s.body, err = r.notice(p.event, p.object, p.seq, s.to.Carry)
		return err
	}
	if s.to.Transform == nil {
		return nil
	}
	s.body, err = s.to.Transform.Apply(transform.Input{
		Envelope: p.envelope, Event: p.event, RuleName: s.rule.Name, RuleARN: s.rule.ARN, Ingested: p.event.Meta.Received,
	})
	if err == nil && s.body == nil {
		s.body = []byte{} // nil would mean the event itself
	}
	return err
}

// entry is a plan as the journal takes it.
func (r *Router) entry(p *plan, snap *snapshot) (journal.Entry, error) {
	meta, err := p.event.Meta.AppendBinary(nil)
	if err != nil {
		return journal.Entry{}, fmt.Errorf("metadata of event %q: %w", p.event.ID, err)
	}
	e := journal.Entry{Record: journal.Record{Seq: p.seq, Meta: meta, Envelope: p.envelope}, Object: p.object}
	if p.given {
		e.Record.GivenID = p.event.ID
	}
	for _, m := range p.matched {
		e.Matched = e.Matched || m.Err == nil
	}
	if len(p.sends) > 0 {
		e.Deliveries = make([]journal.Delivery, len(p.sends))
	}
	for i, s := range p.sends {
		e.Deliveries[i] = journal.Delivery{
			Seq: p.seq, N: uint16(i), Lane: s.lane.ID, State: journal.Ready,
			Rule: s.rule.Name, RuleTarget: s.to.ID, Body: s.body, Notice: s.notice, Key: s.key,
		}
		if s.rule.Bus != p.event.Meta.Bus {
			e.Deliveries[i].Bus = s.rule.Bus // it bubbled
		}
		if s.hold != 0 {
			e.Deliveries[i].State, e.Deliveries[i].Hold = journal.Held, s.hold
		}
		if s.err != nil {
			e.Deliveries[i].State = journal.Dead
			e.Deliveries[i].Death = &journal.Death{
				At: time.Now().UTC(), Code: targets.CodeInvalidJSON,
				Message: fmt.Sprintf("rule %q: target %q: %v", s.rule.Name, s.to.Target, s.err),
			}
		}
	}
	if r.opts.Trace {
		trace.Describe(&e, p.event, snap.set, p.matched)
	}
	return e, nil
}

// handOver tells the lanes of what is now on disk, and counts it.
func (r *Router) handOver(plans []plan, entries []journal.Entry) {
	var all delivery.Offers
	for i := range plans {
		p := &plans[i]
		r.metrics.accepted(p)
		for _, f := range p.findings {
			r.warned.add(f)
			r.metrics.findings.WithLabelValues(p.event.Meta.Bus, f.Code, f.Type).Inc()
		}
		for _, m := range p.matched {
			if m.Err != nil {
				r.whenError(m)
			}
		}
		for k, s := range p.sends {
			d := entries[i].Deliveries[k]
			if d.State == journal.Dead {
				r.metrics.lanes.Died(d.Rule, s.lane.Name)
				continue
			}
			if d.State == journal.Held {
				if gone := r.heldLate(d.Hold); gone != nil {
					<-gone // before what its producer sends next
				}
				continue
			}
			all = append(all, delivery.Offer{Lane: s.lane, Item: delivery.NewItem(d, &entries[i].Record, &p.event.Meta, p.event.ID)})
		}
	}
	all.Make()
}

// whenError reports a condition that failed on an event: once for each rule, as
// long as the rules stay the same.
func (r *Router) whenError(m rules.Matched) {
	r.metrics.whenErrors.WithLabelValues(m.Rule.Bus, m.Rule.Name).Inc()
	if _, logged := r.whenFailed.LoadOrStore(m.Rule.Bus+"/"+m.Rule.Name, true); !logged {
		r.log.Warn("condition failed on an event; the rule does not match it",
			zap.String("bus", m.Rule.Bus), zap.String("rule", m.Rule.Name), zap.Error(m.Err))
	}
}

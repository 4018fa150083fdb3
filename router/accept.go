package router

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"signalbox/commands"
	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/router/dedup"
	"signalbox/router/pause"
	"signalbox/rules"
	"signalbox/telemetry"
	"signalbox/trace"
)

// intake takes events in: from outside, from targets that pass them on, and from the
// answers to deliveries.
type intake struct {
	journal *store.Journal
	log     *zap.Logger
	metrics *metrics
	gate    *gate
	dedup   *dedup.Filter // nil where it is off
	planner func() planner
	pauses  *pause.Pauses
	tracer  *telemetry.Tracer
	// base is cancelled when attempts under way must end, maxHops how many steps derived
	// events may be away from the first.
	base    context.Context
	maxHops int
	// derivations counts what comes of events by replies and buses, up to maxDerived of each.
	derivations derivations
	maxDerived  int
	// eventOf returns an event that was accepted before.
	eventOf func(id string) (*trace.Stored, error)
	// requeue tells its lane of a delivery of a dead letter.
	requeue func(journal.Delivery)
	// changed is told of each object that an event has changed.
	changed func(*journal.Object)
	// reused bounds the warnings of ids that several events have.
	reused rate.Sometimes
	// warned counts what was let in with a warning.
	warned warnings
	// whenFailed has the rules whose condition has failed, which is logged once.
	whenFailed sync.Map
	// turn is held while rules begin to serve, and shared while events get numbers.
	turn sync.RWMutex
}

// init sets what the intake takes from its router, except the pauses.
func (in *intake) init(r *Router) (err error) {
	in.journal, in.log, in.metrics, in.gate, in.planner, in.eventOf = r.journal, r.log, r.metrics, &r.gate, r.planner, r.Traces.Event
	in.changed, in.tracer, in.requeue = r.States.Changed, r.opts.Tracer, r.Lanes.Requeue
	in.base, in.maxHops, in.reused.Interval = r.base, r.opts.MaxHops, time.Minute
	in.maxDerived, in.derivations.last = r.opts.MaxDerived, r.journal.Events.Derived
	in.dedup, err = dedup.New(r.journal, r.opts.DedupWindow)
	return err
}

// acceptNew is accept for events of which those are left out that were accepted
// before.
func (in *intake) acceptNew(ctx context.Context, evs []*event.Event, planned func(*event.Event) error) ([]error, error) {
	if !in.dedup.Knows(evs) {
		return in.accept(ctx, evs, nil, planned)
	}
	return in.tell(in.dedup.Once(ctx, evs, func(evs []*event.Event, prints []dedup.Fresh) ([]error, error) {
		if len(evs) > 0 {
			return in.accept(ctx, evs, prints, planned)
		}
		if in.gate.closed.Load() {
			return nil, ErrStopping
		}
		return nil, nil
	}))
}

// takeNew is take for events of which those are left out that were accepted before,
// by another attempt at the delivery that led to them.
func (in *intake) takeNew(ctx context.Context, evs []*event.Event) ([]error, error) {
	return in.tell(in.dedup.Once(ctx, evs, func(evs []*event.Event, prints []dedup.Fresh) ([]error, error) {
		return in.take(evs, prints, nil)
	}))
}

// tell counts the repeats among events, and warns of an id that different events have,
// once a minute.
func (in *intake) tell(o dedup.Outcome, err error) ([]error, error) {
	if n := len(o.Repeated); n > 0 {
		in.metrics.duplicates.Add(float64(n))
		in.journal.CountRepeats(o.Repeated)
	}
	for _, e := range o.Reused {
		in.metrics.reused.Inc()
		in.reused.Do(func() {
			in.log.Warn("an event has the id and the source of another with other content; both are accepted: give each event an id of its own",
				zap.String("bus", e.Meta.Bus), zap.String("source", e.Source), zap.String("detail_type", e.DetailType),
				zap.String("event_id", e.ID), zap.String("trace_id", event.TraceID(e.ID, &e.Meta)))
		})
	}
	return o.Errs, err
}

// acceptInside accepts what a target passes on, and counts it among what comes of its first
// event. It did not arrive from outside, so that repeats of it are accepted too.
func (in *intake) acceptInside(ctx context.Context, evs []*event.Event) ([]error, error) {
	for i, e := range evs {
		if err := in.derivations.number(e, in.maxDerived); err != nil {
			in.derivations.forget(evs[:i])
			return nil, err
		}
	}
	refused, err := in.accept(ctx, evs, nil, nil)
	for i, e := range evs {
		if err != nil || refused[i] != nil {
			in.derivations.forget([]*event.Event{e})
		}
	}
	return refused, err
}

// accept accepts every event, also a repeat, with their fingerprints where they have
// one. Planned, if not nil, is called with each event that has been planned; its
// error refuses the event.
func (in *intake) accept(ctx context.Context, evs []*event.Event, prints []dedup.Fresh, planned func(*event.Event) error) ([]error, error) {
	if err := in.gate.admit(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err // nobody waits for the answer
	}
	return in.take(evs, prints, planned)
}

// reserve returns numbers for n events, and what plans them. Rules that begin to serve do so
// between two numbers: what comes before was planned by the rules before, what follows by them.
func (in *intake) reserve(n int) (planner, store.Reservation) {
	in.turn.RLock()
	defer in.turn.RUnlock()
	return in.planner(), in.journal.Seqs.Reserve(n)
}

// take is accept behind the gate.
func (in *intake) take(evs []*event.Event, prints []dedup.Fresh, planned func(*event.Event) error) ([]error, error) {
	with, reserved := in.reserve(len(evs))
	with.room = newRoom(len(evs))
	defer reserved.Release() // whatever happens: readers stop before it
	refused := make([]error, len(evs))
	entries, plans := with.room.entries, with.room.plans
	for i, e := range evs {
		p, err := with.prepare(e, reserved.At(i))
		if err == nil && planned != nil {
			err = planned(e)
		}
		if err != nil {
			refused[i] = err
			in.metrics.refused(err)
			in.traceRefused(e, reserved.At(i), err)
			continue
		}
		entry, err := with.entry(&p)
		if err != nil {
			return nil, err
		}
		if prints != nil {
			entry.Fingerprint, entry.EventID, entry.Marks = prints[i].Print, e.ID, prints[i].Marks
		}
		entries = append(entries, entry)
		plans = append(plans, p)
	}
	with.room.entries, with.room.plans = entries, plans
	if len(entries) == 0 {
		with.room.release()
		return refused, nil
	}
	steps, err := with.commands.Steps(len(plans), func(i int) commands.Accepted {
		return commands.Accepted{Event: plans[i].event, Seq: plans[i].seq, Given: plans[i].given, Handler: plans[i].handler}
	})
	if err != nil {
		return nil, err
	}
	defer steps.Release()
	if err := in.journal.Append(steps.With(entries)); err != nil {
		in.dedup.Doubt()
		return nil, unwritten(err)
	}
	steps.Commit()
	in.handOver(plans, entries)
	with.room.release() // whoever needs what was in it has made a copy
	return refused, nil
}

// handOver hands the lanes what is now on disk, and counts it.
func (in *intake) handOver(plans []plan, entries []journal.Entry) {
	var all, dead delivery.Offers
	now := time.Now()
	for i := range plans {
		p := &plans[i]
		in.metrics.accepted(p, now)
		in.trace(p.event)
		if p.object != nil {
			in.changed(p.object)
		}
		for _, f := range p.findings {
			in.warned.add(f)
			in.metrics.findings.WithLabelValues(p.event.Meta.Bus, f.Code, f.Type).Inc()
		}
		for _, m := range p.matched {
			if m.Err != nil {
				in.whenError(m, p.event.ID, now)
			}
		}
		var shared *queue.Event
		for k, s := range p.sends {
			d := entries[i].Deliveries[k]
			if d.State == journal.Dead {
				it := queue.NewItem(d, queue.NewEvent(&entries[i].Record, &p.event.Meta, p.event.ID))
				in.metrics.lanes.Died(delivery.Rule{Bus: it.Bus(), Name: d.Rule}, s.lane.Name)
				dead = append(dead, delivery.Offer{Lane: s.lane, Item: it})
				continue
			}
			if d.State == journal.Held {
				if gone := in.pauses.Late(d.Hold); gone != nil {
					<-gone // before what its producer sends next
				}
				continue
			}
			if shared == nil {
				shared = queue.NewEvent(&entries[i].Record, &p.event.Meta, p.event.ID)
			}
			all = append(all, delivery.Offer{Lane: s.lane, Item: queue.NewItem(d, shared)})
		}
	}
	all.Make()
	for i := range plans {
		for _, f := range entries[i].Deliveries[len(plans[i].sends):] {
			in.requeue(f)
		}
	}
	for _, o := range dead {
		in.died(o.Lane.Name, o.Item, &o.Item.Delivery)
	}
}

// trace makes a span of an event that is on disk now, if it is sampled.
func (in *intake) trace(e *event.Event) {
	if in.tracer.Sampled(e.ID, &e.Meta) {
		in.tracer.Record(telemetry.Arrived(telemetry.ArrivedContext(e.ID, &e.Meta), e, time.Now()))
	}
}

// traceRefused makes a span of an event that is refused, which would have had this number.
func (in *intake) traceRefused(e *event.Event, seq journal.Seq, err error) {
	if !in.tracer.On() {
		return
	}
	told := *e
	if told.ID == "" {
		told.ID = journal.NewEventID(seq)
	}
	told.Meta.Received = seq.Time()
	in.tracer.Record(telemetry.Refused(telemetry.ArrivedContext(told.ID, &told.Meta), &told, time.Now(), err))
}

// whenError reports a condition that failed on an event: once for each rule, as
// long as the rules stay the same.
func (in *intake) whenError(m rules.Matched, id string, now time.Time) {
	in.metrics.conditionFailed(m.Rule, id, m.Err, now)
	if _, logged := in.whenFailed.LoadOrStore(m.Rule.Bus+"/"+m.Rule.Name, true); !logged {
		in.log.Warn("condition failed on an event; the rule does not match it",
			zap.String("bus", m.Rule.Bus), zap.String("rule", m.Rule.Name), zap.Error(m.Err))
	}
}

// seqsOf returns the places of events that have been accepted, now or before.
func (in *intake) seqsOf(evs []*event.Event) []journal.Seq {
	var seqs []journal.Seq
	for _, e := range evs {
		if e.Duplicate {
			if first, err := in.eventOf(e.ID); err == nil {
				seqs = append(seqs, first.Seq)
			}
			continue
		}
		if !e.Meta.Received.IsZero() {
			seqs = append(seqs, journal.SeqAt(e.Meta.Received))
		}
	}
	return seqs
}

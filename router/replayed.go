package router

import (
	"cmp"
	"fmt"

	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/event"
	"signalbox/journal"
	"signalbox/replay"
	"signalbox/rules"
	"signalbox/state"
	"signalbox/targets"
)

// newReplays returns the replays of a router.
func (r *Router) newReplays() *replay.Replays {
	return replay.New(replay.Options{
		Journal: r.journal, Past: r.opts.Past, Lanes: &r.Lanes, Log: r.log,
		Planner: func() replay.Planner {
			r.intake.turn.RLock() // a start in the past begins before its rules serve, and plans with them
			defer r.intake.turn.RUnlock()
			return pastPlanner{r.planner()}
		},
		Request: func(target string, d *targets.Delivery) (targets.Request, error) {
			return r.planner().request(target, d)
		},
		Died:  r.intake.diedUnrendered,
		Yield: r.yield,
	})
}

// liveTraffic returns how many events have been accepted, with how many deliveries live lanes have
// made. An event that a replay's delivery leads to is live traffic too.
func (r *Router) liveTraffic() uint64 {
	_, events := r.journal.Counters.Totals()
	n := events.Accepted
	for _, l := range r.Lanes.all() {
		if !ofReplay(l) {
			n += r.journal.Counters.LaneCounts(l.ID).Delivered
		}
	}
	return n
}

// pastPlanner plans events of the past, for replays.
type pastPlanner struct{ planner }

// Set returns the rules.
func (in pastPlanner) Set() *rules.Set { return in.set }

// Forward returns the delivery of a dead letter.
func (in pastPlanner) Forward(bus string, dead *journal.Delivery) *journal.Delivery {
	return in.policies.Forward(bus, dead)
}

// Sends returns what rules send of an event now.
func (in pastPlanner) Sends(e *event.Event, envelope []byte) (sends []replay.Send) {
	for _, m := range in.set.Match(e, envelope, nil) {
		if m.Err != nil || m.Rule.State == rules.Shadow {
			continue
		}
		for i := range m.Rule.Targets {
			sends = append(sends, sendOf(m.Rule, &m.Rule.Targets[i]))
		}
	}
	return sends
}

func sendOf(rule *rules.Rule, to *rules.RuleTarget) replay.Send {
	return replay.Send{Rule: rule, To: to, Target: to.Target}
}

// Entry returns what a target entry sends.
func (in pastPlanner) Entry(bus, rule, entry string) (replay.Send, bool) {
	to, found, err := findEntry(in.set, bus, rule, entry)
	if err != nil {
		return replay.Send{}, false
	}
	return sendOf(found, to), true
}

// Render renders the body and the ordering key of what an entry sends.
func (in pastPlanner) Render(e *event.Event, rec *journal.Record, envelope []byte, s *replay.Send) {
	object, err := state.Told(in.set.Catalog, e)
	if err != nil {
		s.Err = err
		return
	}
	made := in.render(&plan{event: e, seq: rec.Seq, envelope: envelope, object: object}, s.Rule, s.To)
	s.Body, s.Notice, s.Key, s.Err = made.body, made.notice, made.key, made.err
}

// diedUnrendered tells of a delivery of a replay that is a dead letter from the start.
func (in *intake) diedUnrendered(target string, d *journal.Delivery, rec *journal.Record) {
	rule := delivery.Rule{Bus: d.Bus, Name: d.Rule}
	e, err := rec.Parsed()
	if err == nil {
		rule.Bus = cmp.Or(rule.Bus, e.Meta.Bus)
	}
	in.metrics.lanes.Died(rule, target)
	if err == nil {
		in.died(target, queue.NewItem(*d, queue.NewEvent(rec, &e.Meta, e.ID)), d)
	}
}

// replayLane returns the name of the lane of a replay beside that of a target. No target has
// such a name.
func replayLane(target, name string) string { return target + "@" + name }

// OpenReplay returns the lane of a replay beside that of a target. It makes it if there is
// none.
func (ls *Lanes) OpenReplay(target, name string, rate targets.Rate) (*delivery.Lane, error) {
	ls.swap.Lock() // the target is neither changed nor paused meanwhile
	defer ls.swap.Unlock()
	lane := replayLane(target, name)
	if l := ls.named(lane); l != nil {
		return l, nil
	}
	beside, err := ls.of(target)
	if err != nil {
		return nil, err
	}
	id, err := ls.journal.Lanes.Lane(lane)
	if err != nil {
		return nil, err
	}
	l := delivery.NewReplayLane(&ls.env, lane, id, beside)
	ls.mu.Lock()
	ls.byName[lane], ls.rates[lane] = l, rate
	ls.mu.Unlock()
	ls.pauses.ApplyTo(l)
	l.Share(beside, rate)
	return l, nil
}

// CloseReplay closes the lane of a replay, which has ended.
func (ls *Lanes) CloseReplay(l *delivery.Lane) error {
	ls.swap.Lock()
	defer ls.swap.Unlock()
	ls.mu.Lock()
	delete(ls.byName, l.Name)
	delete(ls.rates, l.Name)
	ls.mu.Unlock()
	ls.env.Metrics.ForgetLane(l.Name)
	if err := l.Leave(); err != nil {
		return fmt.Errorf("lane %q: %w", l.Name, err)
	}
	return nil
}

// Serves reports whether a target is defined now.
func (ls *Lanes) Serves(target string) bool { return ls.serving(target) != nil }

// ofReplays returns the lanes of replays.
func (ls *Lanes) ofReplays() (all []*delivery.Lane) {
	for _, l := range ls.all() {
		if ofReplay(l) {
			all = append(all, l)
		}
	}
	return all
}

// ofReplay reports whether a lane is one of a replay.
func ofReplay(l *delivery.Lane) bool { return l.Home != l.ID }

// share gives the lanes of replays the targets as they are now. It is called with the lock of
// swaps.
func (ls *Lanes) share() {
	for _, l := range ls.ofReplays() {
		ls.mu.Lock()
		beside, rate := ls.byName[l.Target], ls.rates[l.Name]
		ls.mu.Unlock()
		l.Share(beside, rate)
	}
}

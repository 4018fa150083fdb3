package pause

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery"
	"signalbox/delivery/queue"
	"signalbox/journal"
	"signalbox/rules"
)

// releaseBatch is how many suspended deliveries are let go in one durable write.
const releaseBatch = 256

// Release begins to let go what is suspended and need not be any more. It is called
// under the lock.
func (p *Pauses) Release() {
	if !p.opts.Running() || p.opts.Stopping() {
		return
	}
	for k, known := range p.known {
		if known.Releasing && !p.releasing[k] {
			p.releasing[k] = true
			p.opts.Go(release{p, k, known.Hold}.run)
		}
	}
}

// Recover notes what a stop or a crash has broken off, before the router runs.
func (p *Pauses) Recover() {
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	for k, known := range p.known {
		if suspends(&known) || known.Releasing || known.Hold == 0 || p.opts.Journal.Counters.HeldBy(known.Hold) == 0 {
			continue
		}
		if err := p.alter(k, func(to *journal.Pause) { to.Releasing = true }); err != nil {
			p.opts.Log.Error("held deliveries can't be let go", zap.Stringer("of", k), zap.Error(err))
		}
	}
	p.changed()
}

// Start applies the pauses to lanes that have begun to run, and begins the releases.
func (p *Pauses) Start() {
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	p.changed()
}

// Late lets a delivery go that was suspended by somebody who had not heard that nothing
// is any more. The channel, nil if there is none, is closed when it has.
func (p *Pauses) Late(hold journal.HoldID) <-chan struct{} {
	if p.holds.Load().has(hold) {
		return nil
	}
	p.opts.Lock.Lock() // a stop waits for what was begun before it
	defer p.opts.Lock.Unlock()
	if p.opts.Stopping() {
		return nil
	}
	gone := make(chan struct{})
	p.opts.Go(func() {
		defer close(gone)
		p.letGoRest(hold)
	})
	return gone
}

// letGoRest lets go what was suspended by those who had not heard of the end.
func (p *Pauses) letGoRest(hold journal.HoldID) {
	for at, n := (journal.Cursor{}), releaseBatch; n == releaseBatch; {
		if p.opts.Stopping() || p.holds.Load().has(hold) {
			return
		}
		var err error
		if at, n, err = p.letGo(hold, at); err != nil {
			p.opts.Log.Error("held deliveries can't be let go; they are after a restart", zap.Error(err))
			return
		}
	}
}

// letGo makes a batch of suspended deliveries ready, from a place on, and returns the
// place after them. Their age counts from now.
func (p *Pauses) letGo(hold journal.HoldID, from journal.Cursor) (next journal.Cursor, n int, err error) {
	p.releaseMu.Lock() // each is let go once
	defer p.releaseMu.Unlock()
	now := time.Now().UTC()
	moves := make([]journal.Move, 0, releaseBatch)
	next = from
	err = p.opts.Journal.Deliveries.Held(hold, from, func(d journal.Delivery) bool {
		to := d
		to.State, to.Hold, to.Since = journal.Ready, 0, now
		if drains := p.drains(&d); drains != 0 && drains != hold {
			to.State, to.Hold = journal.Held, drains
		}
		moves = append(moves, journal.Move{From: d, To: &to})
		next = journal.CursorOf(&d)
		return len(moves) < releaseBatch
	})
	if err != nil || len(moves) == 0 {
		return next, 0, err
	}
	if err := p.opts.Journal.MoveSync(moves); err != nil {
		return from, 0, err
	}
	for _, m := range moves {
		if l := p.opts.LaneOf(m.To.Lane); l != nil && m.To.State == journal.Ready {
			l.Requeue(*m.To)
		}
	}
	return next, len(moves), nil
}

// drains returns where the target of a delivery suspends what is newer: one that has an
// ordering key must not pass that. 0 is nowhere.
func (p *Pauses) drains(d *journal.Delivery) journal.HoldID {
	h := p.holds.Load()
	if d.Key == "" || h == nil {
		return 0
	}
	l := p.opts.LaneOf(d.Lane)
	if l == nil {
		return 0
	}
	return h.paused[targetKey(l.Name)]
}

// setBarriers bars the lanes with an order that suspended deliveries are to come back to.
// It is called under the lock, before anybody can plan what must not pass them.
func (p *Pauses) setBarriers(set *rules.Set) {
	for k, known := range p.known {
		if !known.Releasing || p.releasing[k] {
			continue
		}
		for _, l := range p.opts.Lanes() {
			if set.Orders[l.Name] != nil && p.feeds(set, k, l) {
				l.Barriers(func(b *queue.Barriers) { b.Set(known.Hold) })
			}
		}
	}
}

// feeds reports whether deliveries that a pause suspends may be a lane's.
func (p *Pauses) feeds(set *rules.Set, k key, l *delivery.Lane) bool {
	if k.kind == journal.PauseTarget {
		return k.name == l.Name
	}
	if p.opts.Journal.Counters.LaneCounts(l.ID).Held > 0 {
		return true
	}
	rule := set.Rule(k.bus, k.name)
	return rule != nil && slices.ContainsFunc(rule.Targets, func(t rules.RuleTarget) bool { return t.Target == l.Name })
}

// release lets the deliveries of a rule or a target go, the oldest first.
type release struct {
	pauses *Pauses
	key    key
	hold   journal.HoldID
}

// run lets them go until nothing is left. What is planned meanwhile is suspended too, so
// that it does not overtake them.
func (r release) run() {
	defer r.lift()
	p := r.pauses
	for at := (journal.Cursor{}); r.wanted(); {
		next, n, err := p.letGo(r.hold, at)
		if err != nil {
			p.opts.Log.Error("held deliveries can't be let go; trying again", zap.Stringer("of", r.key), zap.Error(err))
			if !r.linger(time.Second) {
				return
			}
			continue
		}
		at = next
		r.moveBarriers(at.Seq)
		if n < releaseBatch && r.end() {
			break
		}
	}
	p.letGoRest(r.hold)
}

// wanted reports whether the release is still wanted, and else ends it.
func (r release) wanted() bool {
	p := r.pauses
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	if p.known[r.key].Releasing && !p.opts.Stopping() {
		return true
	}
	delete(p.releasing, r.key)
	return false
}

// end ends the release: what is planned from now on is not suspended.
func (r release) end() bool {
	p := r.pauses
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	if !p.known[r.key].Releasing || p.opts.Stopping() {
		return false
	}
	if err := p.alter(r.key, func(to *journal.Pause) { to.Releasing = false }); err != nil {
		p.opts.Log.Error("the end of a pause can't be stored; trying again", zap.Stringer("of", r.key), zap.Error(err))
		return false
	}
	delete(p.releasing, r.key)
	p.changed()
	return true
}

// linger waits, and reports whether the router continues.
func (r release) linger(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.pauses.opts.Stop:
		return false
	}
}

// moveBarriers moves the barriers of the hold: all that it had before a place is back.
func (r release) moveBarriers(at journal.Seq) {
	for _, l := range r.pauses.opts.Lanes() {
		l.Barriers(func(b *queue.Barriers) { b.Move(r.hold, at) })
	}
}

// lift takes the barriers of the hold away, unless it is being let go anew.
func (r release) lift() {
	p := r.pauses
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	if p.releasing[r.key] {
		return
	}
	for _, l := range p.opts.Lanes() {
		l.Barriers(func(b *queue.Barriers) { b.Lift(r.hold) })
	}
}

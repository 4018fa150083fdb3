package router

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery"
	"signalbox/journal"
	"signalbox/rules"
)

// releaseBatch is how many held deliveries are let go in one durable write.
const releaseBatch = 256

// startReleases begins to let go what is held back and need not be any more. It is
// called under swapMu.
func (r *Router) startReleases() {
	if !r.running.Load() || r.gate.closed.Load() {
		return
	}
	for k, p := range r.pauses {
		if p.Releasing && !r.releasing[k] {
			r.releasing[k] = true
			r.workers.Go(func() { r.release(k, p.Hold) })
		}
	}
}

// resumeReleases notes what a stop or a crash has broken off, before the router
// runs.
func (r *Router) resumeReleases() {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	for k, p := range r.pauses {
		if holding(&p) || p.Releasing || p.Hold == 0 || r.journal.HeldBy(p.Hold) == 0 {
			continue
		}
		if err := r.alter(k, func(p *journal.Pause) { p.Releasing = true }); err != nil {
			r.log.Error("held deliveries can't be let go", zap.Stringer("of", k), zap.Error(err))
		}
	}
	r.pausesChanged()
}

// tellPauses tells lanes that have begun to run, and the releases, of pauses.
func (r *Router) tellPauses() {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	r.pausesChanged()
}

// release lets the deliveries of a rule or a target go, the oldest first. What is
// planned meanwhile is held back too, so that it does not overtake them, until
// nothing is left.
func (r *Router) release(k pauseKey, hold journal.HoldID) {
	defer r.lift(k, hold)
	for at := (journal.Cursor{}); r.goesOn(k); {
		next, n, err := r.letGo(hold, at)
		if err != nil {
			r.log.Error("held deliveries can't be let go; trying again", zap.Stringer("of", k), zap.Error(err))
			if !r.linger(time.Second) {
				return
			}
			continue
		}
		at = next
		r.moveBarriers(hold, at.Seq)
		if n < releaseBatch && r.goOn(k) {
			break
		}
	}
	r.letGoRest(hold)
}

// goesOn says whether a release is still wanted, and else ends it.
func (r *Router) goesOn(k pauseKey) bool {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	p := r.pauses[k]
	if p.Releasing && !r.gate.closed.Load() {
		return true
	}
	delete(r.releasing, k)
	return false
}

// goOn ends a release: what is planned from now on is not held back.
func (r *Router) goOn(k pauseKey) bool {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	if p := r.pauses[k]; !p.Releasing || r.gate.closed.Load() {
		return false
	}
	if err := r.alter(k, func(p *journal.Pause) { p.Releasing = false }); err != nil {
		r.log.Error("the end of a pause can't be stored; trying again", zap.Stringer("of", k), zap.Error(err))
		return false
	}
	delete(r.releasing, k)
	r.pausesChanged()
	return true
}

// letGoRest lets go what was held back by those who had not heard of the end.
func (r *Router) letGoRest(hold journal.HoldID) {
	for at, n := (journal.Cursor{}), releaseBatch; n == releaseBatch; {
		if r.gate.closed.Load() || r.snapshot.Load().holds.has(hold) {
			return
		}
		var err error
		if at, n, err = r.letGo(hold, at); err != nil {
			r.log.Error("held deliveries can't be let go; they are after a restart", zap.Error(err))
			return
		}
	}
}

// heldLate lets a delivery go that was held back by somebody who had not heard
// that nothing is any more. The channel, nil if there is none, is closed when it
// has.
func (r *Router) heldLate(hold journal.HoldID) <-chan struct{} {
	if r.snapshot.Load().holds.has(hold) {
		return nil
	}
	r.swapMu.Lock() // a stop waits for what was begun before it
	defer r.swapMu.Unlock()
	if r.gate.closed.Load() {
		return nil
	}
	gone := make(chan struct{})
	r.workers.Go(func() {
		defer close(gone)
		r.letGoRest(hold)
	})
	return gone
}

// letGo makes a batch of held deliveries ready, from a place on, and gives the
// place after them. Their age counts from now.
func (r *Router) letGo(hold journal.HoldID, from journal.Cursor) (next journal.Cursor, n int, err error) {
	r.releaseMu.Lock() // each is let go once
	defer r.releaseMu.Unlock()
	now := time.Now().UTC()
	moves := make([]journal.Move, 0, releaseBatch)
	next = from
	err = r.journal.Held(hold, from, func(d journal.Delivery) bool {
		to := d
		to.State, to.Hold, to.Since = journal.Ready, 0, now
		if drains := r.drains(&d); drains != 0 && drains != hold {
			to.State, to.Hold = journal.Held, drains
		}
		moves = append(moves, journal.Move{From: d, To: &to})
		next = journal.CursorOf(&d)
		return len(moves) < releaseBatch
	})
	if err != nil || len(moves) == 0 {
		return next, 0, err
	}
	if err := r.journal.MoveSync(moves); err != nil {
		return from, 0, err
	}
	for _, m := range moves {
		if m.To.State == journal.Ready {
			r.Requeue(*m.To)
		}
	}
	return next, len(moves), nil
}

// drains gives where the target of a delivery holds back what is newer: one that
// has an order key must not pass that. 0 is nowhere.
func (r *Router) drains(d *journal.Delivery) journal.HoldID {
	h := r.snapshot.Load().holds
	if d.Key == "" || h == nil {
		return 0
	}
	l := r.laneOf(d.Lane)
	if l == nil {
		return 0
	}
	return h.paused[targetPause(l.Name)]
}

// linger waits, and says whether the router goes on.
func (r *Router) linger(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.stop:
		return false
	}
}

// setBarriers bars the lanes with an order that suspended deliveries are to come back to.
// It is called under swapMu, before anybody can plan what must not pass them.
func (r *Router) setBarriers(set *rules.Set) {
	for k, p := range r.pauses {
		if !p.Releasing || r.releasing[k] {
			continue
		}
		for _, l := range r.allLanes() {
			if set.Orders[l.Name] != nil && r.feeds(set, k, l) {
				l.Barriers(func(b *delivery.Barriers) { b.Set(p.Hold) })
			}
		}
	}
}

// feeds reports whether deliveries that a pause suspends may be a lane's.
func (r *Router) feeds(set *rules.Set, k pauseKey, l *delivery.Lane) bool {
	if k.kind == journal.PauseTarget {
		return k.name == l.Name
	}
	if r.journal.LaneCounts(l.ID).Held > 0 {
		return true
	}
	rule := set.Rule(k.bus, k.name)
	return rule != nil && slices.ContainsFunc(rule.Targets, func(t rules.RuleTarget) bool { return t.Target == l.Name })
}

// moveBarriers moves the barriers of a hold: all that it had before a place is back.
func (r *Router) moveBarriers(hold journal.HoldID, at journal.Seq) {
	for _, l := range r.allLanes() {
		l.Barriers(func(b *delivery.Barriers) { b.Move(hold, at) })
	}
}

// lift takes the barriers of a hold away, unless it is being let go anew.
func (r *Router) lift(k pauseKey, hold journal.HoldID) {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	if r.releasing[k] {
		return
	}
	for _, l := range r.allLanes() {
		l.Barriers(func(b *delivery.Barriers) { b.Lift(hold) })
	}
}

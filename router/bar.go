package router

import (
	"slices"

	"signalbox/journal"
	"signalbox/rules"
)

// Held deliveries that are let go come back to a lane that may have newer ones.
// Where the lane has an order, a bar keeps it from going past the oldest that is
// still to come: what is ready is left on disk, from the bar on, and read in the
// order of its events once the bar has moved on.

// barLanes bars the lanes with an order that held deliveries are to come back to.
// It is called under swapMu, before anybody can plan what must not pass them.
func (r *Router) barLanes(set *rules.Set) {
	for k, p := range r.pauses {
		if !p.Releasing || r.releasing[k] {
			continue
		}
		for _, l := range r.allLanes() {
			if set.Orders[l.name] != nil && r.feeds(set, k, l) {
				l.bar(p.Hold)
			}
		}
	}
}

// feeds says whether deliveries that a pause holds back may be a lane's.
func (r *Router) feeds(set *rules.Set, k pauseKey, l *lane) bool {
	if k.kind == journal.PauseTarget {
		return k.name == l.name
	}
	if r.journal.LaneCounts(l.id).Held > 0 {
		return true
	}
	rule := set.Rule(k.bus, k.name)
	return rule != nil && slices.ContainsFunc(rule.Targets, func(t rules.RuleTarget) bool { return t.Target == l.name })
}

// moveBars moves the bars of a hold on: all that it held before a place is back.
func (r *Router) moveBars(hold journal.HoldID, at journal.Seq) {
	for _, l := range r.allLanes() {
		l.moveBar(hold, at)
	}
}

// lift takes the bars of a hold away, unless it is being let go anew.
func (r *Router) lift(k pauseKey, hold journal.HoldID) {
	r.swapMu.Lock()
	defer r.swapMu.Unlock()
	if r.releasing[k] {
		return
	}
	for _, l := range r.allLanes() {
		l.liftBar(hold)
	}
}

// bar keeps the lane from all that is ready, until the bar moves on.
func (l *lane) bar(hold journal.HoldID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bars == nil {
		l.bars = map[journal.HoldID]journal.Seq{}
	}
	if _, ok := l.bars[hold]; !ok {
		l.bars[hold] = 0
	}
}

func (l *lane) moveBar(hold journal.HoldID, at journal.Seq) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.bars[hold]; ok && at > before {
		l.bars[hold] = at
		l.dispatch()
	}
}

func (l *lane) liftBar(hold journal.HoldID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.bars[hold]; ok {
		delete(l.bars, hold)
		l.dispatch()
	}
}

// readable bounds the events whose ready deliveries may be read now. It is called
// with the lock held, when a read begins: what comes back later may be older than
// the place that it begins at.
func (l *lane) readable() journal.Seq {
	limit := l.r.journal.Stable()
	for _, at := range l.bars {
		limit = min(limit, at)
	}
	return limit
}

package delivery

import (
	"time"

	"signalbox/delivery/circuit"
)

// dispatch starts what there is to do: workers, a reader, the alarm. It is called
// with the lock, after anything that may have made work.
func (l *Lane) dispatch() {
	if l.halted || !l.env.Running() {
		return
	}
	l.checkDrained()
	now := time.Now()
	if l.absence.over(now) {
		l.hasten()
	}
	logDeaths(l, now)
	c := &l.health.circuit
	if c.State() != circuit.Closed && !l.paused {
		c.Tick(now)
		l.aging.begin(l, now)
	}
	if !now.Before(l.pace.at) && !c.Throttled(now) {
		for l.workers < l.concurrency() && l.wanted(now) {
			l.begin()
		}
	}
	if l.wantsRead(now) {
		l.window.reading = true
		l.env.Go(func() { read(l) })
	}
	l.setAlarm(now)
}

// begin starts one more worker.
func (l *Lane) begin() {
	l.workers++
	l.starting++
	l.env.Go(worker{l}.work)
}

// concurrency returns how many workers may run now.
func (l *Lane) concurrency() int {
	if l.active == nil && l.absence.waits() {
		return 0
	}
	if l.active == nil {
		return 1 // all that is left to do is to write
	}
	if l.paused {
		return 0
	}
	return l.health.circuit.Workers(max(1, l.active.Config.Concurrency))
}

// wanted reports whether there is work for one worker more. Those that are starting
// are taken to fill a batch each.
func (l *Lane) wanted(now time.Time) bool {
	b := l.active.batching()
	if b == nil {
		return l.starting < len(l.window.queue)
	}
	return b.ripe(&l.window, l.starting*b.events, now)
}

// wantsRead reports whether there is something to read from disk, and room for it.
func (l *Lane) wantsRead(now time.Time) bool {
	if l.window.reading || now.Before(l.readAt) {
		return false
	}
	// What waits for its turn in memory must not keep other keys from being read.
	if room := l.window.room(); room <= 0 || room+l.order.chained < l.window.most/2 {
		return false
	}
	return l.backlog.due(now, l.env.Policies().Longest) || l.backlog.hasten.wanted() || len(l.order.resumes) > 0 || l.order.sweeping ||
		l.backlog.behind && l.committed() && !l.barred()
}

// barred reports whether a barrier keeps what is ready from being read.
func (l *Lane) barred() bool {
	return l.barriers.any() && l.backlog.from.Seq >= l.barriers.limit(l.env.Store.Stable())
}

// committed reports whether readers may go past backlog.from. If not, the lane looks
// again when they may.
func (l *Lane) committed() bool {
	if l.awaits { // which may be for a later place
		return l.backlog.from.Seq < l.env.Store.Stable()
	}
	l.awaits = l.env.Store.Await(l.backlog.from.Seq, func() {
		l.locked(func() { l.awaits = false })
	})
	return !l.awaits
}

// setAlarm makes the lane look for work when time alone will have made some.
func (l *Lane) setAlarm(now time.Time) {
	c := &l.health.circuit
	var pace, throttled, gathered, probe, sweep time.Time
	if len(l.window.queue) > 0 {
		pace, throttled, gathered = l.pace.at, c.ThrottledUntil(), l.active.batching().gathered(&l.window)
	}
	if c.State() != circuit.Closed {
		probe, sweep = c.ProbeAt(), l.aging.at
	}
	l.alarm.set(now, l.backlog.nextDue, pace, throttled, gathered, probe, sweep, l.readAt, l.absence.until, l.deaths.until)
}

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
	if c.State() != circuit.Closed && !l.paused && !l.stayed {
		c.Tick(now)
		l.aging.begin(l, now)
	}
	if !now.Before(l.pace.at) && !c.Throttled(now) || l.discarding.Load() {
		for l.workers < l.concurrency() && l.wanted(now) {
			l.begin()
		}
	}
	l.queue.Stuck(l.concurrency() == 0)
	l.queue.Fill(now)
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
	if l.discarding.Load() {
		return 1
	}
	if l.active == nil && l.absence.waits() {
		return 0
	}
	if l.active == nil {
		return 1 // all that is left to do is to write
	}
	if l.paused || l.stayed {
		return 0
	}
	return l.health.circuit.Workers(max(1, l.active.Config.Concurrency))
}

// wanted reports whether there is work for one worker more. Those that are starting
// are taken to fill a batch each.
func (l *Lane) wanted(now time.Time) bool {
	b := l.active.batching()
	if b == nil {
		return l.starting < len(l.queue.Items())
	}
	return b.ripe(l.queue, l.starting*b.events, now)
}

// setAlarm makes the lane look for work when time alone will have made some.
func (l *Lane) setAlarm(now time.Time) {
	c := &l.health.circuit
	var pace, throttled, gathered, probe, sweep time.Time
	if len(l.queue.Items()) > 0 {
		pace, throttled, gathered = l.pace.at, c.ThrottledUntil(), l.active.batching().gathered(l.queue)
	}
	if c.State() != circuit.Closed {
		probe, sweep = c.ProbeAt(), l.aging.at
	}
	due, again := l.queue.NextRead()
	l.alarm.set(now, due, pace, throttled, gathered, probe, sweep, again, l.absence.until, l.deaths.until)
}

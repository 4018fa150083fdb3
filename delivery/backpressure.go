package delivery

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/delivery/circuit"
)

// Backpressure keeps intake from taking the processor from deliveries. Lanes that have more
// to attempt than workers, though their targets do well, say how far they are behind; the
// further, the fewer requests are to be worked on at once. A lane whose target is down,
// paused, limited or slow is no reason: that it is slow shows where the lane stays behind
// although nothing waits for a processor. It is safe for concurrent use; nil has no limit.
type Backpressure struct {
	// short reports whether something waits for a processor now.
	short func() bool
	made  time.Time
	// limit is the latest, lookAt when it is found anew, in nanoseconds since made: a clock that
	// is set back does not keep a limit.
	limit, lookAt atomic.Int64

	mu sync.Mutex
	// lanes are those that may be behind.
	lanes []*Lane

	// looking is held by who finds the limit anew.
	looking sync.Mutex
	// idle is the part of the latest looks that found the processors idle.
	idle float64
}

const (
	// lookEvery is how often lanes are looked at, while any is behind.
	lookEvery = 2 * time.Millisecond
	// fullLag is how old a lane's next delivery is when the lane is behind by 1, as it is
	// when its window is full.
	fullLag = 100 * time.Millisecond
	// freeLag is how far lanes may be behind without any effect; with each lagStep more only half
	// of the requests are worked on at once, beginning with mostAtOnce.
	freeLag, lagStep = 0.2, 0.05
	mostAtOnce       = 64
	// lost is how old a backlog on disk can be that is worth to be caught up with before
	// anything is accepted, and lostWindows how many windows: what is older has come of an
	// outage.
	lost        = time.Second
	lostWindows = 16
	// idleParts is the weight of one look in idle, idleMost from where on lanes that are
	// behind are taken to be slow by themselves, for slowFor.
	idleParts = 1. / 8
	idleMost  = 0.5
	slowFor   = 100 * time.Millisecond
	// limitedFor is how long after a rate limit has held a lane back it is not looked at.
	limitedFor = 100 * time.Millisecond
)

// NewBackpressure returns a Backpressure that nobody exerts yet. Short reports whether
// something waits for a processor now.
func NewBackpressure(short func() bool) *Backpressure {
	b := &Backpressure{short: short, made: time.Now()}
	b.limit.Store(math.MaxInt)
	return b
}

// Limit returns how many requests are to be worked on at once; 0 is none for now.
func (b *Backpressure) Limit() int {
	if now := time.Now(); int64(now.Sub(b.made)) >= b.lookAt.Load() && b.looking.TryLock() {
		b.limit.Store(int64(b.look(now)))
		b.lookAt.Store(int64(now.Add(lookEvery).Sub(b.made)))
		b.looking.Unlock()
	}
	return int(b.limit.Load())
}

// note takes in that a lane may be behind. It is called with the lane's lock.
func (b *Backpressure) note(l *Lane) {
	if b == nil || l.noted {
		return
	}
	l.noted = true
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lanes = append(b.lanes, l)
}

// look finds the limit anew.
func (b *Backpressure) look(now time.Time) int {
	b.mu.Lock()
	lanes := b.lanes
	b.lanes = nil
	b.mu.Unlock()
	if len(lanes) == 0 {
		b.idle = 0
		return math.MaxInt
	}
	b.idle *= 1 - idleParts
	if !b.short() {
		b.idle += idleParts
	}
	most := b.furthest(lanes, now)
	switch {
	case most <= freeLag:
		return math.MaxInt
	case b.idle > idleMost:
		for _, l := range lanes {
			l.slow(now.Add(slowFor))
		}
		return math.MaxInt
	}
	return mostAtOnce >> int((most-freeLag)/lagStep)
}

// furthest returns how far the lane is behind that is so most, and keeps those in mind that
// may be behind.
func (b *Backpressure) furthest(lanes []*Lane, now time.Time) (most float64) {
	kept := make([]*Lane, 0, len(lanes))
	for _, l := range lanes {
		lag, noted := l.behind(now)
		most = max(most, lag)
		if noted {
			kept = append(kept, l)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lanes = append(b.lanes, kept...)
	return most
}

// slow takes in that if the lane is behind until then, it is so for want of its target's
// answers.
func (l *Lane) slow(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowUntil = until
}

// behind returns how far the lane is behind for want of the processor alone: 0 is not at
// all, 1 as far as is bearable. It reports whether the lane remains noted.
func (l *Lane) behind(now time.Time) (lag float64, noted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.queue.Memory()
	if l.noted = m.Queued > 0 || l.queue.Behind(); !l.noted || !l.couldDoMore(now) {
		return 0, l.noted
	}
	deliveries := m.Deliveries
	if l.queue.Behind() {
		deliveries = max(deliveries, int(l.env.Store.LaneCounts(l.ID).Ready))
	}
	lag = float64(deliveries) / float64(l.queue.Most())
	var age time.Duration
	if items := l.queue.Items(); len(items) > 0 && items[0].Fresh() {
		age = now.Sub(items[0].Began())
	}
	if l.queue.Behind() && (age > lost || lag > lostWindows) {
		return 0, true
	}
	return max(lag, float64(age)/float64(fullLag)), true
}

// couldDoMore reports whether nothing but the processor is known to keep the lane from
// attempting more.
func (l *Lane) couldDoMore(now time.Time) bool {
	return l.active != nil && !l.paused && !l.halted && now.After(l.slowUntil) &&
		l.health.failing == "" && l.health.circuit.State() == circuit.Closed && !l.health.circuit.Throttled(now) &&
		(l.pace.at.IsZero() || now.After(l.pace.at.Add(limitedFor))) &&
		(l.workers >= l.concurrency() || len(l.queue.Items()) == 0)
}

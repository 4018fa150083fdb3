package delivery

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery/queue"
	"signalbox/journal"
	"signalbox/journal/store"
	"signalbox/targets"
)

// Lane is the queue of one target. It has a bounded window of deliveries in memory;
// the rest waits on disk. A lane outlives its target, to take what is left to the
// dead-letter queue. It is safe for concurrent use.
type Lane struct {
	// Name is the target's, or that of a replay's lane, and ID the journal's for it.
	Name string
	ID   journal.LaneID
	// Target is the target's name, and Home the lane that its dead letters are of: the
	// lane itself, unless it is a replay's.
	Target string
	Home   journal.LaneID
	env    *Env

	stages stages

	mu      sync.Mutex
	active  *Active // nil where the target is gone
	queue   *queue.Queue
	health  health
	aging   aging
	pace    pace
	yield   *Yield // of the lane of a replay without a rate
	alarm   alarm
	absence absence
	deaths  deaths

	// halted begins nothing more; flushing lets one worker send what was gathered.
	halted, flushing bool
	// paused keeps everything from being attempted; draining pauses the lane when
	// nothing is left, and drained says that it has told so.
	paused, draining, drained bool
	// stayed keeps everything from being attempted too: the replay that the lane is of is
	// paused.
	stayed bool
	// discarding ends all that is left, as dropped: the lane's replay was cancelled.
	discarding atomic.Bool
	// ageFrom is the end of the latest pause, in Unix nanoseconds.
	ageFrom atomic.Int64
	// workers counts those that run, starting those of them that have yet to take
	// their first delivery.
	workers, starting int
	// noted means that the lane's Backpressure looks at it, slowUntil that until then its
	// target is taken to be what keeps it behind.
	noted     bool
	slowUntil time.Time
}

// NewLane returns the lane of a target, with what the store has of it. Nothing is
// attempted before it has a target, or is poked.
func NewLane(env *Env, name string, id journal.LaneID) *Lane {
	return newLane(env, &Lane{Name: name, ID: id, Target: name, Home: id})
}

func newLane(env *Env, l *Lane) *Lane {
	l.env, l.stages, l.health = env, newStages(), newHealth(&targets.Config{})
	l.queue = queue.New(queue.Lane{
		Name: l.Name, ID: l.ID, Log: env.Log, Store: env.Store.Store, Memory: env.Shared,
		Lock: &l.mu, Look: l.dispatch, Go: env.Go, Longest: func() time.Duration { return env.Policies().Longest },
		Move: l.move, Applied: l.settled, PutBack: func(it *queue.Item) { putBack(l, it) },
	}, env.Store.LaneCounts(l.ID))
	l.bound()
	l.absence.begin(env.GoneWait, false)
	l.alarm.ring = func() {
		l.mu.Lock()
		l.alarm.at = time.Time{}
		l.mu.Unlock()
		l.Poke()
	}
	return l
}

// bound bounds the window for the lane's target; one of batches has room for some of
// them, and at the least two.
func (l *Lane) bound() {
	most, bytes, stamp := l.env.Window, l.env.WindowBytes, false
	if b := l.active.batching(); b != nil {
		most = max(most, windowBatches*b.events*l.active.Config.Concurrency)
		bytes = max(bytes, 2*b.bytes)
		stamp = b.wait > 0
	}
	l.queue.Bound(most, bytes, stamp)
}

// locked changes something under the lock, and then looks for work.
func (l *Lane) locked(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.dispatch()
}

// Serves reports whether the lane's target was made of this configuration.
func (l *Lane) Serves(cfg targets.Config) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active != nil && l.active.Config.Equal(&cfg)
}

// Defined reports whether the lane has a target now.
func (l *Lane) Defined() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active != nil
}

// Assign gives the lane another target, or none if t is nil. The one before is closed
// when its last attempt has ended.
func (l *Lane) Assign(cfg targets.Config, t targets.Target) {
	l.mu.Lock()
	old := l.active
	l.active, l.pace = nil, pace{}
	if t != nil {
		l.active = newActive(cfg, t)
		l.pace = newPace(l.active, l.yield)
	}
	l.bound()
	failing := l.health.failing
	l.health, l.aging.at = newHealth(&cfg), time.Time{}
	if t == nil {
		l.health.failing = failing
	}
	switch {
	case t == nil && old != nil:
		l.absence.begin(l.env.GoneWait, true)
	case t != nil && (l.absence.end() || old != nil):
		l.hasten() // what the target before did not take is tried with this one
	}
	l.queue.StopKeys(t != nil && cfg.OnDeadLetter == targets.OnDeadLetterStop)
	l.mu.Unlock()
	if old != nil && t == nil {
		tellGone(l)
	}
	if old != nil {
		l.env.Go(func() {
			if err := old.retire(); err != nil {
				l.env.Log.Warn("target did not close cleanly", zap.String("target", l.Name), zap.Error(err))
			}
		})
	}
	l.Poke()
}

// Use returns the lane's target, which is not closed until its user calls Done; nil
// if there is none.
func (l *Lane) Use() *Active {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active != nil {
		l.active.users.Add(1)
	}
	return l.active
}

// Halt keeps the lane from beginning anything more. One worker sends what was kept
// back only to gather more for a batch. It does nothing the second time.
func (l *Lane) Halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.halted {
		return
	}
	l.halted = true
	l.alarm.stop()
	logDeaths(l, l.deaths.until)
	b := l.active.batching()
	if b == nil || b.wait == 0 || len(l.queue.Items()) == 0 || l.workers >= l.concurrency() || !l.env.Running() {
		return
	}
	l.flushing = true
	l.begin()
}

// CloseTarget closes the target of a halted lane.
func (l *Lane) CloseTarget() error {
	l.mu.Lock()
	t := l.active
	l.active = nil
	l.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.Target.Close()
}

// Offer gives the lane new deliveries that are on disk. It takes them in if there is
// room, and reads them later otherwise. It must be called before the deliveries'
// event is committed, so that no reader has found them yet.
func (l *Lane) Offer(items ...*queue.Item) {
	l.locked(func() {
		l.queue.Offer(items...)
		if len(l.queue.Items()) > 0 || l.queue.Behind() {
			l.env.Backpressure.note(l)
		}
	})
}

// Requeue tells the lane of deliveries that have become ready on disk, of events that were
// accepted before.
func (l *Lane) Requeue(ds ...journal.Delivery) {
	l.locked(func() {
		for i := range ds {
			l.queue.Requeue(&ds[i])
		}
	})
}

// Barriers changes the lane's barriers.
func (l *Lane) Barriers(change func(*queue.Barriers)) {
	l.locked(func() { change(l.queue.Barriers()) })
}

// Poke makes the lane look for work.
func (l *Lane) Poke() { l.locked(func() {}) }

// Unblocked lets an ordering key continue that a dead letter had stopped.
func (l *Lane) Unblocked(h journal.KeyHash) { l.locked(func() { l.queue.Unblock(h) }) }

// Recall takes a redriven delivery out of the lane where it is not under way, and
// puts it back. A read under way may have found it, and is awaited.
func (l *Lane) Recall(d journal.Delivery) {
	l.mu.Lock()
	it := l.queue.Recall(d)
	l.mu.Unlock()
	if it != nil {
		putBack(l, it)
	}
}

// SetPause tells the lane whether it may attempt anything, and whether it is to pause
// when nothing is left. The age of its deliveries counts anew from the end of a
// pause, resumed; zero where there was none.
func (l *Lane) SetPause(paused, draining bool, resumed time.Time) {
	l.locked(func() {
		if l.paused && !paused {
			l.hasten()
		}
		l.paused, l.draining, l.drained = paused, draining, false
		if !resumed.IsZero() {
			l.ageFrom.Store(resumed.UnixNano())
		}
	})
}

// RetryNow makes all that waits for a later attempt due now, and probes the target
// where its circuit is open. It returns how many deliveries wait.
func (l *Lane) RetryNow() uint64 {
	l.locked(l.hasten)
	return l.env.Store.LaneCounts(l.ID).Waiting
}

// hasten is RetryNow under the lock, before the lane looks for work.
func (l *Lane) hasten() {
	now := time.Now()
	if l.env.Store.LaneCounts(l.ID).Waiting > 0 {
		l.queue.Hasten(now)
	}
	l.health.circuit.ProbeNow(now)
}

// checkDrained tells, once, that the backlog of a draining lane has been delivered.
func (l *Lane) checkDrained() {
	if !l.draining || l.drained {
		return
	}
	if c := l.env.Store.LaneCounts(l.ID); c.Pending() > c.Held {
		return
	}
	l.drained = true
	l.env.Go(func() { l.env.Drained(l) })
}

// settle writes the delivery's next state or its end, and then gives up its place in
// the window.
func (a *Attempt) settle(to *journal.Delivery, end journal.End) {
	l, it := a.lane, a.Item
	m := journal.Move{From: it.Delivery, To: to, End: end, Answered: a.result, Forward: a.forward}
	if to != nil && to.State == journal.Dead {
		m.Record = it.Record()
	}
	switch {
	case it.Ordered():
		l.queue.Settle(it, m)
	case a.run != nil:
		a.run.add(it, m)
	default:
		m.Applied = l.settled(it, to, end, nil)
		l.moveOne(m)
	}
}

// single has the memory of moves that are handed to the journal alone, which copies them.
var single = sync.Pool{New: func() any { return new([1]journal.Move) }}

func (l *Lane) moveOne(m journal.Move) {
	one := single.Get().(*[1]journal.Move)
	one[0] = m
	l.move(one[:]...)
	one[0] = journal.Move{}
	single.Put(one)
}

// move hands moves to the journal.
func (l *Lane) move(moves ...journal.Move) {
	if len(moves) == 0 {
		return
	}
	if err := l.env.Store.MoveAll(moves); err != nil && !errors.Is(err, store.ErrClosed) {
		l.env.Log.Error("delivery's state can't be written; it will be attempted again after a restart", zap.String("target", l.Name), zap.Error(err))
	}
}

// settled returns what is to be done once an item's next state, or its end, can be
// seen on disk.
func (l *Lane) settled(it *queue.Item, to *journal.Delivery, end journal.End, c *journal.KeyChange) func() {
	return func() {
		l.mu.Lock()
		l.queue.Settled(it, to, c)
		l.dispatch()
		l.mu.Unlock()
		l.env.tellSuspended(to)
		l.env.tellRedrive(it, to, end)
	}
}

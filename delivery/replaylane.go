package delivery

import (
	"context"
	"time"

	"signalbox/journal"
	"signalbox/targets"
)

// NewReplayLane returns the lane of a replay beside the lane of its target, whose
// deliveries it does not hold up. It is given the target with Share.
func NewReplayLane(env *Env, name string, id journal.LaneID, beside *Lane) *Lane {
	return newLane(env, &Lane{Name: name, ID: id, Target: beside.Target, Home: beside.ID})
}

// Share gives a replay's lane the target of the lane beside it, at a rate of its own and with
// half of its workers; or none, if that has none. Live deliveries keep the target's own. Without
// a rate the lane gives way to live traffic.
func (l *Lane) Share(beside *Lane, rate targets.Rate) {
	l.mu.Lock()
	if l.yield = nil; rate.PerSecond() <= 0 {
		l.yield = l.env.Yield
	}
	l.mu.Unlock()
	t := beside.Use()
	if t == nil {
		l.Assign(targets.Config{}, nil)
		return
	}
	cfg := t.Config
	cfg.Concurrency = max(1, cfg.Concurrency/2)
	cfg.RateLimit = lower(rate, halved(cfg.RateLimit))
	cfg.OnDeadLetter = "" // a dead letter is one of the target's lane
	if l.Serves(cfg) && l.shares(t) {
		t.Done()
		return
	}
	l.Assign(cfg, share(t))
}

// shares reports whether the lane has a share of an active target.
func (l *Lane) shares(t *Active) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active == nil {
		return false
	}
	switch s := l.active.Target.(type) {
	case shared:
		return s.of == t
	case sharedBatch:
		return s.of == t
	}
	return false
}

// halved returns half of a rate limit; none where there is none.
func halved(r targets.Rate) targets.Rate {
	r.Per *= 2
	return r
}

// lower returns the lower of two rate limits.
func lower(a, b targets.Rate) targets.Rate {
	switch pa, pb := a.PerSecond(), b.PerSecond(); {
	case pa <= 0:
		return b
	case pb <= 0 || pa < pb:
		return a
	}
	return b
}

// shared is a target that a replay's lane uses beside the target's own lane. It is a use of
// that: the target is closed when both have ended.
type shared struct{ of *Active }

// sharedBatch is a shared target that takes batches.
type sharedBatch struct{ shared }

// share takes over a use of an active target.
func share(t *Active) targets.Target {
	if _, ok := t.Target.(targets.BatchTarget); ok {
		return sharedBatch{shared{t}}
	}
	return shared{t}
}

// Deliver makes one attempt.
func (s shared) Deliver(ctx context.Context, d *targets.Delivery) error {
	return s.of.Target.Deliver(ctx, d)
}

// Preview renders what Deliver would send.
func (s shared) Preview(d *targets.Delivery) (targets.Request, error) { return s.of.Target.Preview(d) }

// Close ends the use.
func (s shared) Close() error {
	s.of.Done()
	return nil
}

// DeliverBatch makes one attempt at several deliveries.
func (s sharedBatch) DeliverBatch(ctx context.Context, batch []*targets.Delivery) ([]error, error) {
	return s.of.Target.(targets.BatchTarget).DeliverBatch(ctx, batch)
}

// Stay keeps a replay's lane from attempting anything, or ends that.
func (l *Lane) Stay(on bool) {
	l.locked(func() {
		if l.stayed && !on {
			l.ageFrom.Store(time.Now().UnixNano())
			l.hasten()
		}
		l.stayed = on
	})
}

// Discard ends all that is left in a replay's lane as dropped, but for the attempts under
// way.
func (l *Lane) Discard() {
	l.locked(func() {
		l.discarding.Store(true)
		l.pace = pace{}
		l.hasten()
	})
}

// Window returns how many deliveries the lane has room for in memory.
func (l *Lane) Window() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.Most()
}

// Leave takes an empty lane out of what all lanes share, and gives up its target.
func (l *Lane) Leave() error {
	l.Halt()
	l.env.Shared.Leave()
	return l.CloseTarget()
}

// discarded ends what is left of a replay that was cancelled.
func discarded(a *Attempt) bool {
	if !a.lane.discarding.Load() {
		return true
	}
	drop(a)
	return false
}

package router

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// BrokenOffError means that a stop did not wait for all attempts. They are made again
// after the next start.
type BrokenOffError struct {
	// Attempts counts those that were under way.
	Attempts int
	// Cause is why the stop could not wait.
	Cause error
}

func (e *BrokenOffError) Error() string {
	return fmt.Sprintf("%d attempts under way were broken off: %v", e.Attempts, e.Cause)
}

func (e *BrokenOffError) Unwrap() error { return e.Cause }

// brokenEnd is how long what has been broken off may take to end; what has not ended by
// then hangs, and is left behind.
const brokenEnd = 500 * time.Millisecond

// endsEvery is how often LetEnd looks whether all attempts have ended.
const endsEvery = 5 * time.Millisecond

// LetEnd begins no more deliveries, and waits until the attempts under way have ended, or ctx has. Events are
// accepted still; Stop is to follow.
func (r *Router) LetEnd(ctx context.Context) {
	r.Lanes.halt()
	tick := time.NewTicker(endsEvery)
	defer tick.Stop()
	for r.Lanes.underWay() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Stop ends the acceptance of events and lets the attempts under way end, until
// ctx is done; those are then broken off, which a *BrokenOffError tells, and made again
// after the next start. It is idempotent, and returns soon after the end of ctx
// whatever hangs. The journal stays open.
func (r *Router) Stop(ctx context.Context) error {
	r.stopOnce.Do(func() {
		close(r.stop)
		r.gate.close()
		r.Lanes.halt()
	})
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		r.swapMu.Lock() // a swap under way ends first
		r.Lanes.halt()  // the lanes that it has made
		r.swapMu.Unlock()
		r.DeadLetters.Stop()
		r.Replays.Stop()
		r.workers.Wait()
	}()
	var err error
	ended := true
	select {
	case <-idle:
	case <-ctx.Done():
		err = &BrokenOffError{Attempts: r.Lanes.underWay(), Cause: context.Cause(ctx)}
		r.abandon()
		ended = within(brokenEnd, idle)
	}
	r.abandon()
	if !ended {
		return err // a target that hangs in an attempt can't be closed either
	}
	closed := make(chan error, 1)
	go func() { closed <- r.Lanes.close() }()
	select {
	case e := <-closed:
		return errors.Join(err, e)
	case <-ctx.Done():
	}
	select {
	case e := <-closed:
		return errors.Join(err, e)
	case <-time.After(brokenEnd):
		return errors.Join(err, errors.New("targets hang while they are closed"))
	}
}

// within reports whether done is closed within a time.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

package targets

import (
	"context"
	"sync"
	"time"
)

// Bound returns a context with the target's own timeout where the caller's is longer. It is
// like context.WithTimeout, but has a timer only once somebody asks for Done: a target that
// bounds its reads and writes by Deadline needs none, and there is one for each attempt.
func Bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= timeout {
		return ctx, func() {}
	}
	b := &bounded{Context: ctx, deadline: time.Now().Add(timeout)}
	return b, b.cancel
}

// bounded is a context that ends with another, or at a deadline.
type bounded struct {
	context.Context
	deadline time.Time

	mu sync.Mutex
	// timed has the timer, and stop ends it; nil before anybody has asked for Done.
	timed context.Context
	stop  context.CancelFunc
	// ended is why it ended without a timer; nil while it has not.
	ended error
}

// Deadline returns when the context ends at the latest.
func (b *bounded) Deadline() (time.Time, bool) { return b.deadline, true }

// Done returns the channel that is closed when the context ends.
func (b *bounded) Done() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.stop = context.WithDeadline(b.Context, b.deadline)
		if b.ended != nil {
			b.stop()
		}
	}
	return b.timed.Done()
}

// Err returns why the context has ended; nil if it has not.
func (b *bounded) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == nil {
		b.ended = b.now()
	}
	return b.ended
}

func (b *bounded) now() error {
	if b.timed != nil {
		return b.timed.Err()
	}
	if err := b.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(b.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value returns what the context carries; package context finds the timer's context by it.
func (b *bounded) Value(key any) any {
	b.mu.Lock()
	timed := b.timed
	b.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return b.Context.Value(key)
}

// Lasting returns the context that ends this one before its deadline. It outlives the attempt.
func (b *bounded) Lasting() context.Context { return b.Context }

func (b *bounded) cancel() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended == nil {
		if b.ended = b.now(); b.ended == nil {
			b.ended = context.Canceled
		}
	}
	if b.stop != nil {
		b.stop()
	}
}

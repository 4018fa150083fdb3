package targets

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestBound holds Bound against context.WithTimeout: whoever asks first, for Done or for Err.
func TestBound(t *testing.T) {
	type end func(cancelParent, cancel context.CancelFunc)
	for name, end := range map[string]end{
		"goes on":            func(_, _ context.CancelFunc) {},
		"before the timeout": func(_, _ context.CancelFunc) { time.Sleep(time.Second - 1) },
		"timeout":            func(_, _ context.CancelFunc) { time.Sleep(time.Second + 1) },
		"parent":             func(parent, _ context.CancelFunc) { parent() },
		"cancelled":          func(_, cancel context.CancelFunc) { cancel() },
		"timeout, cancelled": func(_, cancel context.CancelFunc) { time.Sleep(time.Second + 1); cancel() },
		"cancelled, parent":  func(parent, cancel context.CancelFunc) { cancel(); parent() },
	} {
		for _, early := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					seen := func(bound func(context.Context, time.Duration) (context.Context, context.CancelFunc)) (before, after error, done bool, child error) {
						parent, cancelParent := context.WithCancel(t.Context())
						defer cancelParent()
						ctx, cancel := bound(parent, time.Second)
						defer cancel()
						if early {
							ctx.Done()
						}
						end(cancelParent, cancel)
						synctest.Wait()
						before = ctx.Err()
						select {
						case <-ctx.Done():
							done = true
						default:
						}
						below, cancelBelow := context.WithCancel(ctx)
						defer cancelBelow()
						synctest.Wait()
						return before, ctx.Err(), done, below.Err()
					}
					before, after, done, child := seen(Bound)
					wantBefore, wantAfter, wantDone, wantChild := seen(context.WithTimeout)
					if !errors.Is(before, wantBefore) || !errors.Is(after, wantAfter) || done != wantDone || !errors.Is(child, wantChild) {
						t.Errorf("early %v: %v, %v, %v, %v; context.WithTimeout: %v, %v, %v, %v",
							early, before, after, done, child, wantBefore, wantAfter, wantDone, wantChild)
					}
				})
			})
		}
	}
}

// TestBoundLeavesShorterDeadlines sees that what is shorter stays as it is.
func TestBoundLeavesShorterDeadlines(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	bound, stop := Bound(ctx, time.Minute)
	defer stop()
	if bound != ctx {
		t.Error("a context that ends sooner was bounded again")
	}
}

package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// overrun is how long a step may still take once the time for all is up.
const overrun = 800 * time.Millisecond

// errLate is the error of a step that has not ended by then. It is left behind.
var errLate = errors.New("it has not ended in time")

// lifecycle remembers how to stop what has been started.
type lifecycle struct {
	steps []step
}

type step struct {
	name string
	stop func(context.Context) error
}

// onStop adds a step, which is taken before all those added earlier.
func (l *lifecycle) onStop(name string, stop func(context.Context) error) {
	l.steps = append(l.steps, step{name, stop})
}

// stop takes all steps, the last first, each with what is left of the context's
// time. A step that fails, or does not end, does not keep the others from being taken.
func (l *lifecycle) stop(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(l.steps) {
		if err := s.within(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
	}
	l.steps = nil
	return errors.Join(errs...)
}

// within takes the step, and returns errLate where it continues for too long after ctx
// has ended.
func (s step) within(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(overrun)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errLate
	}
}

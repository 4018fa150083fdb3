package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

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
// time. A step that fails does not keep the others from being taken.
func (l *lifecycle) stop(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(l.steps) {
		if err := s.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
	}
	l.steps = nil
	return errors.Join(errs...)
}

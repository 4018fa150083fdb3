package diff

import (
	"context"
	"time"

	"signalbox/rules"
)

// Store is the events that a running router keeps.
type Store struct {
	Events Events
	// Clock is the time that events are accepted by.
	Clock func() time.Time
	// PublicURL and Workers are those of Options.
	PublicURL string
	Workers   int
}

// Compare compares two sets of rules on events of a range, within a time. The error is a
// *RangeError, or that of Run.
func (s *Store) Compare(ctx context.Context, r Range, before, after *rules.Set, within time.Duration) (*Result, error) {
	return s.run(ctx, r, Options{Before: before, After: after, Within: within})
}

// Shadow returns what a shadow rule would have sent.
func (s *Store) Shadow(ctx context.Context, r Range, set *rules.Set, rule *rules.Rule, within time.Duration) (*Result, error) {
	return s.run(ctx, r, Options{After: set, Enable: rule, Within: within})
}

func (s *Store) run(ctx context.Context, r Range, o Options) (*Result, error) {
	o.Events, o.PublicURL, o.Workers = s.Events, s.PublicURL, s.Workers
	if err := r.Apply(&o, s.Clock()); err != nil {
		return nil, err
	}
	return Run(ctx, o)
}

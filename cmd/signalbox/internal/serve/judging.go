package serve

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"go.uber.org/zap"

	"signalbox/config"
	"signalbox/diff"
	"signalbox/rules"
)

// past returns the past events that rules are compared on, archived ones among them. One processor is left to the
// events that come meanwhile.
func (s *server) past() *diff.Store {
	return &diff.Store{
		Events: s.archiver.Reader(), Clock: func() time.Time { return s.journal.Seqs.Clock().Time() },
		PublicURL: s.publicURL(), Workers: max(1, runtime.GOMAXPROCS(0)-1),
	}
}

// judgeWithin is how long a reload waits for the comparison of its rules.
const judgeWithin = 5 * time.Second

// judge is a config.ReloaderOptions.Judge: it refuses rules that would change more of the
// deliveries than the configuration allows.
func (s *server) judge(ctx context.Context, c *config.Config, serves, next *rules.Set) error {
	if c.Reload.MaxChange == nil {
		return nil
	}
	past := s.past()
	began, none := time.Now(), 0
	result, err := past.Compare(ctx, diff.Range{Since: past.Clock().Add(-c.Reload.Since), Samples: &none}, serves, next, judgeWithin)
	if err != nil {
		return fmt.Errorf("reload.max_change: the new rules can't be compared with those that serve: %w", err)
	}
	s.log.Info("new rules compared with those that serve", zap.String("revision", next.Revision), zap.Int("events", result.Events),
		zap.Time("since", result.Since), zap.String("change", result.Part()), zap.Duration("took", time.Since(began)))
	return result.Check(*c.Reload.MaxChange)
}

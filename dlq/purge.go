package dlq

import (
	"context"

	"signalbox/journal"
)

// Progress is how far a purge has come.
type Progress struct {
	// Total is how many letters were chosen when it began, Done how many have
	// left the queue, Skipped how many somebody else took before.
	Total   int  `json:"total"`
	Done    int  `json:"done"`
	Skipped int  `json:"skipped"`
	DryRun  bool `json:"dry_run,omitempty"`
}

// batch is how many letters change their state in one durable write.
const batch = 256

// Purge drops dead letters for good: those that are in the queue now and that the
// filter lets through, batch by batch. What was dropped stays dropped if ctx ends.
// The report, if not nil, is called after each step.
func (q *Queue) Purge(ctx context.Context, f Filter, dryRun bool, report func(Progress)) (Progress, error) {
	p := Progress{DryRun: dryRun}
	m, err := f.compile()
	if err != nil {
		return p, err
	}
	var chosen []journal.Cursor
	err = q.walk(ctx, m, journal.Cursor{}, func(l *Letter) error {
		chosen = append(chosen, journal.CursorOf(&l.place))
		return nil
	})
	p.Total = len(chosen)
	if err != nil || dryRun {
		return p, err
	}
	for len(chosen) > 0 && ctx.Err() == nil {
		n := min(batch, len(chosen))
		done, err := q.drop(ctx, m, chosen[:n])
		if err != nil {
			return p, err
		}
		p.Done += done
		p.Skipped += n - done
		chosen = chosen[n:]
		if report != nil {
			report(p)
		}
	}
	return p, ctx.Err()
}

// drop drops the letters at the given places, as far as they are still there.
func (q *Queue) drop(ctx context.Context, m *matcher, at []journal.Cursor) (done int, err error) {
	moves := make([]journal.Move, 0, len(at))
	last := at[len(at)-1]
	err = q.walk(ctx, m, at[0], func(l *Letter) error {
		c := journal.CursorOf(&l.place)
		if c.Compare(last) > 0 {
			return errStop
		}
		for len(at) > 0 && at[0].Compare(c) < 0 {
			at = at[1:]
		}
		if len(at) > 0 && at[0].Compare(c) == 0 {
			moves = append(moves, journal.Move{From: l.place, End: journal.Dropped})
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := q.journal.MoveSync(moves); err != nil {
		return 0, err
	}
	for i := range moves {
		if moves[i].Made {
			done++
		}
	}
	return done, nil
}

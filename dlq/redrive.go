package dlq

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"signalbox/journal"
)

// Redrive says which letters to send again, and how.
type Redrive struct {
	Filter Filter `json:"filter"`
	// To is the target to send to in place of the letters' own.
	To string `json:"to,omitempty"`
	// Rate bounds the letters sent a second; 0 is no bound.
	Rate float64 `json:"rate,omitempty"`
	// DryRun counts and changes nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Progress is how far a redrive or a purge has come.
type Progress struct {
	// Total is how many letters were chosen when it began, Done how many have
	// left the queue, Skipped how many somebody else took before.
	Total   int  `json:"total"`
	Done    int  `json:"done"`
	Skipped int  `json:"skipped"`
	DryRun  bool `json:"dry_run,omitempty"`
	// Missing names the targets that are not defined: their letters stay.
	Missing map[string]int `json:"missing_targets,omitempty"`
}

// batch is how many letters change their state in one durable write.
const batch = 256

// Redrive sends letters again: they become ready deliveries with their own ids
// and a new round of attempts. Letters that come to the queue meanwhile are left
// alone. What has been sent stays sent if ctx ends. The report, if not nil, is
// called after each step.
func (q *Queue) Redrive(ctx context.Context, o Redrive, report func(Progress)) (Progress, error) {
	var lane journal.LaneID
	if o.To != "" {
		id, ok := q.router.LaneID(o.To)
		if !ok {
			return Progress{}, &BadRequest{fmt.Sprintf("to: target %q is not defined", o.To)}
		}
		lane = id
	}
	if o.Rate < 0 {
		return Progress{}, &BadRequest{fmt.Sprintf("rate: %v is below zero", o.Rate)}
	}
	size := batch
	limiter := rate.NewLimiter(rate.Inf, batch)
	if o.Rate > 0 {
		size = int(min(batch, max(1, o.Rate/10)))
		limiter = rate.NewLimiter(rate.Limit(o.Rate), size)
	}
	now := time.Now().UTC()
	return q.leave(ctx, o.Filter, leaving{
		size: size, dryRun: o.DryRun, report: report,
		wait: func(n int) error { return limiter.WaitN(ctx, n) },
		admit: func(l *Letter) (string, bool) {
			if o.To != "" {
				return "", true
			}
			_, ok := q.router.LaneID(l.Target)
			return l.Target, ok
		},
		move: func(l *Letter) journal.Move {
			to := l.place
			to.State, to.Death = journal.Ready, nil
			to.Spent, to.Since = to.Attempts, now
			if o.To != "" {
				to.Lane = lane
			}
			return journal.Move{From: l.place, To: &to, Record: &l.record}
		},
		moved: func(m journal.Move) { q.router.Requeue(*m.To) },
	})
}

// Purge drops letters for good.
func (q *Queue) Purge(ctx context.Context, f Filter, dryRun bool, report func(Progress)) (Progress, error) {
	return q.leave(ctx, f, leaving{
		size: batch, dryRun: dryRun, report: report,
		wait:  func(int) error { return ctx.Err() },
		admit: func(*Letter) (string, bool) { return "", true },
		move: func(l *Letter) journal.Move {
			return journal.Move{From: l.place, End: journal.Dropped}
		},
		moved: func(journal.Move) {},
	})
}

// leaving is a way for letters to leave the queue.
type leaving struct {
	size   int
	dryRun bool
	report func(Progress)
	wait   func(n int) error
	// admit says whether a letter can leave, and else which target it lacks.
	admit func(*Letter) (missing string, ok bool)
	move  func(*Letter) journal.Move
	moved func(journal.Move)
}

// leave takes the letters that are in the queue now, and that a filter lets
// through, out of it, batch by batch. Their places are noted first: what is
// redriven and dies again during the walk must not be taken twice.
func (q *Queue) leave(ctx context.Context, f Filter, how leaving) (Progress, error) {
	p := Progress{DryRun: how.dryRun}
	var chosen []journal.Cursor
	err := q.walk(f, journal.Cursor{}, func(l *Letter) error {
		if missing, ok := how.admit(l); !ok {
			if p.Missing == nil {
				p.Missing = map[string]int{}
			}
			p.Missing[missing]++
			return ctx.Err()
		}
		chosen = append(chosen, journal.CursorOf(&l.place))
		return ctx.Err()
	})
	p.Total = len(chosen)
	if err != nil || how.dryRun {
		return p, err
	}
	for len(chosen) > 0 {
		n := min(how.size, len(chosen))
		if err := how.wait(n); err != nil {
			return p, err
		}
		moves, err := q.moves(f, chosen[:n], how.move)
		if err != nil {
			return p, err
		}
		if err := q.journal.MoveSync(moves); err != nil {
			return p, err
		}
		done := 0
		for _, m := range moves {
			if m.Made {
				how.moved(m)
				done++
			}
		}
		p.Done += done
		p.Skipped += n - done
		chosen = chosen[n:]
		if how.report != nil {
			how.report(p)
		}
	}
	return p, nil
}

// moves reads the letters at the given places, as far as they are still there.
func (q *Queue) moves(f Filter, at []journal.Cursor, move func(*Letter) journal.Move) ([]journal.Move, error) {
	moves := make([]journal.Move, 0, len(at))
	last := at[len(at)-1]
	err := q.walk(f, at[0], func(l *Letter) error {
		c := journal.CursorOf(&l.place)
		if c.Compare(last) > 0 {
			return errStop
		}
		for len(at) > 0 && at[0].Compare(c) < 0 {
			at = at[1:]
		}
		if len(at) > 0 && at[0].Compare(c) == 0 {
			moves = append(moves, move(l))
		}
		return nil
	})
	return moves, err
}

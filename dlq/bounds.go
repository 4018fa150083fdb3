package dlq

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"signalbox/journal"
)

// Bounds say how long dead letters are kept, and how many bytes of them. A zero bound is
// none.
type Bounds struct {
	MaxAge   time.Duration
	MaxBytes uint64
}

const (
	// lookEvery is how often the bytes are counted, if their number does not ask for it
	// sooner: later letters may be larger than those before.
	lookEvery = 10 * time.Minute
	// trimTo is how much of MaxBytes is left of a queue that was over it, so that it is
	// not looked through again for each death.
	trimTo = 0.95
	// diskShare is the share of its disk from which on the queue is warned of.
	diskShare = 0.10
	// smaller is how much smaller than that it must become to be warned of again.
	smaller = 0.8
)

// trimmer keeps the queue within its bounds.
type trimmer struct {
	letters
	bounds Bounds
	log    *zap.Logger
	// bytes and count are what the queue held when it was last looked through, at looked.
	bytes, count uint64
	looked       time.Time
	share        share
}

// NewTrimmer returns what keeps the queue within bounds.
func (q *Queue) NewTrimmer(b Bounds) Trimmer {
	t := &trimmer{letters: q.letters, bounds: b, log: q.opts.Log, share: share{log: q.opts.Log}}
	return t.trim
}

// Trimmer drops the oldest dead letters beyond the bounds, and warns where the queue takes
// a large share of its disk. It returns how many it has dropped. It is called from time to
// time, by one at a time.
type Trimmer func(context.Context) (dropped int, err error)

func (t *trimmer) trim(ctx context.Context) (dropped int, err error) {
	t.warn()
	if t.bounds.MaxAge > 0 {
		if dropped, err = t.old(ctx, time.Now().Add(-t.bounds.MaxAge)); err != nil {
			return dropped, err
		}
	}
	if t.bounds.MaxBytes > 0 {
		n, err := t.beyond(ctx)
		return dropped + n, err
	}
	return dropped, nil
}

// old drops what died before a time. Only events that were accepted before it have such
// letters, and those come first.
func (t *trimmer) old(ctx context.Context, before time.Time) (int, error) {
	until := journal.SeqAt(before)
	n, err := t.drop(ctx, func(d *journal.DeadLetter) (drop, more bool) {
		return d.Delivery.Death != nil && d.Delivery.Death.At.Before(before), d.Delivery.Seq < until
	})
	if n > 0 {
		t.log.Warn("old dead letters were dropped", zap.Int("dead_letters", n), zap.Duration("max_age", t.bounds.MaxAge))
	}
	return n, err
}

// beyond drops the oldest of more bytes than there may be.
func (t *trimmer) beyond(ctx context.Context) (int, error) {
	counts, _ := t.journal.Counters.Totals()
	few := float64(t.bytes)*float64(counts.Dead) <= float64(t.bounds.MaxBytes)*float64(t.count) // at the size that they had
	if t.count > 0 && few && time.Since(t.looked) < lookEvery {
		return 0, nil
	}
	t.bytes, t.count, t.looked = 0, 0, time.Now()
	if err := t.journal.Deliveries.DeadLetters(journal.Cursor{}, func(d journal.DeadLetter) bool {
		t.bytes += size(&d)
		t.count++
		return ctx.Err() == nil
	}); err != nil || ctx.Err() != nil || t.bytes <= t.bounds.MaxBytes {
		return 0, err
	}
	most := uint64(trimTo * float64(t.bounds.MaxBytes))
	n, err := t.drop(ctx, func(d *journal.DeadLetter) (drop, more bool) {
		if t.bytes <= most {
			return false, false
		}
		t.bytes -= size(d)
		t.count--
		return true, true
	})
	if err != nil {
		t.count = 0 // what was not dropped is still there: count again
	}
	if n > 0 {
		t.log.Warn("the oldest dead letters were dropped: there were too many bytes of them", zap.Int("dead_letters", n), zap.Uint64("max_bytes", t.bounds.MaxBytes))
	}
	return n, err
}

// size returns how many bytes a dead letter has, about.
func size(d *journal.DeadLetter) uint64 {
	n := len(d.Record.Envelope) + len(d.Record.Meta) + len(d.Delivery.Body) + 256
	if death := d.Delivery.Death; death != nil {
		n += len(death.Message) + len(death.Snippet) + len(death.Request)
	}
	for i := range d.Delivery.History {
		n += len(d.Delivery.History[i].Message) + 64
	}
	return uint64(n)
}

// drop drops the letters that are chosen, from the oldest on, until choose wants no more.
func (t *trimmer) drop(ctx context.Context, choose func(*journal.DeadLetter) (drop, more bool)) (dropped int, err error) {
	for from, more := (journal.Cursor{}), true; more && err == nil && ctx.Err() == nil; {
		var moves []journal.Move
		more = false
		err = t.journal.Deliveries.DeadLetters(from, func(d journal.DeadLetter) bool {
			from = journal.CursorAfter(&d.Delivery)
			drop, goOn := choose(&d)
			if drop {
				moves = append(moves, journal.Move{From: d.Delivery, End: journal.Dropped})
			}
			more = goOn && len(moves) == batch
			return goOn && len(moves) < batch
		})
		if err == nil && len(moves) > 0 {
			err = t.journal.MoveSync(moves)
		}
		for i := range moves {
			if moves[i].Made {
				dropped++
			}
		}
	}
	return dropped, err
}

// warn looks how much of its disk the queue takes.
func (t *trimmer) warn() {
	bytes, err := t.journal.Deliveries.DeadBytes()
	var disk unix.Statfs_t
	if err == nil && unix.Statfs(t.journal.Dir(), &disk) == nil {
		t.share.tell(bytes, disk.Blocks*uint64(disk.Bsize))
	}
}

// share warns once that the queue takes a large share of its disk, and again when it had
// become smaller meanwhile.
type share struct {
	log   *zap.Logger
	large bool
}

func (s *share) tell(bytes, disk uint64) {
	bound := diskShare * float64(disk)
	if s.large {
		bound *= smaller
	}
	large := float64(bytes) > bound
	if large && !s.large {
		s.log.Warn("dead letters take a large share of the disk: replay or purge them, or bound them with dlq: {max_age, max_bytes}",
			zap.Uint64("bytes", bytes), zap.Uint64("disk", disk))
	}
	s.large = large
}

package archiver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"signalbox/archive"
	"signalbox/archive/segment"
	"signalbox/journal"
)

const (
	// minBackoff and maxBackoff bound the wait after something has failed.
	minBackoff = 5 * time.Second
	maxBackoff = 5 * time.Minute
	// settle is how long after the end of a slice of time it is archived, so that not all that
	// is done on the hour is done at once.
	settle = time.Minute
)

// keeper writes one archive.
type keeper struct {
	of      *Archiver
	archive *archive.Archive
	log     *zap.Logger
	counts  *counts
	cancel  context.CancelFunc
	ended   chan struct{}
	// cursor is the number before which everything is archived, and urgent the one up to which
	// retention waits; wake says that this has changed.
	cursor, urgent atomic.Uint64
	// takeOver means that the archive is to be written, whoever did before.
	takeOver atomic.Bool
	// again holds a token when what has failed is to be tried at once.
	again chan struct{}
	wake  chan struct{}

	mu     sync.Mutex
	status Status
	at     *segment.Files // nil until it is asked for
	// verification is guarded by the mutex of the archiver; nil if there was none.
	verification *Verification

	// The rest is of the goroutine alone. files is nil until the place has been looked at, after
	// each failure anew; swept is the day when old segments were last dropped.
	files *segment.Files
	saved saved
	swept string
	// claimed means that the archive says that it is this process that writes it.
	claimed bool
}

func newKeeper(of *Archiver, a *archive.Archive, cancel context.CancelFunc) *keeper {
	return &keeper{
		of: of, archive: a, cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}, 1), again: make(chan struct{}, 1),
		log: of.opts.Logger.With(zap.String("archive", a.Name)), counts: of.metrics.of(a.Name),
	}
}

// first returns the first event that a new archive gets.
func (k *keeper) first() journal.Seq {
	seqs := k.of.opts.Journal.Seqs
	return max(seqs.Oldest(), min(k.start(), seqs.Clock()))
}

// start returns where the archive starts; 0 for all that there is.
func (k *keeper) start() journal.Seq { return journal.SeqAt(k.archive.Start.From) }

// takes reports whether an event of a bus is archived.
func (k *keeper) takes(r *journal.Record, bus string) bool {
	return r.Seq >= k.start() && k.archive.Takes(bus, r.Envelope)
}

// owed returns the first event before a bound that the archive still has to get, or the bound,
// up to which it then hurries.
func (k *keeper) owed(bound journal.Seq) journal.Seq {
	at := journal.Seq(k.cursor.Load())
	k.note(func(s *Status) { s.Retaining = at < bound })
	if at >= bound {
		return bound
	}
	k.urgent.Store(uint64(bound))
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return at
}

// run writes the archive until ctx ends.
func (k *keeper) run(ctx context.Context) {
	defer func() {
		if files, err := k.reading(); err == nil {
			files.Close()
		}
	}()
	var backoff time.Duration
	for wait := time.Duration(0); k.sleep(ctx, wait, backoff > 0); {
		more, err := k.work(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			backoff = min(max(minBackoff, 2*backoff), maxBackoff)
			k.failed(err)
			wait = backoff/2 + mathrand.N(backoff/2)
		case more:
			backoff, wait = 0, 0
		default:
			backoff, wait = 0, k.untilNext()
		}
	}
}

// sleep waits, and returns false where ctx has ended. Retention that waits ends it earlier,
// unless something has failed.
func (k *keeper) sleep(ctx context.Context, wait time.Duration, failed bool) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	wake := k.wake
	if failed {
		wake = nil
	}
	select {
	case <-k.again:
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
	return ctx.Err() == nil
}

// untilNext returns how long it takes until the next slice of time is over.
func (k *keeper) untilNext() time.Duration {
	now := k.of.opts.Journal.Seqs.Clock()
	return time.Duration(k.sliceOf(now)-now) + k.archive.Every + k.settle() + time.Millisecond
}

func (k *keeper) settle() time.Duration { return min(settle, k.archive.Every) }

// sliceOf returns where the slice of time begins that a number is in.
func (k *keeper) sliceOf(at journal.Seq) journal.Seq { return at - at%journal.Seq(k.archive.Every) }

// work archives a piece of what is owed, and reports whether there may be more.
func (k *keeper) work(ctx context.Context) (more bool, err error) {
	defer func() {
		if err != nil {
			k.files = nil // look at the place anew
		}
	}()
	if k.files == nil {
		if err := k.open(ctx); err != nil {
			return false, err
		}
	}
	if err := k.sweep(ctx); err != nil {
		return false, err
	}
	bound := k.bound()
	if bound > k.saved.Cursor {
		if err = k.own(ctx, k.files, k.saved, true); err == nil {
			more, err = true, k.archiveTo(ctx, bound)
		}
	}
	if err == nil {
		k.fine()
	}
	return more, err
}

// bound returns up to where events can be archived now: the end of the latest slice of time
// that is over, or where retention waits.
func (k *keeper) bound() journal.Seq {
	seqs := k.of.opts.Journal.Seqs
	over := k.sliceOf(seqs.Clock() - journal.Seq(k.settle()))
	seqs.Pass(over)
	stable := seqs.Stable()
	return max(k.sliceOf(min(over, stable)), min(journal.Seq(k.urgent.Load()), stable))
}

// sweep drops the days that are older than the archive keeps, once a day.
func (k *keeper) sweep(ctx context.Context) error {
	now := k.of.opts.Journal.Seqs.Clock()
	if k.swept == segment.DayOf(now) {
		return nil
	}
	var oldest time.Time
	if keep := k.archive.Retention(); keep > 0 {
		oldest = now.Time().Add(-keep)
	}
	if err := k.files.DropBefore(ctx, oldest); err != nil {
		return fmt.Errorf("old segments can't be dropped: %w", err)
	}
	k.swept = segment.DayOf(now)
	return nil
}

// open looks at the place, and finds out where to go on.
func (k *keeper) open(ctx context.Context) error {
	files, err := k.reading()
	if err != nil {
		return err
	}
	s := k.of.saved(k.archive.Name)
	known := s.Owner+s.Next != ""
	if !known {
		s = saved{Ahead: s.Ahead}
	}
	if err := k.own(ctx, files, s, known); err != nil {
		return err
	}
	last, err := files.Last(ctx)
	if err != nil {
		return err
	}
	if k.saved, err = k.position(s, known, last); err != nil {
		return err
	}
	if k.claimed && !k.takeOver.Load() && k.saved == s {
		k.files = files
		return nil
	}
	return k.claim(ctx, files)
}

// claim writes into the archive that it is this process that writes it, once. Another process
// that did so before, with a copy of the same store, notices before its next segment.
func (k *keeper) claim(ctx context.Context, files *segment.Files) error {
	k.saved.Next = rand.Text()
	if err := k.save(); err != nil { // a crash on the way leaves an archive of a known owner
		return err
	}
	if err := files.SetOwner(ctx, k.saved.Next); err != nil {
		return err
	}
	k.saved.Owner, k.saved.Next = k.saved.Next, ""
	if err := k.save(); err != nil {
		return err
	}
	k.claimed, k.files = true, files
	k.takeOver.Store(false)
	return nil
}

// own returns an error if the archive in the place is not the one that was written before.
func (k *keeper) own(ctx context.Context, files *segment.Files, s saved, known bool) error {
	owner, err := files.Owner(ctx)
	switch {
	case err != nil || k.takeOver.Load():
		return err
	case owner == "" && (s.Cursor == 0 || s.Owner == ""):
		return nil // it is new, or begins anew, or could not be claimed yet
	case owner == "":
		return fmt.Errorf("%s is not there, or empty, and was written before: is its disk mounted? If it has moved, move its files too; "+
			"to begin anew, take the archive out of the configuration and put it in again", files)
	case !known || owner != s.Owner && owner != s.Next:
		return &takenError{k.archive.Name}
	}
	return nil
}

// takenError is the error of an archive that is another's.
type takenError struct{ archive string }

// Error returns what it is, and what can be done.
func (e *takenError) Error() string {
	return "it was written by another router, or by another copy of this store: give each an archive of its own; " +
		"if the other one is gone for good, take it over with signalbox archive take-over " + e.archive
}

// position returns where to go on, given how far the archive has got and its latest segment.
func (k *keeper) position(s saved, known bool, last *segment.Segment) (saved, error) {
	seqs := k.of.opts.Journal.Seqs
	var end journal.Seq
	if last != nil {
		end = last.Before
	}
	switch {
	case end > seqs.Clock():
		return s, fmt.Errorf("holds events up to %s, and it is %s: was the clock set back?",
			end.Time().Format(time.RFC3339), seqs.Clock().Time().Format(time.RFC3339))
	case known && end < s.Written:
		k.log.Warn("segments are missing at the end of the archive; what the store still has of them is archived again",
			zap.Time("missing_from", end.Time()), zap.Time("missing_to", s.Written.Time()))
		s.Cursor, s.From, s.Written = end, end, end
	case end > s.Written || !known: // the process ended between a segment and its note, or the archive was there before
		s.Cursor, s.From, s.Written = max(s.Cursor, end), end, end
		if ahead, err := k.ahead(last); err != nil {
			return s, err
		} else if ahead {
			s.Ahead = end
		}
	}
	if oldest := seqs.Oldest(); s.Cursor == 0 || s.Cursor < oldest {
		from := max(oldest, k.first())
		horizon, err := k.of.opts.Journal.Meta.Horizon()
		if err != nil {
			return s, err
		}
		begins := s.Cursor == 0
		s.Gap, s.Cursor, s.From = !begins, from, from
		if begins && from == oldest && horizon == 0 {
			s.From = 0 // the archive has all that there ever was
		}
	}
	seqs.Pass(s.Cursor)
	return s, nil
}

// ahead reports whether the store never had the last event of an archive, as it is older.
func (k *keeper) ahead(last *segment.Segment) (bool, error) {
	if last == nil || last.Last < k.of.opts.Journal.Seqs.Oldest() {
		return false, nil
	}
	_, err := k.of.opts.Journal.Events.Event(last.Last)
	if errors.Is(err, journal.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// save makes what is archived known.
func (k *keeper) save() error {
	if err := k.of.save(k, k.saved); err != nil {
		return err
	}
	k.cursor.Store(uint64(k.saved.Cursor))
	return nil
}

// failed notes that the archive can't be written for now.
func (k *keeper) failed(err error) {
	text := fmt.Sprintf("archive %q in %s: %v", k.archive.Name, k.where(), err)
	news := false
	k.note(func(s *Status) {
		news = s.Error != text
		s.Failing, s.Error = true, text
	})
	k.counts.errors.Inc()
	if news {
		k.log.Error("archive can't be written; the store keeps what it is owed, and it is tried again", zap.Error(err))
	}
}

// fine notes that the archive can be written.
func (k *keeper) fine() {
	recovered := false
	k.note(func(s *Status) {
		recovered = s.Failing
		s.Failing, s.Error = false, ""
	})
	if recovered {
		k.log.Info("archive can be written again")
	}
}

// where returns the place as it may be shown.
func (k *keeper) where() string {
	files, err := k.reading()
	if err != nil {
		return "a place that can't be told"
	}
	return files.String()
}

func (k *keeper) note(change func(*Status)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.status)
}

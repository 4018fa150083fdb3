package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2"
)

// Retention bounds what the journal keeps of events whose deliveries have ended.
// Zero means no bound.
type Retention struct {
	MaxAge   time.Duration
	MaxBytes uint64
}

// Trimmer drops old events.
type Trimmer struct {
	db     *pebble.DB
	events *journal.Events
	seqs   *Sequence
	lanes  func() map[string]journal.LaneID
	commit journal.Committer
	// outlive, if not nil, keeps what is to outlive the events before a number.
	outlive func(before journal.Seq) error
	mu      sync.RWMutex // held while events are dropped, and shared by redrives
	// owed returns the first event before a bound that is needed elsewhere, or the bound. It
	// may be nil, and is guarded by mu.
	owed func(bound journal.Seq) journal.Seq
}

// Keep sets what says which events are still needed elsewhere: given the bound before which
// retention would drop them all, it returns the first of them, or the bound.
func (t *Trimmer) Keep(owed func(bound journal.Seq) journal.Seq) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owed = owed
}

// BeforeTrim makes fn be called before the events before a number are dropped. Where it fails,
// none are. It must be set before the first Trim.
func (t *Trimmer) BeforeTrim(fn func(before journal.Seq) error) { t.outlive = fn }

// Trim drops the events that retention no longer keeps, as ranges and not one by
// one. An event that a delivery still waits for is kept, and with it all that
// came later; but not one that was put back for a delivery after it had been dropped: that is
// kept alone. It returns how far it has dropped.
func (t *Trimmer) Trim(keep Retention) (journal.Seq, error) {
	oldest := t.seqs.Oldest()
	t.mu.Lock()
	known, _, err := t.reach(keep)
	t.mu.Unlock()
	if err != nil {
		return oldest, err
	}
	if known > oldest {
		if err := t.outlives(known); err != nil {
			return oldest, fmt.Errorf("trim: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	horizon, back, err := t.reach(keep)
	if err != nil {
		return oldest, err
	}
	horizon = min(horizon, known)
	gone, err := t.without(back, oldest, horizon)
	if err != nil || len(gone) == 0 {
		return oldest, err
	}
	t.seqs.oldest.Store(uint64(horizon))
	if err := t.commit(func(b *pebble.Batch) error { return trimTo(b, horizon, gone) }); err != nil {
		return oldest, fmt.Errorf("trim: %w", err)
	}
	return horizon, nil
}

// reach is up to where events can be dropped now: as far as they were, or further. Back are
// those before that were put back, and that deliveries wait for, in order. It is called under mu.
func (t *Trimmer) reach(keep Retention) (horizon journal.Seq, back []journal.Seq, err error) {
	if horizon, err = t.horizon(keep); err != nil {
		return 0, nil, err
	}
	oldest := t.seqs.Oldest()
	if horizon > oldest && t.owed != nil {
		horizon = min(horizon, t.owed(horizon))
	}
	horizon, back, err = t.needed(oldest, max(horizon, oldest))
	if err != nil {
		return 0, nil, fmt.Errorf("trim: %w", err)
	}
	return horizon, back, nil
}

// dropped is a range of events.
type dropped struct{ from, before journal.Seq }

// without returns the ranges of events to drop up to a horizon: without those that were put back,
// and without what is gone already.
func (t *Trimmer) without(back []journal.Seq, oldest, horizon journal.Seq) (gone []dropped, err error) {
	it, err := t.db.NewIter(&pebble.IterOptions{LowerBound: journal.EventKey(0), UpperBound: journal.EventKey(horizon)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	from := journal.Seq(0)
	for _, at := range append(back, horizon) {
		if from < at && (at > oldest || it.SeekGE(journal.EventKey(from)) && bytes.Compare(it.Key(), journal.EventKey(at)) < 0) {
			gone = append(gone, dropped{from, at})
		}
		from = at + 1
	}
	return gone, it.Error()
}

// outlives has kept what is to outlive the events before a number. States that later ones
// take the place of from now on are kept by the committer; the empty change waits until it has
// written those before.
func (t *Trimmer) outlives(before journal.Seq) error {
	if t.outlive == nil {
		return nil
	}
	t.seqs.outlived.Store(max(t.seqs.outlived.Load(), uint64(before)))
	if err := t.commit(func(*pebble.Batch) error { return nil }); err != nil {
		return err
	}
	return t.outlive(before)
}

// trimTo drops from all tables what goes with the events before a number: of an event that was
// put back, there are only rows that are its own.
func trimTo(b *pebble.Batch, oldest journal.Seq, gone []dropped) error {
	for _, t := range journal.Tables {
		switch {
		case t.ByEvent:
			for _, g := range gone {
				if err := b.DeleteRange(t.TrimTo(g.from), t.TrimTo(g.before), nil); err != nil {
					return fmt.Errorf("%s: %w", t.Name, err)
				}
			}
		case t.TrimTo != nil:
			if err := b.DeleteRange([]byte{t.Letter}, t.TrimTo(oldest), nil); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	}
	return b.Set(journal.HorizonKey, binary.BigEndian.AppendUint64(nil, uint64(oldest)), nil)
}

// horizon is up to where retention alone would drop events.
func (t *Trimmer) horizon(keep Retention) (journal.Seq, error) {
	var h journal.Seq
	if keep.MaxAge > 0 {
		h = journal.SeqAt(t.seqs.now().Add(-keep.MaxAge))
	}
	if keep.MaxBytes == 0 {
		return h, nil
	}
	first, last, err := t.events.Ends()
	if err != nil {
		return 0, fmt.Errorf("trim: %w", err)
	}
	used, err := t.db.EstimateDiskUsage(journal.EventKey(0), journal.EventKey(last+1))
	if err != nil {
		return 0, fmt.Errorf("trim: %w", err)
	}
	if first = max(first, t.seqs.Oldest()); used > keep.MaxBytes && first < last {
		// Cut between the ends until what is left fits.
		lo, hi := uint64(first), uint64(last)
		for range 20 {
			mid := lo + (hi-lo)/2
			left, err := t.db.EstimateDiskUsage(journal.EventKey(journal.Seq(mid)), journal.EventKey(last+1))
			if err != nil {
				return 0, fmt.Errorf("trim: %w", err)
			}
			if left > keep.MaxBytes {
				lo = mid
			} else {
				hi = mid
			}
		}
		h = max(h, journal.Seq(hi))
	}
	return h, nil
}

// needed returns the first event from oldest on and below bound that a delivery waits for, or
// bound; and those before oldest, in order. The tables are seen as of one moment, as deliveries go
// from one to another.
func (t *Trimmer) needed(oldest, bound journal.Seq) (_ journal.Seq, back []journal.Seq, err error) {
	bound = min(bound, max(oldest, t.seqs.Stable()))
	view := t.db.NewSnapshot()
	defer view.Close()
	note := func(s journal.Seq) (early bool) {
		if early = s < oldest; early {
			back = append(back, s)
		} else {
			bound = min(bound, s)
		}
		return early
	}
	if err := journal.EachHeld(view, note); err != nil {
		return 0, nil, err
	}
	for _, l := range t.lanes() {
		for _, table := range [...]byte{journal.TableReady, journal.TableOrder, journal.TableWaiting} {
			lower, upper := journal.LaneRange(table, l)
			if err := journal.Scan(view, lower, upper, func(k, _ []byte) (bool, error) {
				d, ok := journal.PlaceOf(k)
				return !ok || note(d.Seq) || table != journal.TableReady, nil // those are in order
			}); err != nil {
				return 0, nil, err
			}
		}
	}
	slices.Sort(back)
	return bound, slices.Compact(back), nil
}

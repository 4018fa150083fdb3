package store

import (
	"encoding/binary"
	"fmt"
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
// came later. It returns how far it has dropped.
func (t *Trimmer) Trim(keep Retention) (journal.Seq, error) {
	oldest := t.seqs.Oldest()
	t.mu.Lock()
	known, err := t.reach(keep)
	t.mu.Unlock()
	if err != nil || known <= oldest {
		return oldest, err
	}
	if err := t.outlives(known); err != nil {
		return oldest, fmt.Errorf("trim: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	horizon, err := t.reach(keep)
	if horizon = min(horizon, known); err != nil || horizon <= oldest {
		return oldest, err
	}
	t.seqs.oldest.Store(uint64(horizon))
	if err := t.commit(func(b *pebble.Batch) error { return trimTo(b, horizon) }); err != nil {
		return oldest, fmt.Errorf("trim: %w", err)
	}
	return horizon, nil
}

// reach is up to where events can be dropped now. It is called under mu.
func (t *Trimmer) reach(keep Retention) (journal.Seq, error) {
	horizon, err := t.horizon(keep)
	if err != nil || horizon <= t.seqs.Oldest() {
		return 0, err
	}
	if t.owed != nil {
		horizon = min(horizon, t.owed(horizon))
	}
	needed, err := t.neededFrom(horizon)
	if err != nil {
		return 0, fmt.Errorf("trim: %w", err)
	}
	return min(horizon, needed), nil
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

// TrimTo drops from all tables what goes with the events before a number.
func trimTo(b *pebble.Batch, oldest journal.Seq) error {
	for _, t := range journal.Tables {
		if t.TrimTo == nil {
			continue
		}
		if err := b.DeleteRange([]byte{t.Letter}, t.TrimTo(oldest), nil); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
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
	if used > keep.MaxBytes {
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

// neededFrom is the first event below bound that a delivery waits for, or bound.
// The tables are seen as of one moment, as deliveries go from one to another.
func (t *Trimmer) neededFrom(bound journal.Seq) (journal.Seq, error) {
	bound = min(bound, t.seqs.Stable())
	view := t.db.NewSnapshot()
	defer view.Close()
	bound, err := journal.HeldFrom(view, bound)
	if err != nil {
		return 0, err
	}
	for _, l := range t.lanes() {
		for _, table := range [...]byte{journal.TableReady, journal.TableOrder, journal.TableWaiting} {
			lower, upper := journal.LaneRange(table, l)
			if err := journal.Scan(view, lower, upper, func(k, _ []byte) (bool, error) {
				if d, ok := journal.PlaceOf(k); ok {
					bound = min(bound, d.Seq)
				}
				return table != journal.TableReady, nil // those are in order
			}); err != nil {
				return 0, err
			}
		}
	}
	return bound, nil
}

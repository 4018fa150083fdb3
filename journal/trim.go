package journal

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

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
	events *Events
	seqs   *Sequence
	lanes  func() map[string]LaneID
	commit committer
	mu     sync.RWMutex // held while events are dropped, and shared by redrives
}

// Trim drops the events that retention no longer keeps, as ranges and not one by
// one. An event that a delivery still waits for is kept, and with it all that
// came later. It returns how far it has dropped.
func (t *Trimmer) Trim(keep Retention) (Seq, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := t.seqs.Oldest()
	horizon, err := t.horizon(keep)
	if err != nil || horizon <= oldest {
		return oldest, err
	}
	needed, err := t.neededFrom(horizon)
	if err != nil {
		return oldest, fmt.Errorf("trim: %w", err)
	}
	if horizon = min(horizon, needed); horizon <= oldest {
		return oldest, nil
	}
	t.seqs.oldest.Store(uint64(horizon))
	if err := t.commit(func(b *pebble.Batch) error { return trimTo(b, horizon) }); err != nil {
		return oldest, fmt.Errorf("trim: %w", err)
	}
	return horizon, nil
}

// trimTo drops from all tables what goes with the events before a number.
func trimTo(b *pebble.Batch, oldest Seq) error {
	for _, t := range tables {
		if t.trimTo == nil {
			continue
		}
		if err := b.DeleteRange([]byte{t.letter}, t.trimTo(oldest), nil); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return b.Set(horizonKey, binary.BigEndian.AppendUint64(nil, uint64(oldest)), nil)
}

// horizon is up to where retention alone would drop events.
func (t *Trimmer) horizon(keep Retention) (Seq, error) {
	var h Seq
	if keep.MaxAge > 0 {
		h = SeqAt(t.seqs.now().Add(-keep.MaxAge))
	}
	if keep.MaxBytes == 0 {
		return h, nil
	}
	first, last, err := t.events.ends()
	if err != nil {
		return 0, fmt.Errorf("trim: %w", err)
	}
	used, err := t.db.EstimateDiskUsage(eventKey(0), eventKey(last+1))
	if err != nil {
		return 0, fmt.Errorf("trim: %w", err)
	}
	if used > keep.MaxBytes {
		// Cut between the ends until what is left fits.
		lo, hi := uint64(first), uint64(last)
		for range 20 {
			mid := lo + (hi-lo)/2
			left, err := t.db.EstimateDiskUsage(eventKey(Seq(mid)), eventKey(last+1))
			if err != nil {
				return 0, fmt.Errorf("trim: %w", err)
			}
			if left > keep.MaxBytes {
				lo = mid
			} else {
				hi = mid
			}
		}
		h = max(h, Seq(hi))
	}
	return h, nil
}

// neededFrom is the first event below bound that a delivery waits for, or bound.
// The tables are seen as of one moment, as deliveries go from one to another.
func (t *Trimmer) neededFrom(bound Seq) (Seq, error) {
	bound = min(bound, t.seqs.Stable())
	view := t.db.NewSnapshot()
	defer view.Close()
	bound, err := heldFrom(view, bound)
	if err != nil {
		return 0, err
	}
	for _, l := range t.lanes() {
		for _, table := range [...]byte{tableReady, tableOrder, tableWaiting} {
			lower, upper := laneRange(table, l)
			if err := scanIn(view, lower, upper, func(k, _ []byte) (bool, error) {
				if d, ok := placeOf(k); ok {
					bound = min(bound, d.Seq)
				}
				return table != tableReady, nil // those are in order
			}); err != nil {
				return 0, err
			}
		}
	}
	return bound, nil
}

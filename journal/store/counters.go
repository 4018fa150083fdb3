package store

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2"
)

// Counters are the accounts of lanes and of events in memory, as they are on disk.
type Counters struct {
	mu     sync.Mutex // the committer writes under it, and reads without
	lanes  map[journal.LaneID]journal.Counts
	all    journal.Counts // of all lanes together: each request asks for them
	held   map[journal.HoldID]uint64
	events journal.EventCounts
}

// LaneCounts returns the accounts of one lane.
func (n *Counters) LaneCounts(l journal.LaneID) journal.Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lanes[l]
}

// Totals returns the accounts of all lanes together, and of events.
func (n *Counters) Totals() (journal.Counts, journal.EventCounts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all, n.events
}

// HeldBy counts the deliveries that are held back in one place.
func (n *Counters) HeldBy(h journal.HoldID) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held[h]
}

// holding returns the places where deliveries are held back.
func (n *Counters) holding() []journal.HoldID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.held))
}

// load reads the counters when the store is opened, and counts what is suspended.
func (n *Counters) load(view pebble.Reader) error {
	if err := journal.Scan(view, []byte{journal.TableCount}, []byte{journal.TableCount + 1}, func(k, v []byte) (bool, error) {
		if len(k) != 5 {
			return false, journal.ErrCorrupt
		}
		if l := journal.LaneID(binary.BigEndian.Uint32(k[1:])); l != journal.EventsLane {
			var c journal.Counts
			err := c.ReadValue(v)
			n.set(l, c)
			return true, err
		}
		n.events.ReadValue(v)
		return true, nil
	}); err != nil {
		return err
	}
	return journal.Scan(view, []byte{journal.TableHeld}, []byte{journal.TableHeld + 1}, func(k, _ []byte) (bool, error) {
		d, ok := journal.PlaceOf(k)
		if !ok {
			return false, journal.ErrCorrupt
		}
		n.held[d.Hold]++
		return true, nil
	})
}

// set sets the counters of a lane, under the lock.
func (n *Counters) set(l journal.LaneID, c journal.Counts) {
	n.all.Sub(n.lanes[l])
	n.all.Add(c)
	n.lanes[l] = c
}

// keep makes the counters that a batch has changed the current ones, once it is written. The
// committer alone changes them; the lock is for readers.
func (n *Counters) keep(w *writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l, c := range w.changed {
		n.set(l, c)
	}
	for _, l := range w.ended {
		n.set(l, journal.Counts{})
		delete(n.lanes, l)
	}
	for h, by := range w.holds {
		if n.held[h] += uint64(by); n.held[h] == 0 {
			delete(n.held, h)
		}
	}
	if w.events != (journal.EventCounts{}) {
		n.events = w.events
	}
}

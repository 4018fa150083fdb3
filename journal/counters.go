package journal

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Counters are the accounts of lanes and of events in memory, as they are on disk.
type Counters struct {
	mu     sync.Mutex // the committer writes under it, and reads without
	lanes  map[LaneID]Counts
	held   map[HoldID]uint64
	events EventCounts
}

// LaneCounts returns the accounts of one lane.
func (n *Counters) LaneCounts(l LaneID) Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lanes[l]
}

// Totals returns the accounts of all lanes together, and of events.
func (n *Counters) Totals() (Counts, EventCounts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum Counts
	for _, c := range n.lanes {
		sum.add(c)
	}
	return sum, n.events
}

// HeldBy counts the deliveries that are suspended in one place.
func (n *Counters) HeldBy(h HoldID) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held[h]
}

// holding returns the places where deliveries are suspended.
func (n *Counters) holding() []HoldID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.held))
}

// load reads the counters when the store is opened, and counts what is suspended.
func (n *Counters) load(view pebble.Reader) error {
	if err := scanIn(view, []byte{tableCount}, []byte{tableCount + 1}, func(k, v []byte) (bool, error) {
		if len(k) != 5 {
			return false, errCorrupt
		}
		if l := LaneID(binary.BigEndian.Uint32(k[1:])); l != eventsLane {
			var c Counts
			err := c.readValue(v)
			n.lanes[l] = c
			return true, err
		}
		r := reader{rest: v}
		n.events = EventCounts{Accepted: r.uvarint(), Unmatched: r.uvarint(), Duplicates: r.uvarint()}
		return true, nil
	}); err != nil {
		return err
	}
	return scanIn(view, []byte{tableHeld}, []byte{tableHeld + 1}, func(k, _ []byte) (bool, error) {
		d, ok := placeOf(k)
		if !ok {
			return false, errCorrupt
		}
		n.held[d.Hold]++
		return true, nil
	})
}

// keep makes the counters that a batch has changed the current ones, once it is written. The
// committer alone changes them; the lock is for readers.
func (n *Counters) keep(lanes map[LaneID]Counts, held map[HoldID]int64, events EventCounts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l, c := range lanes {
		n.lanes[l] = c
	}
	for h, by := range held {
		if n.held[h] += uint64(by); n.held[h] == 0 {
			delete(n.held, h)
		}
	}
	if events != (EventCounts{}) {
		n.events = events
	}
}

package journal

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Lanes are the numbers of targets, by their names.
type Lanes struct {
	commit committer
	mu     sync.Mutex
	ids    map[string]LaneID
}

// Lane returns the id of a target's lane, and makes one for a new target.
func (n *Lanes) Lane(name string) (LaneID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.ids[name]; ok {
		return id, nil
	}
	var id LaneID
	for _, used := range n.ids {
		id = max(id, used+1)
	}
	if err := n.commit(func(b *pebble.Batch) error {
		return b.Set(laneKey(name), binary.BigEndian.AppendUint32(nil, uint32(id)), nil)
	}); err != nil {
		return 0, fmt.Errorf("lane of target %q: %w", name, err)
	}
	n.ids[name] = id
	return id, nil
}

// load reads the lanes when the store is opened.
func (n *Lanes) load(view pebble.Reader) error {
	return scanIn(view, []byte{tableLane}, []byte{tableLane + 1}, func(k, v []byte) (bool, error) {
		if len(v) != 4 {
			return false, errCorrupt
		}
		n.ids[string(k[1:])] = LaneID(binary.BigEndian.Uint32(v))
		return true, nil
	})
}

// All returns every lane that the journal has ever had, by its target's name.
func (n *Lanes) All() map[string]LaneID {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := make(map[string]LaneID, len(n.ids))
	for n, id := range n.ids {
		m[n] = id
	}
	return m
}

// verifyLane checks a row of its table.
func verifyLane(v *verifier, k, value []byte) {
	name := string(k[1:])
	if len(value) != 4 {
		v.fault("lane %q: %v", name, errCorrupt)
		return
	}
	id := LaneID(binary.BigEndian.Uint32(value))
	if other, ok := v.lanes[id]; ok {
		v.fault("lane %q: has the number %d of lane %q", name, id, other)
	}
	v.lanes[id] = name
}

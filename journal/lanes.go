package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Lane returns the id of a target's lane, and makes one for a new target.
func (j *Journal) Lane(name string) (LaneID, error) {
	j.laneMu.Lock()
	defer j.laneMu.Unlock()
	if id, ok := j.lanes[name]; ok {
		return id, nil
	}
	var id LaneID
	for _, used := range j.lanes {
		id = max(id, used+1)
	}
	if err := j.change(func(b *pebble.Batch) error {
		return b.Set(laneKey(name), binary.BigEndian.AppendUint32(nil, uint32(id)), nil)
	}); err != nil {
		return 0, fmt.Errorf("lane of target %q: %w", name, err)
	}
	j.lanes[name] = id
	return id, nil
}

// Lanes returns every lane that the journal has ever had, by its target's name.
func (j *Journal) Lanes() map[string]LaneID {
	j.laneMu.Lock()
	defer j.laneMu.Unlock()
	m := make(map[string]LaneID, len(j.lanes))
	for n, id := range j.lanes {
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

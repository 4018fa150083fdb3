package journal

import "encoding/binary"

// verifyLane checks a row of its table.
func verifyLane(v *verifier, k, value []byte) {
	name := string(k[1:])
	if len(value) != 4 {
		v.fault("lane %q: %v", name, ErrCorrupt)
		return
	}
	id := LaneID(binary.BigEndian.Uint32(value))
	if other, ok := v.lanes[id]; ok {
		v.fault("lane %q: has the number %d of lane %q", name, id, other)
	}
	v.lanes[id] = name
}

package journal

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// The tables of the store, by the first byte of their keys. Numbers in keys are
// big-endian, so that keys sort as the numbers do. The event log sorts first: a
// flushed file then begins where the log ended before it, overlaps no older
// events, and they are not written again.
const (
	TableMeta     = 'm' // name                          → value
	TableEvent    = 'E' // seq                           → event record
	tableID       = 'i' // hour, hash of a given id, seq → nothing
	TableLane     = 'l' // name                          → lane id
	TableCount    = 'c' // lane id                       → counts
	TableReady    = 'd' // lane, seq, n                  → delivery
	tableDerived  = 'e' // seq of the first event, count → nothing
	TableWaiting  = 'r' // lane, due time, seq, n        → delivery
	TableHeld     = 'h' // hold id, seq, n               → delivery
	tablePause    = 'p' // kind, bus, 0, name            → pause of a target or a rule
	tableDead     = 'x' // seq, n                        → delivery and its event
	tableJob      = 'j' // job id                        → what the job knows of itself
	TableDedup    = 'k' // 5 minutes, fingerprint        → seq and id of the event
	tableRepeated = 'n' // seq                          → how often the event came again
	tableState    = 's' // type, key of an object        → the event that told its state
	tableChange   = 'v' // hour, hash of an object, seq  → the object that the event changed
	tableSnap     = 'f' // type, key of an object, seq   → its state as of that event
	TableTouch    = 't' // seq; seq, n; seq, n, time     → what rules said; what came of a delivery; a redrive
	TableStory    = 'o' // hour, hash of what joins, seq → nothing
	TableWork     = 'w' // seq of the command            → state of its work request
	tableArchive  = 'z' // name of an archive            → how far it has got
	tableSchedule = 'y' // bus and name of a rule        → when it fired last
	TableOrder    = 'b' // lane, hash of an ordering key    → what is known of the key
	//                    lane, hash, seq, n            → parked delivery
)

const (
	readyKeyLen   = 1 + 4 + 8 + 2
	waitingKeyLen = 1 + 4 + 8 + 8 + 2
	deadKeyLen    = 1 + 8 + 2
	orderKeyLen   = 1 + 4 + 8
	parkedKeyLen  = orderKeyLen + 8 + 2
	heldKeyLen    = 1 + 4 + 8 + 2
)

// EventKey returns the key of an event.
func EventKey(s Seq) []byte { return AppendEventKey(nil, s) }

// AppendEventKey appends the key of an event, of EventKeySize bytes.
func AppendEventKey(dst []byte, s Seq) []byte {
	return binary.BigEndian.AppendUint64(append(dst, TableEvent), uint64(s))
}

// EventKeySize is the length of an event's key in bytes.
const EventKeySize = 1 + 8

// IDKey leads from an id that a producer gave to its event. Its first part is
// the hour of acceptance, so that old entries can be dropped as a range.
func IDKey(hour uint32, id string, s Seq) []byte {
	h := fnv.New64a()
	h.Write([]byte(id))
	k := binary.BigEndian.AppendUint32([]byte{tableID}, hour)
	k = h.Sum(k)
	return binary.BigEndian.AppendUint64(k, uint64(s))
}

// HourOf returns the hour since 1970 in which an event was accepted.
func HourOf(s Seq) uint32 { return uint32(uint64(s) / uint64(time.Hour)) }

// LaneKey returns the key of the number of a target's lane.
func LaneKey(name string) []byte { return append([]byte{TableLane}, name...) }

// CountKey returns the key of the counters of a lane.
func CountKey(l LaneID) []byte {
	return binary.BigEndian.AppendUint32([]byte{TableCount}, uint32(l))
}

// AppendKey appends the key of a delivery in the table that its state says.
func (d *Delivery) AppendKey(dst []byte) []byte {
	switch d.State {
	case Dead:
		dst = append(dst, tableDead)
	case Waiting:
		dst = append(dst, TableWaiting)
		dst = binary.BigEndian.AppendUint32(dst, uint32(d.Lane))
		dst = binary.BigEndian.AppendUint64(dst, uint64(d.Due.UnixNano()))
	case Parked:
		dst = AppendOrderKey(dst, d.Lane, HashKey(d.Key))
	case Held:
		dst = append(dst, TableHeld)
		dst = binary.BigEndian.AppendUint32(dst, uint32(d.Hold))
	default:
		dst = append(dst, TableReady)
		dst = binary.BigEndian.AppendUint32(dst, uint32(d.Lane))
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(d.Seq))
	return binary.BigEndian.AppendUint16(dst, d.N)
}

// PlaceOf reads a delivery's place from its key.
func PlaceOf(key []byte) (d Delivery, ok bool) {
	rest := key[min(1, len(key)):]
	switch {
	case len(key) == readyKeyLen && key[0] == TableReady:
		d.State = Ready
		d.Lane = LaneID(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
	case len(key) == waitingKeyLen && key[0] == TableWaiting:
		d.State = Waiting
		d.Lane = LaneID(binary.BigEndian.Uint32(rest))
		d.Due = time.Unix(0, int64(binary.BigEndian.Uint64(rest[4:]))).UTC()
		rest = rest[12:]
	case len(key) == deadKeyLen && key[0] == tableDead:
		d.State = Dead
	case len(key) == parkedKeyLen && key[0] == TableOrder:
		d.State = Parked
		d.Lane = LaneID(binary.BigEndian.Uint32(rest))
		rest = rest[12:]
	case len(key) == heldKeyLen && key[0] == TableHeld:
		d.State = Held
		d.Hold = HoldID(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
	default:
		return Delivery{}, false
	}
	d.Seq = Seq(binary.BigEndian.Uint64(rest))
	d.N = binary.BigEndian.Uint16(rest[8:])
	return d, true
}

// LaneRange bounds the keys of one lane in one of the lanes' tables.
func LaneRange(table byte, l LaneID) (lower, upper []byte) {
	lower = binary.BigEndian.AppendUint32([]byte{table}, uint32(l))
	return lower, binary.BigEndian.AppendUint32([]byte{table}, uint32(l)+1)
}

// idsTo returns the end of the ids whose events were accepted in hours that are gone.
func idsTo(oldest Seq) []byte {
	return binary.BigEndian.AppendUint32([]byte{tableID}, HourOf(oldest))
}

// verifyID checks a row of its table.
func verifyID(v *verifier, k, _ []byte) { v.indexed("id", k) }

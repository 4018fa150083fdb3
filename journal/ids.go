package journal

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// NewEventID makes an event's id from its sequence number: a UUIDv7 (RFC 9562)
// whose time is the number's, to the nanosecond, so that the event is found by
// its id without an index.
func NewEventID(s Seq) string {
	var u uuid.UUID
	ms, rest := uint64(s)/uint64(time.Millisecond), uint64(s)%uint64(time.Millisecond)
	// 48 bits of milliseconds, then the 20 bits of nanoseconds around the
	// version and the variant, then 54 random bits.
	binary.BigEndian.PutUint64(u[:8], ms<<16|7<<12|rest>>8)
	binary.BigEndian.PutUint64(u[8:], 2<<62|(rest&0xff)<<54|rand.Uint64()>>10)
	return u.String()
}

// SeqOfEventID reads the sequence number from an id of NewEventID. Other ids
// give a number that leads to another event or to none: check the event's id.
func SeqOfEventID(id string) (Seq, bool) {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return 0, false
	}
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	rest := (hi&0xfff)<<8 | lo>>54&0xff
	if rest >= uint64(time.Millisecond) {
		return 0, false
	}
	return Seq(hi>>16*uint64(time.Millisecond) + rest), true
}

// DeliveryID names a delivery for good: a UUIDv8 (RFC 9562) of its event's
// sequence number and a hash of the rule and the target entry that planned it.
// Retries, restarts, redrives and replays of it have the same id.
func DeliveryID(s Seq, bus, rule, ruleTarget string) string {
	h := fnv.New64a()
	for _, part := range [...]string{bus, rule, ruleTarget} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	var u uuid.UUID
	// 62 bits of the sequence number around the version and the variant, then 60
	// bits of the hash.
	binary.BigEndian.PutUint64(u[:8], uint64(s)<<2>>16<<16|8<<12|uint64(s)>>2&0xfff)
	binary.BigEndian.PutUint64(u[8:], 2<<62|uint64(s)&3<<60|h.Sum64()>>4)
	return u.String()
}

// DerivedID names the i-th event that a delivery led to and that has no id of its
// own: a UUIDv8 (RFC 9562) of a hash, so that it has the same one however often
// the delivery is made.
func DerivedID(deliveryID string, i int) string {
	h := fnv.New128a()
	h.Write([]byte(deliveryID))
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(i)))
	var u uuid.UUID
	h.Sum(u[:0])
	u[6] = 8<<4 | u[6]&0x0f
	u[8] = 2<<6 | u[8]&0x3f
	return u.String()
}

// SeqOfDeliveryID reads the event's sequence number from a delivery's id.
func SeqOfDeliveryID(id string) (Seq, bool) {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 8 {
		return 0, false
	}
	hi, lo := binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
	return Seq(hi>>16<<14 | hi&0xfff<<2 | lo>>60&3), true
}

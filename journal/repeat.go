package journal

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Repeated is how often an event came again, and when it last did, to the millisecond.
type Repeated struct {
	Times uint64
	Last  time.Time
}

// RepeatedKey returns the key of how often an event came again.
func RepeatedKey(s Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{tableRepeated}, uint64(s))
}

// AppendValue appends the value of the row.
func (r *Repeated) AppendValue(dst []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, r.Times), uint64(r.Last.UnixMilli()))
}

func readRepeated(v []byte) (Repeated, error) {
	r := reader{rest: v}
	times, last := r.uvarint(), r.uvarint()
	if r.broken || len(r.rest) > 0 || times == 0 {
		return Repeated{}, ErrCorrupt
	}
	return Repeated{times, time.UnixMilli(int64(last)).UTC()}, nil
}

// Of returns how often an event came again; the zero Repeated if it never did.
func (p *Repeats) Of(s Seq) (Repeated, error) {
	v, err := value(p.db, RepeatedKey(s))
	if errors.Is(err, ErrNotFound) {
		return Repeated{}, nil
	}
	if err != nil {
		return Repeated{}, err
	}
	return readRepeated(v)
}

// Latest calls fn with the events in [since, before) that came again, the latest first, until
// fn says stop.
func (p *Repeats) Latest(since, before Seq, fn func(Seq) bool) error {
	if before <= since {
		return nil
	}
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: RepeatedKey(since), UpperBound: RepeatedKey(before)})
	if err != nil {
		return err
	}
	for ok := it.Last(); ok && fn(Seq(binary.BigEndian.Uint64(it.Key()[1:]))); {
		ok = it.Prev()
	}
	return errors.Join(it.Error(), it.Close())
}

// verifyRepeated checks a row of its table.
func verifyRepeated(v *verifier, k, value []byte) {
	if _, err := readRepeated(value); err != nil || len(k) != 9 {
		v.fault("repeats %x: %v", k, ErrCorrupt)
		return
	}
	if s := Seq(binary.BigEndian.Uint64(k[1:])); v.lacks(s) {
		v.fault("repeats of event %d: it is not there", s)
	}
}

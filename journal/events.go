package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"signalbox/event"
)

// Events are the events that are kept.
type Events struct {
	db      *pebble.DB
	numbers Numbers
}

// Event returns an event by its sequence number, or ErrNotFound.
func (e *Events) Event(s Seq) (Record, error) {
	v, err := value(e.db, EventKey(s))
	if err != nil {
		return Record{}, fmt.Errorf("event %d: %w", s, err)
	}
	return readRecord(s, v)
}

// EventByGivenID returns the latest kept event whose producer gave it this id, or
// ErrNotFound. It looks through the index hour by hour, newest first.
func (e *Events) EventByGivenID(id string) (Record, error) {
	return e.EventByGivenIDBefore(id, ^Seq(0))
}

// EventByGivenIDBefore is EventByGivenID for the latest event before another,
// which a bus target may have put on its bus under the same id.
func (e *Events) EventByGivenIDBefore(id string, before Seq) (Record, error) {
	first, last := HourOf(e.numbers.Oldest()), HourOf(e.numbers.Stable())
	for hour := last; hour >= first && hour > 0; hour-- {
		lower := IDKey(hour, id, 0)
		var seqs []Seq
		if err := Scan(e.db, lower, IDKey(hour, id, ^Seq(0)), func(k, _ []byte) (bool, error) {
			seqs = append(seqs, Seq(binary.BigEndian.Uint64(k[len(k)-8:])))
			return true, nil
		}); err != nil {
			return Record{}, fmt.Errorf("event %q: %w", id, err)
		}
		for i := len(seqs) - 1; i >= 0; i-- { // a hash may stand for several ids
			if seqs[i] >= before {
				continue
			}
			r, err := e.Event(seqs[i])
			if err != nil {
				continue
			}
			if e, err := event.ParseEnvelope(r.Envelope); err == nil && e.ID == id {
				return r, nil
			}
		}
	}
	return Record{}, fmt.Errorf("event %q: %w", id, ErrNotFound)
}

// Oldest returns the least number whose event may still be kept.
func (e *Events) Oldest() Seq { return e.numbers.Oldest() }

// Between calls fn with the events from a number on, up to but without those at before, the
// oldest first, until fn says stop. It ends where events are not yet on disk.
func (e *Events) Between(from, before Seq, fn func(Record) bool) error {
	if before = min(before, e.numbers.Stable()); before <= from {
		return nil
	}
	return Scan(e.db, EventKey(from), EventKey(before), func(k, v []byte) (bool, error) {
		r, err := readRecord(Seq(binary.BigEndian.Uint64(k[1:])), append([]byte(nil), v...))
		return err == nil && fn(r), err
	})
}

// Latest calls fn with the events from since on, up to but without those at before, the
// latest first, until fn says stop. It reads no more than fn asks for, and passes over
// events that are not yet on disk.
func (e *Events) Latest(since, before Seq, fn func(Record) bool) error {
	if before = min(before, e.numbers.Stable()); before <= since {
		return nil
	}
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: EventKey(since), UpperBound: EventKey(before)})
	if err != nil {
		return err
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		r, err := readRecord(Seq(binary.BigEndian.Uint64(it.Key()[1:])), append([]byte(nil), v...))
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(r) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// Correlated calls fn with the events accepted at or after from whose
// correlation id has this hash, the oldest first, until fn says stop. The hash
// may stand for several ids: look at the event's own.
func (e *Events) Correlated(id string, from Seq, fn func(Seq) bool) error {
	return e.joined(ByCorrelation, id, from, fn)
}

// Caused is Correlated for causation ids.
func (e *Events) Caused(id string, from Seq, fn func(Seq) bool) error {
	return e.joined(ByCausation, id, from, fn)
}

// joined goes through the index hour by hour with one iterator.
func (e *Events) joined(by byte, id string, from Seq, fn func(Seq) bool) (err error) {
	from = max(from, e.numbers.Oldest())
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{TableStory}, UpperBound: []byte{TableStory + 1}})
	if err != nil {
		return fmt.Errorf("story %q: %w", id, err)
	}
	defer func() {
		if closing := it.Close(); err == nil {
			err = closing
		}
	}()
	for hour, last := HourOf(from), HourOf(e.numbers.Stable()); hour <= last; hour++ {
		upper := StoryKey(hour, by, id, ^Seq(0))
		ok := it.SeekGE(StoryKey(hour, by, id, from))
		for ; ok && slices.Compare(it.Key(), upper) <= 0; ok = it.Next() {
			if !fn(Seq(binary.BigEndian.Uint64(it.Key()[len(upper)-8:]))) {
				return nil
			}
		}
		if !ok {
			return it.Error() // nothing lies behind
		}
		// Hours without any entry are passed over.
		hour = max(hour, binary.BigEndian.Uint32(it.Key()[1:])-1)
	}
	return nil
}

// Ends returns the first event's sequence number and the last one's.
func (e *Events) Ends() (first, last Seq, err error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: []byte{TableEvent}, UpperBound: []byte{TableEvent + 1}})
	if err != nil {
		return 0, 0, err
	}
	if it.First() {
		first = Seq(binary.BigEndian.Uint64(it.Key()[1:]))
	}
	if it.Last() {
		last = Seq(binary.BigEndian.Uint64(it.Key()[1:]))
	}
	return first, last, errors.Join(it.Error(), it.Close())
}

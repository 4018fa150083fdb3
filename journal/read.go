package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"signalbox/event"
)

// ErrNotFound says that the journal holds no such thing, or no longer.
var ErrNotFound = errors.New("not found")

// scan calls fn with the keys from lower up to upper, until it says stop. Key
// and value are valid only during the call.
func (j *Journal) scan(lower, upper []byte, fn func(k, v []byte) (bool, error)) error {
	return scanIn(j.db, lower, upper, fn)
}

func scanIn(view pebble.Reader, lower, upper []byte, fn func(k, v []byte) (bool, error)) (err error) {
	it, err := view.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if more, err := fn(it.Key(), v); err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// ends gives the first event's sequence number and the last one's.
func (j *Journal) ends() (first, last Seq, err error) {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableEvent}, UpperBound: []byte{tableEvent + 1}})
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

// Event gives an event by its sequence number, or ErrNotFound.
func (j *Journal) Event(s Seq) (Record, error) {
	v, closer, err := j.db.Get(eventKey(s))
	if errors.Is(err, pebble.ErrNotFound) {
		return Record{}, fmt.Errorf("event %d: %w", s, ErrNotFound)
	}
	if err != nil {
		return Record{}, fmt.Errorf("event %d: %w", s, err)
	}
	defer closer.Close()
	return readRecord(s, append([]byte(nil), v...))
}

// EventByGivenID gives the latest kept event whose producer gave it this id, or
// ErrNotFound. It looks through the index hour by hour, newest first.
func (j *Journal) EventByGivenID(id string) (Record, error) {
	return j.EventByGivenIDBefore(id, ^Seq(0))
}

// EventByGivenIDBefore is EventByGivenID for the latest event before another,
// which a bus target may have put on its bus under the same id.
func (j *Journal) EventByGivenIDBefore(id string, before Seq) (Record, error) {
	first, last := hourOf(j.Oldest()), hourOf(j.Stable())
	for hour := last; hour >= first && hour > 0; hour-- {
		lower := idKey(hour, id, 0)
		var seqs []Seq
		if err := j.scan(lower, idKey(hour, id, ^Seq(0)), func(k, _ []byte) (bool, error) {
			seqs = append(seqs, Seq(binary.BigEndian.Uint64(k[len(k)-8:])))
			return true, nil
		}); err != nil {
			return Record{}, fmt.Errorf("event %q: %w", id, err)
		}
		for i := len(seqs) - 1; i >= 0; i-- { // a hash may stand for several ids
			if seqs[i] >= before {
				continue
			}
			r, err := j.Event(seqs[i])
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

// Cursor is a place in a lane's ready or waiting deliveries.
type Cursor struct {
	Due time.Time // of waiting deliveries only
	Seq Seq
	N   uint16
}

// Compare orders cursors as the lane is read.
func (c Cursor) Compare(o Cursor) int {
	switch {
	case !c.Due.Equal(o.Due):
		return c.Due.Compare(o.Due)
	case c.Seq != o.Seq:
		if c.Seq < o.Seq {
			return -1
		}
		return 1
	default:
		return int(c.N) - int(o.N)
	}
}

// CursorOf returns the place of a delivery.
func CursorOf(d *Delivery) Cursor { return Cursor{Due: d.Due, Seq: d.Seq, N: d.N} }

// CursorAfter returns the place behind a delivery.
func CursorAfter(d *Delivery) Cursor {
	c := CursorOf(d)
	if c.N++; c.N == 0 {
		c.Seq++
	}
	return c
}

// Ready calls fn with the ready deliveries of a lane and their events, from a
// place on, up to but without the events at limit, until fn says stop. Both are
// given memory of their own.
func (j *Journal) Ready(l LaneID, from Cursor, limit Seq, fn func(Delivery, Record) bool) error {
	d := Delivery{Lane: l, State: Ready, Seq: from.Seq, N: from.N}
	end := Delivery{Lane: l, State: Ready, Seq: limit}
	return j.deliveries(d.appendKey(nil), end.appendKey(nil), fn)
}

// Waiting calls fn with the waiting deliveries of a lane and their events, the
// first due first, from a place on and up to those due at until, until fn says
// stop.
func (j *Journal) Waiting(l LaneID, from Cursor, until time.Time, fn func(Delivery, Record) bool) error {
	lower, _ := laneRange(tableWaiting, l)
	if !from.Due.IsZero() {
		d := Delivery{Lane: l, State: Waiting, Due: from.Due, Seq: from.Seq, N: from.N}
		lower = d.appendKey(nil)
	}
	end := Delivery{Lane: l, State: Waiting, Due: until.Add(1)}
	return j.deliveries(lower, end.appendKey(nil), fn)
}

// NextDue gives when the first waiting delivery of a lane at or after a place is
// due; false if none waits.
func (j *Journal) NextDue(l LaneID, from Cursor) (due time.Time, ok bool, err error) {
	lower, upper := laneRange(tableWaiting, l)
	if !from.Due.IsZero() {
		d := Delivery{Lane: l, State: Waiting, Due: from.Due, Seq: from.Seq, N: from.N}
		lower = d.appendKey(nil)
	}
	err = j.scan(lower, upper, func(k, _ []byte) (bool, error) {
		d, valid := placeOf(k)
		if !valid {
			return false, errCorrupt
		}
		due, ok = d.Due, true
		return false, nil
	})
	return due, ok, err
}

// deliveries reads a range of the ready or waiting table beside the event log.
// Deliveries that lie near each other have events that do, so one iterator over
// the log serves them all. Both are seen as of one moment: events come back with
// redriven letters, and are dropped, meanwhile.
func (j *Journal) deliveries(lower, upper []byte, fn func(Delivery, Record) bool) error {
	view := j.db.NewSnapshot()
	defer view.Close()
	events, err := view.NewIter(&pebble.IterOptions{LowerBound: []byte{tableEvent}, UpperBound: []byte{tableEvent + 1}})
	if err != nil {
		return err
	}
	defer events.Close()
	return scanIn(view, lower, upper, func(k, v []byte) (bool, error) {
		d, ok := placeOf(k)
		if !ok {
			return false, errCorrupt
		}
		if _, err := d.readValue(v); err != nil {
			return false, err
		}
		if !events.SeekGE(eventKey(d.Seq)) || Seq(binary.BigEndian.Uint64(events.Key()[1:])) != d.Seq {
			if err := events.Error(); err != nil {
				return false, err
			}
			return false, fmt.Errorf("delivery %d/%d: its event: %w", d.Seq, d.N, ErrNotFound)
		}
		value, err := events.ValueAndErr()
		if err != nil {
			return false, err
		}
		r, err := readRecord(d.Seq, append([]byte(nil), value...))
		if err != nil {
			return false, err
		}
		return fn(d, r), nil
	})
}

// DeadLetter is a delivery that rests in the dead-letter queue, and its event.
type DeadLetter struct {
	Delivery Delivery
	Record   Record
}

// DeadLetters calls fn with the dead letters of events accepted at or after
// from, the oldest event first, until fn says stop.
func (j *Journal) DeadLetters(from Cursor, fn func(DeadLetter) bool) error {
	d := Delivery{State: Dead, Seq: from.Seq, N: from.N}
	return j.scan(d.appendKey(nil), []byte{tableDead + 1}, func(k, v []byte) (bool, error) {
		l, err := readDeadLetter(k, v)
		if err != nil {
			return false, err
		}
		return fn(l), nil
	})
}

func readDeadLetter(k, v []byte) (DeadLetter, error) {
	d, ok := placeOf(k)
	if !ok {
		return DeadLetter{}, errCorrupt
	}
	rest, err := d.readValue(v)
	if err != nil {
		return DeadLetter{}, err
	}
	r, err := readRecord(d.Seq, append([]byte(nil), rest...))
	return DeadLetter{Delivery: d, Record: r}, err
}

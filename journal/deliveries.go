package journal

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

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

// DeadLetter is a delivery that rests in the dead-letter queue, and its event.
type DeadLetter struct {
	Delivery Delivery
	Record   Record
}

// Deliveries are those that have not ended, and those that rest dead.
type Deliveries struct {
	db *pebble.DB
	// turns lets as many lanes read at once as there are processors. After a start hundreds may
	// have a backlog, whose events lie between each other's: all at once they would drive each
	// other's blocks out of the cache, and intake off the processors.
	turns chan struct{}
}

// perTurn is how many deliveries are read in one turn: whoever has few to read does not wait
// for all that the others have.
const perTurn = 64

// Ready calls fn with the ready deliveries of a lane and their events, from a
// place on, up to but without the events at limit, until fn says stop. Both are
// given memory of their own. The event of a delivery of which have reports true is not
// read, and its record is empty; a nil have reads all.
func (t *Deliveries) Ready(l LaneID, from Cursor, limit Seq, have func(*Delivery) bool, fn func(Delivery, Record) bool) error {
	d := Delivery{Lane: l, State: Ready, Seq: from.Seq, N: from.N}
	end := Delivery{Lane: l, State: Ready, Seq: limit}
	return t.read(d.AppendKey(nil), end.AppendKey(nil), have, fn)
}

// Waiting calls fn with the waiting deliveries of a lane and their events, the
// first due first, from a place on and up to those due at until, until fn says
// stop.
func (t *Deliveries) Waiting(l LaneID, from Cursor, until time.Time, fn func(Delivery, Record) bool) error {
	lower, _ := LaneRange(TableWaiting, l)
	if !from.Due.IsZero() {
		d := Delivery{Lane: l, State: Waiting, Due: from.Due, Seq: from.Seq, N: from.N}
		lower = d.AppendKey(nil)
	}
	end := Delivery{Lane: l, State: Waiting, Due: until.Add(1)}
	return t.read(lower, end.AppendKey(nil), nil, fn)
}

// read is readDeliveries in turns. have and fn may wait for a lock of the lane, so no caller may
// have it.
func (t *Deliveries) read(lower, upper []byte, have func(*Delivery) bool, fn func(Delivery, Record) bool) error {
	t.turns <- struct{}{}
	defer func() { <-t.turns }()
	n := 0
	return readDeliveries(t.db, lower, upper, have, func(d Delivery, r Record) bool {
		if n++; n%perTurn == 0 {
			<-t.turns
			t.turns <- struct{}{}
		}
		return fn(d, r)
	})
}

// NextDue returns when the first waiting delivery of a lane at or after a place is
// due; false if none waits.
func (t *Deliveries) NextDue(l LaneID, from Cursor) (due time.Time, ok bool, err error) {
	lower, upper := LaneRange(TableWaiting, l)
	if !from.Due.IsZero() {
		d := Delivery{Lane: l, State: Waiting, Due: from.Due, Seq: from.Seq, N: from.N}
		lower = d.AppendKey(nil)
	}
	err = Scan(t.db, lower, upper, func(k, _ []byte) (bool, error) {
		d, valid := PlaceOf(k)
		if !valid {
			return false, ErrCorrupt
		}
		due, ok = d.Due, true
		return false, nil
	})
	return due, ok, err
}

// Oldest returns when the oldest round began of a lane's first deliveries in a state, up to
// most of them, from a place on; zero if there is none.
func (t *Deliveries) Oldest(l LaneID, state State, from Cursor, most int) (oldest time.Time, err error) {
	table := byte(TableReady)
	if state == Waiting {
		table = TableWaiting
	}
	lower, upper := LaneRange(table, l)
	if from != (Cursor{}) {
		d := Delivery{Lane: l, State: state, Due: from.Due, Seq: from.Seq, N: from.N}
		lower = d.AppendKey(nil)
	}
	n := 0
	err = Scan(t.db, lower, upper, func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		if _, err := d.ReadValue(v); err != nil {
			return false, err
		}
		if began := d.Began(); oldest.IsZero() || began.Before(oldest) {
			oldest = began
		}
		n++
		return n < most, nil
	})
	return oldest, err
}

// WaitingPlaces calls fn with the places of a lane's waiting deliveries, the first
// due first, until fn says stop.
func (t *Deliveries) WaitingPlaces(l LaneID, fn func(Delivery) bool) error {
	lower, upper := LaneRange(TableWaiting, l)
	return Scan(t.db, lower, upper, func(k, _ []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		return fn(d), nil
	})
}

// IsReady reports whether a delivery lies among the ready ones of a lane.
func (t *Deliveries) IsReady(l LaneID, s Seq, n uint16) (bool, error) {
	d := Delivery{Lane: l, Seq: s, N: n, State: Ready}
	return Has(t.db, d.AppendKey(nil))
}

// Find returns the delivery that lies on disk in the state and the place (Lane,
// Due, Key, Seq, N) of d, with its event, or ErrNotFound.
func (t *Deliveries) Find(d Delivery) (DeadLetter, error) {
	view := t.db.NewSnapshot() // an event comes and goes with its last delivery
	defer view.Close()
	found := Delivery{Seq: d.Seq, N: d.N, Lane: d.Lane, State: d.State, Due: d.Due, Key: d.Key}
	rest, err := get(view, found.AppendKey(nil), func(v []byte) ([]byte, error) { return found.ReadValue(v) })
	if err != nil {
		return DeadLetter{}, fmt.Errorf("delivery %d/%d: %w", d.Seq, d.N, err)
	}
	if d.State != Dead {
		if rest, err = get(view, EventKey(d.Seq), func(v []byte) ([]byte, error) { return v, nil }); err != nil {
			return DeadLetter{}, fmt.Errorf("event %d: %w", d.Seq, err)
		}
	}
	r, err := readRecord(d.Seq, rest)
	return DeadLetter{Delivery: found, Record: r}, err
}

// DeadLetters calls fn with the dead letters of events accepted at or after
// from, the oldest event first, until fn says stop.
func (t *Deliveries) DeadLetters(from Cursor, fn func(DeadLetter) bool) error {
	d := Delivery{State: Dead, Seq: from.Seq, N: from.N}
	return Scan(t.db, d.AppendKey(nil), []byte{tableDead + 1}, func(k, v []byte) (bool, error) {
		l, err := readDeadLetter(k, v)
		if err != nil {
			return false, err
		}
		return fn(l), nil
	})
}

// DeadBytes returns about how many bytes the dead letters take on disk.
func (t *Deliveries) DeadBytes() (uint64, error) {
	return t.db.EstimateDiskUsage([]byte{tableDead}, []byte{tableDead + 1})
}

func readDeadLetter(k, v []byte) (DeadLetter, error) {
	d, ok := PlaceOf(k)
	if !ok {
		return DeadLetter{}, ErrCorrupt
	}
	rest, err := d.ReadValue(v)
	if err != nil {
		return DeadLetter{}, err
	}
	r, err := readRecord(d.Seq, append([]byte(nil), rest...))
	return DeadLetter{Delivery: d, Record: r}, err
}

// Held calls fn with the deliveries that are suspended in one place, the oldest
// event's first, from a place on, until fn says stop. They are given memory of
// their own.
func (t *Deliveries) Held(h HoldID, from Cursor, fn func(Delivery) bool) error {
	d := Delivery{State: Held, Hold: h, Seq: from.Seq, N: from.N}
	end := Delivery{State: Held, Hold: h + 1}
	return Scan(t.db, d.AppendKey(nil), end.AppendKey(nil), func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		if _, err := d.ReadValue(v); err != nil {
			return false, err
		}
		return fn(d), nil
	})
}

// readDeliveries reads a range of the ready or waiting table beside the event log.
// Deliveries that lie near each other have events that do, so one iterator over
// the log serves them all. Both are seen as of one moment: events come back with
// redriven letters, and are dropped, meanwhile.
func readDeliveries(db *pebble.DB, lower, upper []byte, have func(*Delivery) bool, fn func(Delivery, Record) bool) error {
	view := db.NewSnapshot()
	defer view.Close()
	events, err := view.NewIter(&pebble.IterOptions{LowerBound: []byte{TableEvent}, UpperBound: []byte{TableEvent + 1}})
	if err != nil {
		return err
	}
	defer events.Close()
	return Scan(view, lower, upper, func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		if _, err := d.ReadValue(v); err != nil {
			return false, err
		}
		if have != nil && have(&d) {
			return fn(d, Record{}), nil
		}
		r, err := eventOf(events, &d)
		return err == nil && fn(d, r), err
	})
}

// eventOf reads the event of a delivery, with an iterator over the log.
func eventOf(events *pebble.Iterator, d *Delivery) (Record, error) {
	if !events.SeekGE(EventKey(d.Seq)) || Seq(binary.BigEndian.Uint64(events.Key()[1:])) != d.Seq {
		if err := events.Error(); err != nil {
			return Record{}, err
		}
		return Record{}, fmt.Errorf("delivery %d/%d: its event: %w", d.Seq, d.N, ErrNotFound)
	}
	value, err := events.ValueAndErr()
	if err != nil {
		return Record{}, err
	}
	return readRecord(d.Seq, append([]byte(nil), value...))
}

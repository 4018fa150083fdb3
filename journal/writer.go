package journal

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// writer turns entries and moves into the operations of one batch.
type writer struct {
	*tableBatch
	j       *Journal
	key     []byte
	value   []byte
	changed map[LaneID]Counts
	events  EventCounts
	// holds is how much more is suspended in each place.
	holds map[HoldID]int64
	// claimed holds the dead letters that this batch takes out of the queue.
	claimed map[string]bool
	// states holds the versions of the states in this batch, by key.
	states map[string]Seq
	// freed holds the ordering keys that this batch lets continue.
	freed []keyRef
}

// group writes a group's changes, and the counts that they change. A request
// whose letters can't be read is left out, and told.
func (w *writer) group(f *flight) error {
	for i := range f.moves {
		if err := w.move(&f.moves[i]); err != nil {
			return err
		}
	}
	for _, r := range f.requests {
		if r.err = w.claim(r.moves); r.err != nil {
			continue
		}
		if err := w.free(r); err != nil {
			return err
		}
		for i := range r.entries {
			if err := w.entry(&r.entries[i]); err != nil {
				return err
			}
		}
		for i := range r.moves {
			if !r.moves[i].Made {
				continue
			}
			if err := w.move(&r.moves[i]); err != nil {
				return err
			}
		}
		if err := w.job(r.job); err != nil {
			return err
		}
	}
	if err := w.counts(); err != nil {
		return err
	}
	if err := w.join(); err != nil {
		return err
	}
	for _, r := range f.requests {
		if r.change != nil {
			if err := r.change(w.all); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) entry(e *Entry) error {
	r := &e.Record
	w.value = r.appendValue(w.value[:0])
	if err := w.set(eventKey(r.Seq), w.value); err != nil {
		return err
	}
	if r.GivenID != "" {
		if err := w.set(idKey(hourOf(r.Seq), r.GivenID, r.Seq), nil); err != nil {
			return err
		}
	}
	if e.Fingerprint != nil {
		if err := w.dedup(e); err != nil {
			return err
		}
	}
	if e.Derived > 0 {
		if err := w.set(derivedKey(e.Root, e.Derived), nil); err != nil {
			return err
		}
	}
	if e.Object != nil {
		if err := w.state(e); err != nil {
			return err
		}
	}
	if w.j.Traces.Kept() {
		if err := w.said(e); err != nil {
			return err
		}
	}
	for i := range e.Works {
		if err := w.work(&e.Works[i]); err != nil {
			return err
		}
	}
	w.events.Accepted++
	if !e.Matched {
		w.events.Unmatched++
	}
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		if err := w.put(d, r); err != nil {
			return err
		}
		w.held(d, 1)
		c := w.lane(d.Lane)
		c.Planned++
		*c.of(d.State)++
		w.changed[d.Lane] = c
	}
	return nil
}

// put writes a delivery; a dead one takes its event along.
func (w *writer) put(d *Delivery, r *Record) (err error) {
	w.key = d.appendKey(w.key[:0])
	if w.value, err = d.appendValue(w.value[:0]); err != nil {
		return err
	}
	if d.State == Dead {
		w.value = r.appendValue(w.value)
	}
	return w.set(w.key, w.value)
}

func (w *writer) move(m *Move) (err error) {
	if m.Key != nil {
		if err := w.keyChange(m.Key); err != nil {
			return err
		}
	}
	if m.KeyAlone {
		return nil
	}
	w.key = m.From.appendKey(w.key[:0])
	if m.From.State == Dead {
		err = w.delete(w.key)
	} else {
		err = w.singleDelete(w.key)
	}
	if err != nil {
		return err
	}
	if w.j.Traces.Kept() {
		if err := w.touch(m); err != nil {
			return err
		}
	}
	w.held(&m.From, -1)
	if m.To != nil {
		w.held(m.To, 1)
	}
	from := w.lane(m.From.Lane)
	*from.of(m.From.State)--
	if m.To == nil {
		*from.ended(m.End)++
		w.changed[m.From.Lane] = from
		return nil
	}
	if m.From.Lane == m.To.Lane {
		*from.of(m.To.State)++
		w.changed[m.From.Lane] = from
	} else {
		from.Planned--
		w.changed[m.From.Lane] = from
		to := w.lane(m.To.Lane)
		to.Planned++
		*to.of(m.To.State)++
		w.changed[m.To.Lane] = to
	}
	if m.restore {
		w.value = m.Record.appendValue(w.value[:0])
		if err := w.set(eventKey(m.From.Seq), w.value); err != nil {
			return err
		}
	}
	return w.put(m.To, m.Record)
}

// claim settles which of a request's moves can be made: those whose letter is
// still in the queue as it was read, and that none before has taken. It reads
// all and writes nothing, so that an error concerns this request alone.
func (w *writer) claim(moves []Move) (err error) {
	for i := range moves {
		m := &moves[i]
		if m.From.State != Dead {
			m.Made = true
			continue
		}
		w.key = m.From.appendKey(w.key[:0])
		if m.Made = !w.claimed[string(w.key)]; !m.Made {
			continue
		}
		if m.Made, err = w.rests(&m.From); err != nil {
			return err
		}
		if !m.Made {
			continue
		}
		if err := w.leaves(m); err != nil {
			return err
		}
		if m.To != nil && m.Record != nil {
			there, err := hasIn(w.j.db, eventKey(m.From.Seq))
			if err != nil {
				return err
			}
			m.restore = !there
		}
		if w.claimed == nil {
			w.claimed = map[string]bool{}
		}
		w.claimed[string(w.key)] = true
	}
	return nil
}

// rests reports whether a dead letter lies at w.key, in the round that it was read in.
func (w *writer) rests(d *Delivery) (bool, error) {
	v, closer, err := w.j.db.Get(w.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer closer.Close()
	now := Delivery{Seq: d.Seq, N: d.N, State: Dead}
	if _, err := now.readValue(v); err != nil {
		return false, err
	}
	return now.Lane == d.Lane && now.Attempts == d.Attempts && now.Since.Equal(d.Since), nil
}

// lane returns a lane's counts as this batch has left them so far.
func (w *writer) lane(l LaneID) Counts {
	if w.changed == nil {
		w.changed = map[LaneID]Counts{}
	}
	if c, ok := w.changed[l]; ok {
		return c
	}
	return w.j.Counters.lanes[l]
}

// counts writes the changed counts.
func (w *writer) counts() error {
	for l, c := range w.changed {
		if err := w.set(countKey(l), c.appendValue(nil)); err != nil {
			return err
		}
	}
	if w.events == (EventCounts{}) {
		return nil
	}
	w.events.Accepted += w.j.Counters.events.Accepted
	w.events.Unmatched += w.j.Counters.events.Unmatched
	w.events.Duplicates += w.j.Counters.events.Duplicates
	v := binary.AppendUvarint(nil, w.events.Accepted)
	v = binary.AppendUvarint(v, w.events.Unmatched)
	return w.set(countKey(eventsLane), binary.AppendUvarint(v, w.events.Duplicates))
}

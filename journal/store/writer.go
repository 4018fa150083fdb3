package store

import (
	"errors"
	"slices"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2"
)

// writer turns entries and moves into the operations of one batch.
type writer struct {
	*tableBatch
	j       *Journal
	key     []byte
	value   []byte
	changed map[journal.LaneID]journal.Counts
	events  journal.EventCounts
	// holds is how much more is held back in each place.
	holds map[journal.HoldID]int64
	// claimed holds the dead letters that this batch takes out of the queue.
	claimed map[string]bool
	// states holds the versions of the states in this batch, by key.
	states map[string]journal.Seq
	// freed holds the ordering keys that this batch lets continue.
	freed []keyRef
	// dead holds the places in the dead-letter queue that deliveries of replays take in this batch, and
	// those that deliveries of dead letters will take if they die too.
	dead map[string]bool
	// ended holds the lanes that this batch ends.
	ended []journal.LaneID
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
		if r.err = w.endLane(r.ends); r.err != nil {
			continue
		}
		if err := w.free(r); err != nil {
			return err
		}
		if err := w.plan(r.past); err != nil {
			return err
		}
		for i := range r.found {
			if err := w.found(&r.found[i]); err != nil {
				return err
			}
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
	if err := w.repeated(f.repeats); err != nil {
		return err
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

func (w *writer) entry(e *journal.Entry) error {
	r := &e.Record
	if err := w.event(r); err != nil {
		return err
	}
	if r.GivenID != "" {
		if err := w.set(journal.IDKey(journal.HourOf(r.Seq), r.GivenID, r.Seq), nil); err != nil {
			return err
		}
	}
	if e.Fingerprint != nil {
		if err := w.dedup(e); err != nil {
			return err
		}
	}
	if e.Derived > 0 {
		if err := w.set(journal.DerivedKey(e.Root, e.Derived), nil); err != nil {
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
		if err := w.planned(&e.Deliveries[i], r); err != nil {
			return err
		}
	}
	return nil
}

// planned writes a new delivery, and counts it.
func (w *writer) planned(d *journal.Delivery, r *journal.Record) error {
	if err := w.forwarded(d); err != nil {
		return err
	}
	if err := w.put(d, r); err != nil {
		return err
	}
	w.held(d, 1)
	c := w.lane(d.Lane)
	c.Planned++
	*c.Of(d.State)++
	w.changed[d.Lane] = c
	return nil
}

// put writes a delivery; a dead one takes its event along.
func (w *writer) put(d *journal.Delivery, r *journal.Record) (err error) {
	w.key = d.AppendKey(w.key[:0])
	if w.value, err = d.AppendValue(w.value[:0]); err != nil {
		return err
	}
	if d.State == journal.Dead {
		w.value = r.AppendValue(w.value)
	}
	return w.set(w.key, w.value)
}

func (w *writer) move(m *journal.Move) (err error) {
	if err := w.makePlace(m.To); err != nil {
		return err
	}
	if m.Key != nil {
		if err := w.keyChange(m.Key); err != nil {
			return err
		}
	}
	if m.KeyAlone {
		return nil
	}
	w.key = m.From.AppendKey(w.key[:0])
	if m.From.State == journal.Dead {
		err = w.delete(w.key)
	} else {
		err = w.singleDelete(w.key)
	}
	if err != nil {
		return err
	}
	if w.j.Traces.Kept() || m.From.Forward != nil {
		if err := w.touch(m); err != nil {
			return err
		}
	}
	w.held(&m.From, -1)
	if m.To != nil {
		w.held(m.To, 1)
	}
	from := w.lane(m.From.Lane)
	*from.Of(m.From.State)--
	if m.To == nil {
		*from.Ended(m.End)++
		w.changed[m.From.Lane] = from
		return nil
	}
	if m.From.Lane == m.To.Lane {
		*from.Of(m.To.State)++
		w.changed[m.From.Lane] = from
	} else {
		from.Planned--
		w.changed[m.From.Lane] = from
		to := w.lane(m.To.Lane)
		to.Planned++
		*to.Of(m.To.State)++
		w.changed[m.To.Lane] = to
	}
	if m.Restore {
		if err := w.event(m.Record); err != nil {
			return err
		}
	}
	if err := w.put(m.To, m.Record); err != nil || m.Forward == nil {
		return err
	}
	return w.planned(m.Forward, m.Record)
}

// claim settles which of a request's moves can be made: those whose letter is
// still in the queue as it was read, and that none before has taken. It reads
// all and writes nothing, so that an error concerns this request alone.
func (w *writer) claim(moves []journal.Move) (err error) {
	for i := range moves {
		m := &moves[i]
		if m.From.State != journal.Dead {
			m.Made = true
			continue
		}
		w.key = m.From.AppendKey(w.key[:0])
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
			there, err := journal.Has(w.j.db, journal.EventKey(m.From.Seq))
			if err != nil {
				return err
			}
			m.Restore = !there
		}
		if w.claimed == nil {
			w.claimed = map[string]bool{}
		}
		w.claimed[string(w.key)] = true
	}
	return nil
}

// rests reports whether a dead letter lies at w.key, in the round that it was read in.
func (w *writer) rests(d *journal.Delivery) (bool, error) {
	v, closer, err := w.j.db.Get(w.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer closer.Close()
	now := journal.Delivery{Seq: d.Seq, N: d.N, State: journal.Dead}
	if _, err := now.ReadValue(v); err != nil {
		return false, err
	}
	return now.Lane == d.Lane && now.Attempts == d.Attempts && now.Since.Equal(d.Since), nil
}

// lane returns a lane's counts as this batch has left them so far.
func (w *writer) lane(l journal.LaneID) journal.Counts {
	if w.changed == nil {
		w.changed = map[journal.LaneID]journal.Counts{}
	}
	if c, ok := w.changed[l]; ok {
		return c
	}
	return w.j.Counters.lanes[l]
}

// counts writes the changed counts.
func (w *writer) counts() error {
	for l, c := range w.changed {
		if slices.Contains(w.ended, l) {
			continue
		}
		if err := w.set(journal.CountKey(l), c.AppendValue(nil)); err != nil {
			return err
		}
	}
	if w.events == (journal.EventCounts{}) {
		return nil
	}
	w.events.Accepted += w.j.Counters.events.Accepted
	w.events.Unmatched += w.j.Counters.events.Unmatched
	w.events.Duplicates += w.j.Counters.events.Duplicates
	return w.set(journal.CountKey(journal.EventsLane), w.events.AppendValue(nil))
}

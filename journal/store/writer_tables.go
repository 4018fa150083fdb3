package store

import (
	"encoding/json"
	"fmt"

	"signalbox/journal"
)

// dedup writes what lets a repeat of an entry's event be known as one.
func (w *writer) dedup(e *journal.Entry) error {
	own := journal.First{Seq: e.Record.Seq, ID: e.EventID}
	for _, m := range e.Marks {
		if m.Seq == 0 {
			m.First = own
		}
		if err := w.mark(&m.Fingerprint, &m.First); err != nil {
			return err
		}
	}
	return w.mark(e.Fingerprint, &own)
}

func (w *writer) mark(f *journal.Fingerprint, first *journal.First) error {
	w.value = first.AppendValue(w.value[:0])
	return w.set(journal.DedupKey(journal.BucketOf(first.Seq), f), w.value)
}

// repeated counts the repeats of events that are kept.
func (w *writer) repeated(of map[journal.Seq]uint64) error {
	for s, times := range of {
		if s < w.j.Seqs.Oldest() {
			continue
		}
		r, err := w.j.Repeats.Of(s)
		if err != nil {
			return err
		}
		r.Times, r.Last = r.Times+times, w.j.Seqs.now()
		w.value = r.AppendValue(w.value[:0])
		if err := w.set(journal.RepeatedKey(s), w.value); err != nil {
			return err
		}
	}
	return nil
}

// state indexes an event as a change of its object, and keeps what it tells of it, unless a
// later event's state is there: requests may reach the committer in another order than their
// numbers.
func (w *writer) state(e *journal.Entry) error {
	o, at := e.Object, e.Record.Seq
	if err := w.set((&journal.Change{Object: *o, Seq: at}).Row()); err != nil {
		return err
	}
	return w.latest(o, &e.Record)
}

// latest keeps the state that an event tells, unless a later one is there.
func (w *writer) latest(o *journal.Object, r *journal.Record) error {
	k := journal.StateKey(o.Type, o.Key)
	known, err := w.j.Objects.Version(k)
	if err != nil {
		return err
	}
	if max(known, w.states[string(k)]) > r.Seq {
		return nil
	}
	if known > 0 && known < journal.Seq(w.j.Seqs.outlived.Load()) && w.states[string(k)] == 0 {
		if err := w.outlived(o); err != nil {
			return err
		}
	}
	w.value = journal.AppendState(w.value[:0], o, r)
	if err := w.set(k, w.value); err != nil {
		return err
	}
	if w.states == nil {
		w.states = map[string]journal.Seq{}
	}
	w.states[string(k)] = r.Seq
	return nil
}

// outlived keeps the latest state as a snapshot, as its event is gone: it was the state of
// its object until now.
func (w *writer) outlived(o *journal.Object) error {
	key, value, there, err := w.j.Objects.Outlived(o)
	if err != nil || there {
		return err
	}
	return w.set(key, value)
}

// said writes what an entry's rules said, and what joins its event to others.
func (w *writer) said(e *journal.Entry) error {
	if len(e.Said) > 0 {
		v, err := json.Marshal(e.Said)
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Record.Seq, err)
		}
		if err := w.set(journal.TouchKey(e.Record.Seq), v); err != nil {
			return err
		}
	}
	return w.story(e.Record.Seq, e.Story)
}

func (w *writer) story(s journal.Seq, story journal.Story) error {
	if story.Correlation != "" {
		if err := w.set(journal.StoryKey(journal.HourOf(s), journal.ByCorrelation, story.Correlation, s), nil); err != nil {
			return err
		}
	}
	if story.Causation == "" {
		return nil
	}
	return w.set(journal.StoryKey(journal.HourOf(s), journal.ByCausation, story.Causation, s), nil)
}

// touch writes where a move leaves its delivery.
func (w *writer) touch(m *journal.Move) (err error) {
	d, state := &m.From, journal.TouchDelivered
	switch {
	case m.To != nil:
		d = m.To
		state = journal.TouchOf(d.State)
	case m.End == journal.Dropped:
		state = journal.TouchDropped
	case m.End == journal.Logged:
		state = journal.TouchLogged
	}
	if m.From.State == journal.Dead && m.To != nil {
		w.key = journal.AppendTouchKey(w.key[:0], d.Seq, d.N)
		if err := w.set(journal.AppendRedriveKey(w.key, w.j.Seqs.now()), journal.RedriveValue); err != nil {
			return err
		}
	}
	return w.record(d, state, &m.Answered)
}

// record writes the record of a delivery.
func (w *writer) record(d *journal.Delivery, state journal.TouchState, a *journal.Answered) (err error) {
	w.key = journal.AppendTouchKey(w.key[:0], d.Seq, d.N)
	if w.value, err = journal.AppendTouch(w.value[:0], d, state, a); err != nil {
		return err
	}
	return w.set(w.key, w.value)
}

// work writes the state of a work request with the event that moves it.
func (w *writer) work(k *journal.Work) error { return w.set(journal.WorkKey(k.Seq), k.Value) }

// held notes that a batch holds a delivery back, or lets it go.
func (w *writer) held(d *journal.Delivery, by int64) {
	if d.State != journal.Held {
		return
	}
	if w.holds == nil {
		w.holds = map[journal.HoldID]int64{}
	}
	w.holds[d.Hold] += by
}

func (w *writer) job(job *jobWrite) error {
	if job == nil {
		return nil
	}
	if v := job.state(); v != nil {
		return w.set(job.key, v)
	}
	return w.delete(job.key)
}

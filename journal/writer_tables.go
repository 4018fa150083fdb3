package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// dedup writes what lets a repeat of an entry's event be known as one.
func (w *writer) dedup(e *Entry) error {
	own := First{Seq: e.Record.Seq, ID: e.EventID}
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

func (w *writer) mark(f *Fingerprint, first *First) error {
	w.value = first.appendValue(w.value[:0])
	return w.set(dedupKey(bucketOf(first.Seq), f), w.value)
}

// state keeps what an event tells of its object, unless a later event's state is
// there: requests may reach the committer in another order than their numbers.
func (w *writer) state(e *Entry) error {
	o := e.Object
	k := stateKey(o.Type, o.Key)
	known, err := w.j.Objects.version(k)
	if err != nil {
		return err
	}
	if max(known, w.states[string(k)]) > e.Record.Seq {
		return nil
	}
	var flags byte
	if o.Gone {
		flags |= stateGone
	}
	w.value = binary.BigEndian.AppendUint64(append(w.value[:0], recordV1, flags), uint64(e.Record.Seq))
	w.value = e.Record.appendValue(w.value)
	if err := w.set(k, w.value); err != nil {
		return err
	}
	if w.states == nil {
		w.states = map[string]Seq{}
	}
	w.states[string(k)] = e.Record.Seq
	return nil
}

// said writes what an entry's rules said, and what joins its event to others.
func (w *writer) said(e *Entry) error {
	if len(e.Said) > 0 {
		v, err := json.Marshal(e.Said)
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Record.Seq, err)
		}
		if err := w.set(touchKey(e.Record.Seq), v); err != nil {
			return err
		}
	}
	return w.story(e.Record.Seq, e.Story)
}

func (w *writer) story(s Seq, story Story) error {
	if story.Correlation != "" {
		if err := w.set(storyKey(hourOf(s), byCorrelation, story.Correlation, s), nil); err != nil {
			return err
		}
	}
	if story.Causation == "" {
		return nil
	}
	return w.set(storyKey(hourOf(s), byCausation, story.Causation, s), nil)
}

// touch writes where a move leaves its delivery.
func (w *writer) touch(m *Move) error {
	d, state := &m.From, TouchDelivered
	switch {
	case m.To != nil:
		d = m.To
		state = touchOf(d.State)
	case m.End == Dropped:
		state = TouchDropped
	case m.End == Logged:
		state = TouchLogged
	}
	w.key = binary.BigEndian.AppendUint64(append(w.key[:0], tableTouch), uint64(d.Seq))
	w.key = binary.BigEndian.AppendUint16(w.key, d.N)
	if m.From.State == Dead && m.To != nil {
		at := binary.BigEndian.AppendUint64(w.key, uint64(w.j.Seqs.now().UnixNano()))
		if err := w.set(at, []byte{recordV1, touchRedriven}); err != nil {
			return err
		}
	}
	return w.putTouch(d, state, &m.Answered)
}

// putTouch writes a touch at w.key. What a waiting or a dead delivery holds
// itself is not written twice.
func (w *writer) putTouch(d *Delivery, state TouchState, a *Answered) error {
	v := append(w.value[:0], recordV1, state.code())
	v = binary.AppendUvarint(v, uint64(d.Lane))
	v = appendString(v, d.Rule)
	v = appendString(v, d.RuleTarget)
	attempts := d.Attempts
	if state == TouchDelivered && !a.At.IsZero() {
		attempts++ // the one that succeeded is counted nowhere else
	}
	v = binary.AppendUvarint(v, uint64(attempts))
	v = binary.AppendUvarint(v, uint64(a.Status))
	v = binary.AppendUvarint(v, uint64(max(0, a.Took.Microseconds())))
	var after int64
	if !a.At.IsZero() {
		after = max(1, a.At.Sub(d.Seq.Time()).Microseconds())
	}
	v = binary.AppendUvarint(v, uint64(after))
	tail := touchTail{Bus: d.Bus, Derived: a.Derived}
	switch state {
	case TouchWaiting:
		tail.Due = d.Due
	case TouchDelivered, TouchDropped, TouchLogged, TouchParked:
		tail.Spent, tail.Since, tail.History = d.Spent, d.Since, d.History
	}
	if tail.Bus != "" || tail.Spent != 0 || !tail.Due.IsZero() || !tail.Since.IsZero() || len(tail.History)+len(tail.Derived) > 0 {
		b, err := json.Marshal(tail)
		if err != nil {
			return fmt.Errorf("touch %d/%d: %w", d.Seq, d.N, err)
		}
		v = append(v, b...)
	}
	w.value = v
	return w.set(w.key, v)
}

// work writes the state of a work request with the event that moves it.
func (w *writer) work(k *Work) error { return w.set(workKey(k.Seq), k.Value) }

// held notes that a batch holds a delivery back, or lets it go.
func (w *writer) held(d *Delivery, by int64) {
	if d.State != Held {
		return
	}
	if w.holds == nil {
		w.holds = map[HoldID]int64{}
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

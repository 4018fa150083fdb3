package store

import (
	"fmt"

	"signalbox/journal"
)

// forwarded gives a new delivery of a dead letter a number that no other of its event has, and writes
// its record, kept or not: while that says that it has not ended, its number is taken.
func (w *writer) forwarded(d *journal.Delivery) error {
	if d.Forward == nil {
		return nil
	}
	dead := journal.Delivery{Seq: d.Seq, State: journal.Dead}
	for tries := 0; ; d.N = journal.NextForward(d.N) {
		if tries++; tries > journal.FirstForwarded {
			return fmt.Errorf("event %d: no number is free for another of its dead letters", d.Seq)
		}
		dead.N = d.N
		w.key = dead.AppendKey(w.key[:0])
		taken := w.dead[string(w.key)]
		var err error
		if !taken {
			taken, err = journal.Has(w.j.db, w.key)
		}
		if !taken && err == nil {
			taken, err = w.j.Traces.Unended(d.Seq, d.N)
		}
		if err != nil {
			return err
		}
		if !taken {
			break
		}
	}
	if w.dead == nil {
		w.dead = map[string]bool{}
	}
	w.dead[string(w.key)] = true
	return w.record(d, journal.TouchOf(d.State), &journal.Answered{})
}

// OnForwarded makes fn be called with each delivery of a dead letter that is ready now.
func (j *Journal) OnForwarded(fn func(journal.Delivery)) { j.onForwarded.Store(&fn) }

func (j *Journal) tellForwarded(moves []journal.Move) {
	fn := j.onForwarded.Load()
	if fn == nil {
		return
	}
	for i := range moves {
		if f := moves[i].Forward; f != nil {
			(*fn)(*f)
		}
	}
}

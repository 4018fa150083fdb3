package store

import (
	"errors"

	"signalbox/journal"
)

func (w *writer) keyChange(c *journal.KeyChange) error {
	r := &c.Record
	counts := w.lane(r.Lane)
	w.key = journal.AppendOrderKey(w.key[:0], r.Lane, r.Hash)
	if c.Gone {
		counts.BlockedKeys--
		w.changed[r.Lane] = counts
		return w.delete(w.key)
	}
	if c.New {
		counts.BlockedKeys++
		w.changed[r.Lane] = counts
	}
	v, err := r.Value()
	if err != nil {
		return err
	}
	return w.set(w.key, v)
}

// leaves settles what a dead letter that leaves the queue does to its ordering key,
// if it is the head that stopped it: redriven, it stays the head and goes first;
// else the key continues without it.
func (w *writer) leaves(m *journal.Move) error {
	if m.From.Key == "" {
		return nil
	}
	r, err := w.j.Keys.Key(m.From.Lane, journal.HashKey(m.From.Key))
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil || r.State != journal.KeyStopped || r.Seq != m.From.Seq || r.N != m.From.N {
		return err
	}
	r.State = journal.KeyGoesOn
	if m.To == nil || m.To.Lane != m.From.Lane {
		r.Seq, r.N, r.Head = 0, 0, ""
		w.freed = append(w.freed, keyRef{r.Lane, r.Hash})
	}
	m.Key = &journal.KeyChange{Record: r}
	return nil
}

func (w *writer) free(request *request) error {
	for _, k := range request.frees {
		r, err := w.j.Keys.Key(k.lane, k.hash)
		if errors.Is(err, journal.ErrNotFound) || err == nil && r.State != journal.KeyStopped {
			continue
		}
		if err != nil {
			return err
		}
		r.State, r.Seq, r.N, r.Head = journal.KeyGoesOn, 0, 0, ""
		if err := w.keyChange(&journal.KeyChange{Record: r}); err != nil {
			return err
		}
		w.freed = append(w.freed, k)
		request.freed++
	}
	return nil
}

package journal

import (
	"encoding/json"
	"errors"
	"fmt"
)

func (w *writer) keyChange(c *KeyChange) error {
	r := &c.Record
	counts := w.lane(r.Lane)
	w.key = appendOrderKey(w.key[:0], r.Lane, r.Hash)
	if c.Gone {
		counts.BlockedKeys--
		w.changed[r.Lane] = counts
		return w.delete(w.key)
	}
	if c.New {
		counts.BlockedKeys++
		w.changed[r.Lane] = counts
	}
	v, err := json.Marshal(storedKey{State: r.State, Key: r.Key, Seq: r.Seq, N: r.N, Head: r.Head, Since: r.Since})
	if err != nil {
		return fmt.Errorf("ordering key %q: %w", r.Key, err)
	}
	return w.set(w.key, v)
}

// leaves settles what a dead letter that leaves the queue does to its ordering key,
// if it is the head that stopped it: redriven, it stays the head and goes first;
// else the key continues without it.
func (w *writer) leaves(m *Move) error {
	if m.From.Key == "" {
		return nil
	}
	r, err := w.j.Keys.Key(m.From.Lane, HashKey(m.From.Key))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || r.State != KeyStopped || r.Seq != m.From.Seq || r.N != m.From.N {
		return err
	}
	r.State = KeyGoesOn
	if m.To == nil || m.To.Lane != m.From.Lane {
		r.Seq, r.N, r.Head = 0, 0, ""
		w.freed = append(w.freed, keyRef{r.Lane, r.Hash})
	}
	m.Key = &KeyChange{Record: r}
	return nil
}

func (w *writer) free(request *request) error {
	for _, k := range request.frees {
		r, err := w.j.Keys.Key(k.lane, k.hash)
		if errors.Is(err, ErrNotFound) || err == nil && r.State != KeyStopped {
			continue
		}
		if err != nil {
			return err
		}
		r.State, r.Seq, r.N, r.Head = KeyGoesOn, 0, 0, ""
		if err := w.keyChange(&KeyChange{Record: r}); err != nil {
			return err
		}
		w.freed = append(w.freed, k)
		request.freed++
	}
	return nil
}

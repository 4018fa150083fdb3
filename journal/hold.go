package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// HoldID is the short name of what holds deliveries back, a paused rule or a
// target that is being drained, in keys. 0 is none.
type HoldID uint32

// PauseKind says what a pause is of.
type PauseKind byte

// The kinds of a pause.
const (
	PauseTarget PauseKind = 't'
	PauseRule   PauseKind = 'r'
)

// Pause is what is known of a target or a rule that is, or has been, paused.
type Pause struct {
	Kind PauseKind `json:"-"`
	// Bus is that of a rule; Name is the rule's or the target's.
	Bus  string `json:"bus,omitempty"`
	Name string `json:"name"`
	// Command and File say who has paused it; it goes on when neither has.
	Command bool `json:"command,omitempty"`
	File    bool `json:"file,omitempty"`
	// Draining says that a target's backlog is delivered before it pauses.
	Draining bool `json:"draining,omitempty"`
	// Releasing says that it goes on, and that not all that it held is back yet.
	Releasing bool `json:"releasing,omitempty"`
	// Since is when the pause began, Resumed when the latest one ended.
	Since   time.Time `json:"since,omitzero"`
	Resumed time.Time `json:"resumed,omitzero"`
	// Hold is where deliveries are held back; 0 while none ever were.
	Hold HoldID `json:"hold,omitempty"`
}

// Paused says whether somebody has paused it.
func (p *Pause) Paused() bool { return p.Command || p.File }

func (p *Pause) key() []byte {
	k := append([]byte{tablePause, byte(p.Kind)}, p.Bus...)
	k = append(k, 0) // no name holds it
	return append(k, p.Name...)
}

// PutPause stores a pause, and returns when it is on disk.
func (j *Journal) PutPause(p Pause) error {
	v, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("pause of %q: %w", p.Name, err)
	}
	if err := j.change(func(b *pebble.Batch) error { return b.Set(p.key(), v, nil) }); err != nil {
		return fmt.Errorf("pause of %q: %w", p.Name, err)
	}
	return nil
}

// Pauses gives all that PutPause has stored.
func (j *Journal) Pauses() (all []Pause, err error) {
	err = j.scan([]byte{tablePause}, []byte{tablePause + 1}, func(k, v []byte) (bool, error) {
		var p Pause
		if len(k) < 2 || json.Unmarshal(v, &p) != nil {
			return false, errCorrupt
		}
		p.Kind = PauseKind(k[1])
		all = append(all, p)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("pauses: %w", err)
	}
	return all, nil
}

// HeldBy counts the deliveries that are held back in one place.
func (j *Journal) HeldBy(h HoldID) uint64 {
	j.countMu.Lock()
	defer j.countMu.Unlock()
	return j.heldCounts[h]
}

// holding gives the places where deliveries are held back.
func (j *Journal) holding() []HoldID {
	j.countMu.Lock()
	defer j.countMu.Unlock()
	return slices.Collect(maps.Keys(j.heldCounts))
}

// Held calls fn with the deliveries that are held back in one place, the oldest
// event's first, from a place on, until fn says stop. They are given memory of
// their own.
func (j *Journal) Held(h HoldID, from Cursor, fn func(Delivery) bool) error {
	d := Delivery{State: Held, Hold: h, Seq: from.Seq, N: from.N}
	end := Delivery{State: Held, Hold: h + 1}
	return j.scan(d.appendKey(nil), end.appendKey(nil), func(k, v []byte) (bool, error) {
		d, ok := placeOf(k)
		if !ok {
			return false, errCorrupt
		}
		if _, err := d.readValue(v); err != nil {
			return false, err
		}
		return fn(d), nil
	})
}

// countHeld counts what is held back, when the store is opened.
func (j *Journal) countHeld() error {
	return j.scan([]byte{tableHeld}, []byte{tableHeld + 1}, func(k, _ []byte) (bool, error) {
		d, ok := placeOf(k)
		if !ok {
			return false, errCorrupt
		}
		j.heldCounts[d.Hold]++
		return true, nil
	})
}

// heldFrom is the first event below bound that a held delivery is of, or bound.
func heldFrom(view pebble.Reader, bound Seq) (Seq, error) {
	for from, more := []byte{tableHeld}, true; more; {
		more = false
		if err := scanIn(view, from, []byte{tableHeld + 1}, func(k, _ []byte) (bool, error) {
			d, ok := placeOf(k)
			if !ok {
				return false, errCorrupt
			}
			bound, more = min(bound, d.Seq), true
			from = binary.BigEndian.AppendUint32([]byte{tableHeld}, uint32(d.Hold)+1) // in one place they are in order
			return false, nil
		}); err != nil {
			return 0, err
		}
	}
	return bound, nil
}

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

// verifyPause checks a row of its table.
func verifyPause(v *verifier, k, value []byte) {
	var p Pause
	if len(k) < 2 || json.Unmarshal(value, &p) != nil {
		v.fault("pause %q: %v", k[1:], errCorrupt)
		return
	}
	p.Kind = PauseKind(k[1])
	if p.Kind != PauseTarget && p.Kind != PauseRule || !bytes.Equal(p.key(), k) {
		v.fault("pause %q: it says to be of %q on bus %q", k[1:], p.Name, p.Bus)
	}
	v.holds[p.Hold] = true
}

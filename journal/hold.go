package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// HoldID is the short name of what holds deliveries back, a paused rule or a
// target that is being drained, in keys. 0 is none.
type HoldID uint32

// PauseKind is what is paused: a target, a rule or a source.
type PauseKind byte

// The kinds of a pause.
const (
	PauseTarget PauseKind = 't'
	PauseRule   PauseKind = 'r'
	PauseSource PauseKind = 's'
)

// Pause is what is known of a target, a rule or a source that is, or has been, paused.
type Pause struct {
	Kind PauseKind `json:"-"`
	// Bus is that of a rule; Name is the rule's, the target's or the source's.
	Bus  string `json:"bus,omitempty"`
	Name string `json:"name"`
	// Command and File say who has paused it; it continues when neither has.
	Command bool `json:"command,omitempty"`
	File    bool `json:"file,omitempty"`
	// Draining means that a target's backlog is delivered before it pauses.
	Draining bool `json:"draining,omitempty"`
	// Releasing means that it continues, and that not all that it held is back yet.
	Releasing bool `json:"releasing,omitempty"`
	// Since is when the pause began, Resumed when the latest one ended.
	Since   time.Time `json:"since,omitzero"`
	Resumed time.Time `json:"resumed,omitzero"`
	// Hold is where deliveries are suspended; 0 while none ever were.
	Hold HoldID `json:"hold,omitempty"`
}

// Paused reports whether somebody has paused it.
func (p *Pause) Paused() bool { return p.Command || p.File }

func (p *Pause) key() []byte {
	k := append([]byte{tablePause, byte(p.Kind)}, p.Bus...)
	k = append(k, 0) // no name holds it
	return append(k, p.Name...)
}

// Pauses are those of targets, rules and sources.
type Pauses struct {
	db     *pebble.DB
	commit Committer
}

// Put stores a pause, and returns when it is on disk.
func (t *Pauses) Put(p Pause) error {
	v, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("pause of %q: %w", p.Name, err)
	}
	if err := t.commit(func(b *pebble.Batch) error { return b.Set(p.key(), v, nil) }); err != nil {
		return fmt.Errorf("pause of %q: %w", p.Name, err)
	}
	return nil
}

// All returns all that Put has stored.
func (t *Pauses) All() (all []Pause, err error) {
	err = Scan(t.db, []byte{tablePause}, []byte{tablePause + 1}, func(k, v []byte) (bool, error) {
		var p Pause
		if len(k) < 2 || json.Unmarshal(v, &p) != nil {
			return false, ErrCorrupt
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

// EachHeld calls fn with the events of held deliveries, those of each place in order. Where it
// returns false, it continues with the next place.
func EachHeld(view pebble.Reader, fn func(Seq) bool) error {
	for from, more := []byte{TableHeld}, true; more; {
		more = false
		if err := Scan(view, from, []byte{TableHeld + 1}, func(k, _ []byte) (bool, error) {
			d, ok := PlaceOf(k)
			if !ok {
				return false, ErrCorrupt
			}
			if fn(d.Seq) {
				return true, nil
			}
			from, more = binary.BigEndian.AppendUint32([]byte{TableHeld}, uint32(d.Hold)+1), true
			return false, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// verifyPause checks a row of its table.
func verifyPause(v *verifier, k, value []byte) {
	var p Pause
	if len(k) < 2 || json.Unmarshal(value, &p) != nil {
		v.fault("pause %q: %v", k[1:], ErrCorrupt)
		return
	}
	p.Kind = PauseKind(k[1])
	if p.Kind != PauseTarget && p.Kind != PauseRule && p.Kind != PauseSource || !bytes.Equal(p.key(), k) {
		v.fault("pause %q: it says to be of %q on bus %q", k[1:], p.Name, p.Bus)
	}
	v.holds[p.Hold] = true
}

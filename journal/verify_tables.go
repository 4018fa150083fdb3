package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"signalbox/event"
)

// Readers read for Verify what others keep in the journal. Nil reads nothing.
type Readers struct {
	Job  func(id string, state []byte) error
	Work func(Work) error
}

// horizonKey leads to how far retention has dropped events.
var horizonKey = []byte{tableMeta, 'h'}

// findHorizon reads how far retention has dropped. A store that does not say so
// may have dropped what lies before the log's first event.
func (v *verifier) findHorizon() error {
	value, closer, err := v.view.Get(horizonKey)
	switch {
	case err == nil:
		defer closer.Close()
		if len(value) == 8 {
			v.horizon, v.exact = Seq(binary.BigEndian.Uint64(value)), true
		}
		return nil
	case !errors.Is(err, pebble.ErrNotFound):
		return err
	}
	v.horizon = ^Seq(0)
	if v.events.First() && len(v.events.Key()) == 9 {
		v.horizon = Seq(binary.BigEndian.Uint64(v.events.Key()[1:]))
	}
	return v.events.Error()
}

// lacks says that an event is not there, though retention has not dropped it.
func (v *verifier) lacks(s Seq) bool { return s >= v.horizon && !v.has(s) }

func (v *verifier) meta(k, value []byte) {
	switch {
	case bytes.Equal(k, versionKey):
		if _, err := strconv.Atoi(string(value)); err != nil {
			v.fault("store version %q: %v", value, errCorrupt)
		}
	case bytes.Equal(k, horizonKey):
		if len(value) != 8 {
			v.fault("horizon of retention %x: %v", value, errCorrupt)
		}
	default:
		v.fault("meta %q: not known", k[1:])
	}
}

// content parses an event's envelope and its metadata; nil if they have faults.
func (v *verifier) content(what string, r *Record) *event.Event {
	if v.opaque {
		return nil
	}
	e, err := r.Parsed()
	if err != nil {
		v.fault("%s: %v", what, err)
		return nil
	}
	return e
}

// indexed checks a key of an index by hours, whose last eight bytes name an event.
func (v *verifier) indexed(index string, k []byte) {
	if len(k) != 1+4+8+8 {
		v.fault("%s %x: the key is not valid", index, k)
		return
	}
	hour, s := binary.BigEndian.Uint32(k[1:]), Seq(binary.BigEndian.Uint64(k[13:]))
	switch {
	case hour != hourOf(s):
		v.fault("%s %x: event %d was not accepted in its hour", index, k, s)
	case v.exact && hour < hourOf(v.horizon):
		v.fault("%s %x: event %d is before the oldest hour that is kept", index, k, s)
	case v.lacks(s):
		v.fault("%s %x: event %d is not there", index, k, s)
	}
}

func (v *verifier) fingerprint(k, value []byte) {
	var first First
	switch err := first.readValue(value); {
	case len(k) != dedupKeyLen || err != nil:
		v.fault("fingerprint %x: %v", k, errCorrupt)
	case binary.BigEndian.Uint32(k[1:]) != bucketOf(first.Seq):
		v.fault("fingerprint %x: event %d was not accepted in its 5 minutes", k, first.Seq)
	case v.lacks(first.Seq):
		v.fault("fingerprint %x: event %d is not there", k, first.Seq)
	}
}

func (v *verifier) state(k, value []byte) {
	s, err := readState(k, value)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		v.fault("state %q: %v", k[1:], err)
		return
	}
	v.content("state", &s.Record)
	if v.lacks(s.Version) {
		v.fault("state of %s %q: its event %d is not there", s.Type, s.Key, s.Version)
	}
}

func (v *verifier) touch(k, value []byte) {
	if len(k) != touchEventLen && len(k) != touchKeyLen && len(k) != redriveKeyLen {
		v.fault("touch %x: the key is not valid", k)
		return
	}
	s, state := Seq(binary.BigEndian.Uint64(k[1:])), TouchState("")
	var err error
	switch len(k) {
	case touchEventLen:
		err = json.Unmarshal(value, new([]Said))
	case touchKeyLen:
		var t Touch
		t, err = readTouch(s, binary.BigEndian.Uint16(k[touchEventLen:]), value)
		state = t.State
	default:
		if !bytes.Equal(value, []byte{recordV1, touchRedriven}) {
			err = errCorrupt
		}
	}
	// Of an event that is gone, the letters may still be purged.
	gone := v.exact && state != TouchDropped && !v.has(s)
	switch {
	case err != nil:
		v.fault("touch of event %d: %v", s, err)
	case gone || v.lacks(s):
		v.fault("touch of event %d: the event is not there", s)
	}
}

func (v *verifier) work(k, value []byte) {
	if len(k) != 9 {
		v.fault("work request %x: the key is not valid", k)
		return
	}
	w := Work{Seq: Seq(binary.BigEndian.Uint64(k[1:])), Value: value}
	if v.lacks(w.Seq) {
		v.fault("work request of event %d: the event is not there", w.Seq)
	}
	if v.readers.Work == nil {
		return
	}
	if err := v.readers.Work(w); err != nil {
		v.fault("%v", err)
	}
}

func (v *verifier) job(k, value []byte) {
	if v.readers.Job == nil {
		return
	}
	if err := v.readers.Job(string(k[1:]), value); err != nil {
		v.fault("%v", err)
	}
}

func (v *verifier) pause(k, value []byte) {
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

// orderKey checks the record of an order key. Those parked behind it come next.
func (v *verifier) orderKey(k, value []byte) {
	r, err := readKey(k, value)
	if err != nil {
		v.fault("%v", err)
		return
	}
	if HashKey(r.Key) != r.Hash || r.State > KeyHeld {
		v.fault("order key %x: its record is of key %q, %v", k, r.Key, r.State)
	}
	if _, known := v.lanes[r.Lane]; !known {
		v.fault("order key %x: there is no lane %d", k, r.Lane)
	}
	if !v.opaque {
		v.head(&r)
	}
	v.order = append(v.order[:0], k...)
	c := v.found[r.Lane]
	c.BlockedKeys++
	v.found[r.Lane] = c
}

// place checks what a delivery says of where it lies.
func (v *verifier) place(k []byte, d *Delivery) {
	switch {
	case d.State == Parked && !bytes.Equal(k[:orderKeyLen], v.order):
		v.fault("delivery %d/%d: parked behind order key %x, which has no record", d.Seq, d.N, k[1:orderKeyLen])
	case d.State == Parked && !bytes.Equal(k[:orderKeyLen], appendOrderKey(nil, d.Lane, HashKey(d.Key))):
		v.fault("delivery %d/%d: parked behind another key than its own, %q", d.Seq, d.N, d.Key)
	case d.State == Held && !v.opaque && !v.holds[d.Hold]:
		v.fault("delivery %d/%d: held back by %d, which is no pause", d.Seq, d.N, d.Hold)
	}
}

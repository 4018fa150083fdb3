package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Traces are what rules said of events, and what came of their deliveries.
type Traces struct {
	db      *pebble.DB
	kept    atomic.Bool
	lanes   func() map[string]LaneID
	holding func() []HoldID
}

// Keep sets whether the journal keeps what came of each delivery, and
// which events belong to one story, so that traces can be shown. Both are kept
// as long as the events are. It is off for a new Journal.
func (t *Traces) Keep(on bool) { t.kept.Store(on) }

// Kept reports whether touches are kept.
func (t *Traces) Kept() bool { return t.kept.Load() }

// TouchState is the state of a delivery, or how it ended.
type TouchState string

// The states of a delivery in a trace.
const (
	TouchReady     TouchState = "ready"
	TouchWaiting   TouchState = "waiting"
	TouchDead      TouchState = "dead"
	TouchDelivered TouchState = "delivered"
	TouchDropped   TouchState = "dropped"
	TouchParked    TouchState = "parked" // behind another of its ordering key
	TouchHeld      TouchState = "held"   // back by a paused rule or a draining target
	TouchLogged    TouchState = "logged (synthetic)"
)

// touchStates has the byte of each state in a record; the byte of a redrive is 0.
var touchStates = [...]TouchState{"", TouchReady, TouchWaiting, TouchDead, TouchDelivered, TouchDropped, TouchParked, TouchHeld, TouchLogged}

const touchRedriven = 0

func (s TouchState) code() byte {
	for i, known := range touchStates {
		if s == known {
			return byte(i)
		}
	}
	return 1
}

// ended reports whether the delivery has ended.
func (s TouchState) ended() bool {
	return s == TouchDelivered || s == TouchDropped || s == TouchLogged
}

// Answered is what came of the latest attempt at a delivery, for its touch. The
// zero value says that there was none.
type Answered struct {
	// At is when the attempt began; Took how long it lasted.
	At   time.Time
	Took time.Duration
	// Status is the HTTP status of the answer, 0 where there was none.
	Status int
	// Derived are the events that were taken in on the delivery's account.
	Derived []Seq
}

// Touch is one delivery in the trace of its event.
type Touch struct {
	// Delivery is as far as it is known: without its body, and without its lane's
	// history of attempts where they all succeeded.
	Delivery Delivery
	State    TouchState
	Answered
	// Redriven are the times at which the delivery left the dead-letter queue to
	// be made again.
	Redriven []time.Time
}

// Said is what a rule said of an event, where no delivery tells of it: it is in
// state shadow, has no targets, or its condition failed. Without a rule it is a
// bus that the event has bubbled up to.
type Said struct {
	Bus   string `json:"bus,omitempty"`
	Rule  string `json:"rule,omitempty"`
	State string `json:"state,omitempty"`
	Error string `json:"error,omitempty"`
}

// Story is what joins an event to others. Either may be empty.
type Story struct{ Correlation, Causation string }

const (
	touchEventLen = 1 + 8
	touchKeyLen   = touchEventLen + 2
	redriveKeyLen = touchKeyLen + 8
)

// TouchKey is the key of what rules said of an event, and the beginning of those
// Of its deliveries.
func TouchKey(s Seq) []byte { return binary.BigEndian.AppendUint64([]byte{TableTouch}, uint64(s)) }

// touchTail holds the parts of a touch that few have, as JSON.
type touchTail struct {
	Bus     string    `json:"bus,omitempty"`
	Spent   int       `json:"spent,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Due     time.Time `json:"due,omitzero"`
	History []Attempt `json:"history,omitempty"`
	Derived []Seq     `json:"derived,omitempty"`
	Replay  *Replay   `json:"replay,omitempty"`
	Forward *Forward  `json:"forward,omitempty"`
}

// TouchOf is the state in a trace of a delivery that has not ended.
func TouchOf(s State) TouchState {
	switch s {
	case Waiting:
		return TouchWaiting
	case Dead:
		return TouchDead
	case Parked:
		return TouchParked
	case Held:
		return TouchHeld
	default:
		return TouchReady
	}
}

// AppendTouchKey appends the key of the record of a delivery.
func AppendTouchKey(dst []byte, s Seq, n uint16) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, TableTouch), uint64(s))
	return binary.BigEndian.AppendUint16(dst, n)
}

// AppendRedriveKey appends to the key of the record of a delivery when it was redriven.
func AppendRedriveKey(key []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(key, uint64(at.UnixNano()))
}

// RedriveValue is the value of a redrive.
var RedriveValue = []byte{RecordV1, touchRedriven}

// AppendTouch appends the record of a delivery. What a waiting or a dead delivery holds
// itself is not written twice.
func AppendTouch(v []byte, d *Delivery, state TouchState, a *Answered) ([]byte, error) {
	v = append(v, RecordV1, state.code())
	lane := d.Lane
	if d.Replay != nil && d.Lineage == nil && state.ended() {
		lane = d.Replay.Lane // its own ends with the replay
	}
	v = binary.AppendUvarint(v, uint64(lane))
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
	tail := touchTail{Bus: d.Bus, Derived: a.Derived, Replay: d.Replay, Forward: d.Forward}
	switch state {
	case TouchWaiting:
		tail.Due = d.Due
	case TouchDelivered, TouchDropped, TouchLogged, TouchParked:
		tail.Spent, tail.Since, tail.History = d.Spent, d.Since, d.History
	}
	if tail.Bus != "" || tail.Replay != nil || tail.Forward != nil || tail.Spent != 0 || !tail.Due.IsZero() || !tail.Since.IsZero() || len(tail.History)+len(tail.Derived) > 0 {
		b, err := json.Marshal(tail)
		if err != nil {
			return nil, fmt.Errorf("touch %d/%d: %w", d.Seq, d.N, err)
		}
		v = append(v, b...)
	}
	return v, nil
}

// readTouch reads a record of appendTouch.
func readTouch(s Seq, n uint16, v []byte) (Touch, error) {
	r := reader{rest: v}
	version, code := r.byte(), r.byte()
	t := Touch{Delivery: Delivery{Seq: s, N: n}}
	d := &t.Delivery
	d.Lane = LaneID(r.uvarint())
	d.Rule, d.RuleTarget = string(r.bytes()), string(r.bytes())
	d.Attempts, t.Status = int(r.uvarint()), int(r.uvarint())
	t.Took = time.Duration(r.uvarint()) * time.Microsecond
	if after := r.uvarint(); after > 0 {
		t.At = s.Time().Add(time.Duration(after) * time.Microsecond)
	}
	if r.broken || version != RecordV1 || int(code) >= len(touchStates) {
		return Touch{}, fmt.Errorf("touch %d/%d: %w", s, n, ErrCorrupt)
	}
	t.State = touchStates[code]
	if len(r.rest) > 0 {
		var tail touchTail
		if err := json.Unmarshal(r.rest, &tail); err != nil {
			return Touch{}, fmt.Errorf("touch %d/%d: %w", s, n, ErrCorrupt)
		}
		d.Bus, d.Spent, d.Since, d.Due, d.History = tail.Bus, tail.Spent, tail.Since, tail.Due, tail.History
		d.Replay, d.Forward = tail.Replay, tail.Forward
		t.Derived = tail.Derived
	}
	return t, nil
}

// Touches returns the deliveries of one event, by their numbers, and what rules
// said besides: those that have ended where touches were kept, and in any case
// those that are ready, are suspended or rest dead.
func (t *Traces) Touches(s Seq) ([]Touch, []Said, error) {
	view := t.db.NewSnapshot()
	defer view.Close()
	r := touchReader{view: view, seq: s, found: map[uint16]*Touch{}}
	for _, read := range []func() error{r.touches, r.waiting, r.dead} {
		if err := read(); err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", s, err)
		}
	}
	for _, l := range t.lanes() {
		if err := r.ready(l); err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", s, err)
		}
	}
	for _, h := range t.holding() {
		if err := r.held(h); err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", s, err)
		}
	}
	return r.sorted(), r.said, nil
}

// touchReader gathers the deliveries of one event from the tables that they can
// lie in.
type touchReader struct {
	view  *pebble.Snapshot
	seq   Seq
	found map[uint16]*Touch
	said  []Said
}

func (r *touchReader) touches() error {
	return Scan(r.view, TouchKey(r.seq), TouchKey(r.seq+1), func(k, v []byte) (bool, error) {
		if len(k) == touchEventLen {
			return true, json.Unmarshal(v, &r.said)
		}
		if len(k) < touchKeyLen {
			return false, ErrCorrupt
		}
		n := binary.BigEndian.Uint16(k[touchEventLen:])
		if len(k) == redriveKeyLen {
			if t := r.found[n]; t != nil { // which sorts before it
				t.Redriven = append(t.Redriven, time.Unix(0, int64(binary.BigEndian.Uint64(k[touchKeyLen:]))).UTC())
			}
			return true, nil
		}
		t, err := readTouch(r.seq, n, v)
		r.found[n] = &t
		return true, err
	})
}

// waiting fills in what the deliveries that wait hold themselves.
func (r *touchReader) waiting() error {
	for _, t := range r.found {
		if t.State != TouchWaiting {
			continue
		}
		d := Delivery{Seq: r.seq, N: t.Delivery.N, Lane: t.Delivery.Lane, State: Waiting, Due: t.Delivery.Due}
		v, closer, err := r.view.Get(d.AppendKey(nil))
		if err != nil {
			continue // it has left the table by a way that leaves no touch
		}
		_, err = d.ReadValue(v)
		closer.Close()
		if err != nil {
			return err
		}
		d.Body, t.Delivery = nil, d
	}
	return nil
}

func (r *touchReader) dead() error {
	first, after := Delivery{State: Dead, Seq: r.seq}, Delivery{State: Dead, Seq: r.seq + 1}
	return Scan(r.view, first.AppendKey(nil), after.AppendKey(nil), func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		_, err := d.ReadValue(v)
		r.now(d, TouchDead)
		return true, err
	})
}

func (r *touchReader) ready(l LaneID) error {
	first, after := Delivery{Lane: l, Seq: r.seq}, Delivery{Lane: l, Seq: r.seq + 1}
	return Scan(r.view, first.AppendKey(nil), after.AppendKey(nil), func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		_, err := d.ReadValue(v)
		r.now(d, TouchReady)
		return true, err
	})
}

func (r *touchReader) held(h HoldID) error {
	first, after := Delivery{State: Held, Hold: h, Seq: r.seq}, Delivery{State: Held, Hold: h, Seq: r.seq + 1}
	return Scan(r.view, first.AppendKey(nil), after.AppendKey(nil), func(k, v []byte) (bool, error) {
		d, ok := PlaceOf(k)
		if !ok {
			return false, ErrCorrupt
		}
		_, err := d.ReadValue(v)
		r.now(d, TouchHeld)
		return true, err
	})
}

// now notes where a delivery lies at this moment.
func (r *touchReader) now(d Delivery, state TouchState) {
	t := r.found[d.N]
	if t == nil {
		t = &Touch{}
		r.found[d.N] = t
	}
	d.Body = nil
	t.Delivery, t.State = d, state
}

func (r *touchReader) sorted() []Touch {
	all := make([]Touch, 0, len(r.found))
	for _, t := range r.found {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Touch) int { return int(a.Delivery.N) - int(b.Delivery.N) })
	return all
}

// verifyTouch checks a row of its table.
func verifyTouch(v *verifier, k, value []byte) {
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
		if !bytes.Equal(value, RedriveValue) {
			err = ErrCorrupt
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

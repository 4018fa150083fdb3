// Package journal is what the store holds: events, planned deliveries, due times, dead
// letters and all that belongs to them. It has their types, the keys and values under
// which they lie on disk, a table a file, how they are read, and how a store is verified
// against itself. Package store writes them.
package journal

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"signalbox/event"
)

// Seq is an event's place in the journal: the time of its acceptance in Unix
// nanoseconds, moved on where needed so that no two events share one and each is
// greater than those before it.
type Seq uint64

// Time is the time that the sequence number stands for.
func (s Seq) Time() time.Time { return time.Unix(0, int64(s)).UTC() }

// SeqAt is the least sequence number that an event accepted at t can have. Times before 1970 and
// after the year 2262, which no number has, stand for the first and the last of these.
func SeqAt(t time.Time) Seq {
	switch {
	case t.Before(time.Unix(0, 0)):
		return 0
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return Seq(t.UnixNano())
}

// LaneID is the short name of a target in keys; a target keeps it for good.
type LaneID uint32

// Record is one event as it lies in the journal.
type Record struct {
	Seq Seq
	// Meta is the event's metadata in its binary form.
	Meta []byte
	// Envelope is the event in EventBridge's envelope.
	Envelope []byte
	// GivenID is the event's id where the producer chose it, so that the event
	// can be found by it; empty where the id was made from Seq.
	GivenID string
	// Archived means that it was read from an archive, and that the store may not have it.
	Archived bool
}

// defaultBus is the bus of events that name none.
const defaultBus = "default"

// Bus returns the bus that the event is on. What can't be told is on the default bus.
func (r *Record) Bus() string {
	var m event.Metadata
	if m.UnmarshalBinary(r.Meta) != nil {
		return defaultBus
	}
	return cmp.Or(m.Bus, defaultBus)
}

// Parsed returns the event with its metadata.
func (r *Record) Parsed() (*event.Event, error) {
	e, err := event.ParseEnvelope(r.Envelope)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", r.Seq, err)
	}
	if err := e.Meta.UnmarshalBinary(r.Meta); err != nil {
		return nil, fmt.Errorf("metadata of event %d: %w", r.Seq, err)
	}
	return e, nil
}

// State is the state of a delivery.
type State uint8

// The states of a delivery that has not ended, and of one that rests dead.
const (
	Ready   State = iota // to be attempted as soon as its turn comes
	Waiting              // for its next attempt, at Due
	Dead                 // in the dead-letter queue
	Parked               // behind another of its ordering key
	Held                 // back by a paused rule or a draining target, in Hold
)

// Delivery is one planned delivery: an event, by way of a rule, to a target.
type Delivery struct {
	// Seq and N name the delivery: its event, and its number in the event's plan.
	Seq   Seq
	N     uint16
	Lane  LaneID
	State State
	// Hold is where a held delivery is suspended.
	Hold HoldID
	// Due is when a waiting delivery is to be attempted again.
	Due time.Time

	Rule       string
	RuleTarget string
	// Bus is the bus that the rule is on, where it is not the event's own.
	Bus string
	// Key is the ordering key, fixed when the delivery was planned: those of a lane
	// that share one are sent one after the other. Empty means no order.
	Key string
	// Body is the transformed body, fixed when the delivery was planned; nil
	// means the event itself.
	Body []byte
	// Notice means that Body is an envelope, to be sent in place of the event's.
	Notice bool
	// Attempts counts the attempts over the delivery's whole life; Spent is
	// what of them belongs to earlier rounds that ended in the dead-letter queue.
	Attempts int
	Spent    int
	// Since is when the present round began: acceptance, or the latest redrive.
	// Zero means acceptance.
	Since time.Time
	// History holds the first attempt and the latest ones.
	History []Attempt
	// Death is set on a dead delivery. A redriven one keeps that of the letter it
	// was, until it ends or dies again.
	Death *Death
	// Lineage lists the redrives; nil on a delivery that had none. It is never
	// changed, only replaced.
	Lineage *Lineage
	// Replay is the replay that planned the delivery; nil for none. It is never changed.
	Replay *Replay
	// Forward is the dead letter that the delivery is of; nil for none. It is never changed.
	Forward *Forward
}

// Began returns when the present round began.
func (d *Delivery) Began() time.Time {
	if d.Since.IsZero() {
		return d.Seq.Time()
	}
	return d.Since
}

// Retries counts the attempts of the present round after its first: EventBridge's RETRY_ATTEMPTS.
func (d *Delivery) Retries() int { return max(0, d.Attempts-d.Spent-1) }

// Attempt is what came of one attempt.
type Attempt struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	// Tries is how often the target was tried in it: more than once where its
	// connection broke before it answered.
	Tries   int    `json:"tries,omitempty"`
	Code    string `json:"code"`
	Status  int    `json:"status,omitempty"`
	Message string `json:"message"`
	// TookMS is how long the attempt lasted, in milliseconds.
	TookMS float64 `json:"took_ms,omitempty"`
}

// Death is why a delivery rests in the dead-letter queue, in EventBridge's terms.
type Death struct {
	At        time.Time `json:"at"`
	Code      string    `json:"error_code"`
	Message   string    `json:"error_message"`
	Condition string    `json:"exhausted_retry_condition,omitempty"`
	Status    int       `json:"last_status,omitempty"`
	Snippet   string    `json:"response_snippet,omitempty"`
	// Request is the rendered request as JSON, with secrets masked.
	Request json.RawMessage `json:"request,omitempty"`
}

// MaxHistory bounds the attempts kept with a delivery.
const MaxHistory = 16

// Remember adds an attempt to the history: the first stays, and the latest ones.
func (d *Delivery) Remember(a Attempt) {
	h := make([]Attempt, 0, min(len(d.History)+1, MaxHistory))
	h = append(h, d.History...)
	if len(h) == MaxHistory {
		h = append(h[:1], h[2:]...)
	}
	d.History = append(h, a)
}

// ErrCorrupt is the error of a row that can't be read.
var ErrCorrupt = errors.New("the record is corrupt")

// RecordV1 is the first byte of records, for other forms to come.
const RecordV1 = 1

// ValueSize returns how many bytes AppendValue appends.
func (r *Record) ValueSize() int {
	var length [binary.MaxVarintLen64]byte
	return 1 + binary.PutUvarint(length[:], uint64(len(r.Meta))) + len(r.Meta) + len(r.Envelope)
}

// AppendValue appends the event as it is stored.
func (r *Record) AppendValue(dst []byte) []byte {
	dst = append(dst, RecordV1)
	dst = binary.AppendUvarint(dst, uint64(len(r.Meta)))
	dst = append(dst, r.Meta...)
	return append(dst, r.Envelope...)
}

// readRecord reads an event record; the result shares v's memory.
func readRecord(s Seq, v []byte) (Record, error) {
	if len(v) == 0 || v[0] != RecordV1 {
		return Record{}, fmt.Errorf("event %d: %w", s, ErrCorrupt)
	}
	n, w := binary.Uvarint(v[1:])
	if w <= 0 || n > uint64(len(v)-1-w) {
		return Record{}, fmt.Errorf("event %d: %w", s, ErrCorrupt)
	}
	rest := v[1+w:]
	return Record{Seq: s, Meta: rest[:n:n], Envelope: rest[n:]}, nil
}

// The flags of a stored delivery say which of its rarer parts follow.
const (
	flagBody = 1 << iota
	flagTail
	flagNotice
	flagKey
)

// tail holds the parts of a delivery that few have, as JSON.
type tail struct {
	Lane    LaneID    `json:"lane,omitempty"`
	Bus     string    `json:"bus,omitempty"`
	Spent   int       `json:"spent,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	History []Attempt `json:"history,omitempty"`
	Death   *Death    `json:"death,omitempty"`
	Lineage *Lineage  `json:"lineage,omitempty"`
	Replay  *Replay   `json:"replay,omitempty"`
	Forward *Forward  `json:"forward,omitempty"`
}

// AppendValue appends what the key of a delivery does not hold.
func (d *Delivery) AppendValue(dst []byte) ([]byte, error) {
	var flags byte
	if d.Body != nil {
		flags |= flagBody
	}
	if d.Notice {
		flags |= flagNotice
	}
	if d.Key != "" {
		flags |= flagKey
	}
	hasTail := d.Bus != "" || d.Spent != 0 || !d.Since.IsZero() || len(d.History) > 0 || d.Death != nil || d.Lineage != nil || d.Replay != nil || d.Forward != nil || d.State == Held
	if hasTail {
		flags |= flagTail
	}
	dst = append(dst, RecordV1, flags)
	dst = binary.AppendUvarint(dst, uint64(d.Attempts))
	dst = appendString(dst, d.Rule)
	dst = appendString(dst, d.RuleTarget)
	if d.Body != nil {
		dst = binary.AppendUvarint(dst, uint64(len(d.Body)))
		dst = append(dst, d.Body...)
	}
	if d.Key != "" {
		dst = appendString(dst, d.Key)
	}
	if hasTail {
		t := tail{Bus: d.Bus, Spent: d.Spent, Since: d.Since, History: d.History, Death: d.Death, Lineage: d.Lineage, Replay: d.Replay, Forward: d.Forward}
		if d.State == Dead || d.State == Held {
			t.Lane = d.Lane // the key does not say it
		}
		b, err := json.Marshal(t)
		if err != nil {
			return nil, fmt.Errorf("delivery %d/%d: %w", d.Seq, d.N, err)
		}
		dst = binary.AppendUvarint(dst, uint64(len(b)))
		dst = append(dst, b...)
	}
	return dst, nil
}

// ReadValue fills in what the key does not hold, and returns what follows the
// delivery in v. The delivery gets memory of its own.
func (d *Delivery) ReadValue(v []byte) (rest []byte, err error) {
	r := reader{rest: v}
	version, flags := r.byte(), r.byte()
	d.Attempts = int(r.uvarint())
	d.Rule, d.RuleTarget = string(r.bytes()), string(r.bytes())
	if flags&flagBody != 0 {
		d.Body = append([]byte{}, r.bytes()...)
	}
	d.Notice = flags&flagNotice != 0
	if flags&flagKey != 0 {
		d.Key = string(r.bytes())
	}
	var t tail
	if flags&flagTail != 0 {
		if err := json.Unmarshal(r.bytes(), &t); err != nil {
			return nil, fmt.Errorf("delivery %d/%d: %w", d.Seq, d.N, ErrCorrupt)
		}
		if d.State == Dead || d.State == Held {
			d.Lane = t.Lane
		}
		d.Bus, d.Spent, d.Since, d.History, d.Death, d.Lineage = t.Bus, t.Spent, t.Since, t.History, t.Death, t.Lineage
		d.Replay, d.Forward = t.Replay, t.Forward
	}
	if r.broken || version != RecordV1 {
		return nil, fmt.Errorf("delivery %d/%d: %w", d.Seq, d.N, ErrCorrupt)
	}
	return r.rest, nil
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// reader takes a record apart; it remembers that something was missing.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.broken = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	n, w := binary.Uvarint(r.rest)
	if w <= 0 {
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[w:]
	return n
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.broken, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// verifyEvent checks a row of its table.
func verifyEvent(v *verifier, k, value []byte) {
	v.Events++
	if len(k) != 9 {
		v.fault("event %x: the key is not valid", k)
		return
	}
	s := Seq(binary.BigEndian.Uint64(k[1:]))
	if v.own(s) {
		v.kept++
	}
	r, err := readRecord(s, value)
	if err != nil {
		v.fault("%v", err)
		return
	}
	e := v.content("event", &r)
	if e == nil {
		return
	}
	if e.Meta.TellsState && v.own(s) {
		v.changed[HourOf(s)] = v.changed[HourOf(s)].plus(s, 1)
	}
	if made, ok := SeqOfEventID(e.ID); ok && made == s {
		return
	}
	// What a redrive or a replay puts back is no longer in the index.
	if !v.own(s) {
		return
	}
	_, closer, err := v.view.Get(IDKey(HourOf(s), e.ID, s))
	if err != nil {
		v.fault("event %d: its id %q is not in the index: %v", s, e.ID, err)
		return
	}
	closer.Close()
}

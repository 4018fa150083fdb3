package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"signalbox/event"
	"signalbox/journal/internal/disk"
	"signalbox/journal/internal/files"
)

// ErrLocked is the error of a data directory that another process has open.
var ErrLocked = files.ErrLocked

// Readers read for Verify what others keep in the journal. Nil reads nothing.
type Readers struct {
	Job  func(id string, state []byte) error
	Work func(Work) error
}

// Report is what a check of the store against itself has found.
type Report struct {
	Events     uint64      `json:"events"`
	Deliveries Counts      `json:"deliveries"`
	Accepted   EventCounts `json:"accounts"`
	// Keys counts the keys of each table, by the table's letter.
	Keys map[string]uint64 `json:"keys"`
	// Faults are the first faults; FaultCount is how many there are.
	Faults     []string `json:"faults"`
	FaultCount int      `json:"fault_count"`
	// Digest is a hash of all rows: the nodes of a cluster have the same one at the same place of
	// their log.
	Digest string `json:"digest"`
	// Notes are what is no fault and may be of interest.
	Notes []string `json:"notes,omitempty"`
}

// maxFaults bounds the faults that a report names.
const maxFaults = 100

func (r *Report) fault(format string, args ...any) {
	if r.FaultCount++; len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Verify checks the store in dir against itself and changes nothing in it. The
// error is ErrLocked if a router has it open, ErrNotFound if there is none. What
// others keep in it is read by readers. progress, if not nil, is called from time
// to time with the keys read so far.
func Verify(dir string, d *disk.Disk, readers Readers, progress func(keys uint64)) (_ Report, err error) {
	s, err := openReadOnly(dir, disk.FS(d))
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	defer files.Catch(&err)
	report, err := (&verifier{view: s.db, readers: readers, progress: progress}).run()
	if end := s.end; end.Garbage > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("%s: %d bytes that are not zero follow its last whole record, at %d: "+
			"a write that a crash broke off, or damage", end.Name, end.Garbage, end.Offset))
	}
	if err != nil {
		err = fmt.Errorf("data directory %s: %w", dir, files.Damaged(err))
	}
	return report, err
}

// VerifyRows checks the rows of a store that may be open, without a look into its events.
func VerifyRows(view pebble.Reader) (Report, error) {
	return (&verifier{view: view, opaque: true}).run()
}

// verifier goes over the tables one by one. It holds the lanes and the pauses in
// memory, and nothing that grows with the events.
type verifier struct {
	Report
	view pebble.Reader
	// opaque means that events need not be envelopes, and holds not pauses.
	opaque   bool
	readers  Readers
	events   *pebble.Iterator
	progress func(uint64)
	read     uint64
	// Events before ahead may have been put back that the store never had.
	ahead Seq
	// kept counts the events that retention has not dropped.
	kept uint64

	lanes map[LaneID]string
	told  map[LaneID]Counts
	found map[LaneID]Counts
	holds map[HoldID]bool
	// order is the latest ordering key with a record.
	order []byte
	heads map[LaneID]heads
	// changed sums up the events that say to have changed an object, and takes off the
	// index of changes, by hours.
	changed map[uint32]tally
	// Events before horizon may have been dropped; exact says that retention has
	// dropped just those.
	horizon Seq
	exact   bool
}

func (v *verifier) run() (_ Report, err error) {
	v.lanes, v.told, v.found = map[LaneID]string{}, map[LaneID]Counts{}, map[LaneID]Counts{}
	v.heads, v.changed = map[LaneID]heads{}, map[uint32]tally{}
	v.Keys, v.Faults, v.holds = map[string]uint64{}, []string{}, map[HoldID]bool{}
	v.events, err = v.view.NewIter(&pebble.IterOptions{LowerBound: []byte{TableEvent}, UpperBound: []byte{TableEvent + 1}})
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, v.events.Close()) }()
	if err := v.findHorizon(); err != nil {
		return Report{}, err
	}
	for i := range Tables {
		if t := &Tables[i]; t.first {
			if err := v.table(t); err != nil {
				return Report{}, err
			}
		}
	}
	var before []byte
	digest, size := sha256.New(), []byte(nil)
	err = Scan(v.view, []byte{0}, []byte{0xff}, func(k, value []byte) (bool, error) {
		size = binary.AppendUvarint(binary.AppendUvarint(size[:0], uint64(len(k))), uint64(len(value)))
		digest.Write(size)
		digest.Write(k)
		digest.Write(value)
		if bytes.Compare(before, k) >= 0 {
			v.fault("key %x: not in order", k)
		}
		before = append(before[:0], k...)
		if t := tableOf(k); t == nil {
			v.fault("key %x: of no table that is known", k)
		} else if !t.first {
			v.row(t, k, value)
		}
		return true, nil
	})
	if err != nil {
		return Report{}, err
	}
	v.Digest = hex.EncodeToString(digest.Sum(nil))
	v.compare()
	v.compareHeads()
	v.compareChanges()
	return v.Report, nil
}

func (v *verifier) table(t *table) error {
	return Scan(v.view, []byte{t.Letter}, []byte{t.Letter + 1}, func(k, value []byte) (bool, error) {
		v.row(t, k, value)
		return true, nil
	})
}

func (v *verifier) row(t *table, k, value []byte) {
	v.Keys[string(t.Letter)]++
	if v.read++; v.progress != nil && v.read%100_000 == 0 {
		v.progress(v.read)
	}
	t.verify(v, k, value)
}

// has reports whether the log has an event.
func (v *verifier) has(s Seq) bool {
	return v.events.SeekGE(EventKey(s)) && bytes.Equal(v.events.Key(), EventKey(s))
}

// compare compares the accounts with what was found.
func (v *verifier) compare() {
	for l := range v.found {
		if _, ok := v.told[l]; !ok {
			v.fault("lane %q: it has deliveries and no accounts", v.lanes[l])
		}
	}
	for l, c := range v.told {
		f := v.found[l]
		if f.Ready != c.Ready || f.Waiting != c.Waiting || f.Parked != c.Parked || f.Held != c.Held || f.Dead != c.Dead {
			v.fault("lane %q: the accounts say %d ready, %d waiting, %d parked, %d held, %d dead; on disk are %d, %d, %d, %d, %d",
				v.lanes[l], c.Ready, c.Waiting, c.Parked, c.Held, c.Dead, f.Ready, f.Waiting, f.Parked, f.Held, f.Dead)
		}
		if f.BlockedKeys != c.BlockedKeys {
			v.fault("lane %q: the accounts say %d blocked ordering keys; on disk are %d", v.lanes[l], c.BlockedKeys, f.BlockedKeys)
		}
		if !c.Balanced() {
			v.fault("lane %q: the accounts do not balance: %+v", v.lanes[l], c)
		}
		v.Deliveries.Add(c)
	}
	if v.kept > v.Accepted.Accepted {
		v.fault("events: %d on disk, and %d accepted", v.kept, v.Accepted.Accepted)
	}
}

// verifyDelivery checks a row of its table.
func verifyDelivery(v *verifier, k, value []byte) {
	d, ok := PlaceOf(k)
	if !ok {
		v.fault("delivery %x: the key is not valid", k)
		return
	}
	rest, err := d.ReadValue(value)
	if err == nil && d.State == Dead {
		var r Record
		if r, err = readRecord(d.Seq, rest); err == nil {
			v.content("dead letter of event", &r)
		}
	}
	if err != nil {
		v.fault("delivery %d/%d: %v", d.Seq, d.N, err)
	}
	v.place(k, &d)
	if d.Forward != nil && d.N != NumberOfForward(d.N) {
		v.fault("delivery %d/%d: of a dead letter, and its number is none of these", d.Seq, d.N)
	}
	if d.State == Waiting && d.Key != "" && !v.opaque {
		v.waitsAsHead(&d)
	}
	if _, known := v.lanes[d.Lane]; !known {
		v.fault("delivery %d/%d: there is no lane %d", d.Seq, d.N, d.Lane)
	}
	if d.State != Dead && !v.has(d.Seq) {
		v.fault("delivery %d/%d: its event is not there", d.Seq, d.N)
	}
	c := v.found[d.Lane]
	*c.Of(d.State)++
	v.found[d.Lane] = c
}

// findHorizon reads how far retention has dropped. A store that does not say so
// may have dropped what lies before the log's first event.
func (v *verifier) findHorizon() error {
	horizon, err := value(v.view, HorizonKey)
	switch {
	case err == nil:
		if len(horizon) == 8 {
			v.horizon, v.exact = Seq(binary.BigEndian.Uint64(horizon)), true
		}
		return nil
	case !errors.Is(err, ErrNotFound):
		return err
	}
	v.horizon = ^Seq(0)
	if v.events.First() && len(v.events.Key()) == 9 {
		v.horizon = Seq(binary.BigEndian.Uint64(v.events.Key()[1:]))
	}
	return v.events.Error()
}

// own reports whether an event is there because it was accepted, if it is there.
func (v *verifier) own(s Seq) bool { return s >= max(v.horizon, v.ahead) }

// lacks reports whether an event is not there, though retention has not dropped it.
func (v *verifier) lacks(s Seq) bool { return s >= v.horizon && !v.has(s) }

// content returns the event of a record, and checks its envelope's envelope
// and its metadata; nil if they have faults.
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
	case hour != HourOf(s):
		v.fault("%s %x: event %d was not accepted in its hour", index, k, s)
	case v.exact && hour < HourOf(v.horizon):
		v.fault("%s %x: event %d is before the oldest hour that is kept", index, k, s)
	case v.lacks(s):
		v.fault("%s %x: event %d is not there", index, k, s)
	}
}

// orderKey checks the record of an ordering key. Those parked behind it come next.
func (v *verifier) orderKey(k, value []byte) {
	r, err := readKey(k, value)
	if err != nil {
		v.fault("%v", err)
		return
	}
	if HashKey(r.Key) != r.Hash || r.State > KeyHeld {
		v.fault("ordering key %x: its record is of key %q, %v", k, r.Key, r.State)
	}
	if _, known := v.lanes[r.Lane]; !known {
		v.fault("ordering key %x: there is no lane %d", k, r.Lane)
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
		v.fault("delivery %d/%d: parked behind ordering key %x, which has no record", d.Seq, d.N, k[1:orderKeyLen])
	case d.State == Parked && !bytes.Equal(k[:orderKeyLen], AppendOrderKey(nil, d.Lane, HashKey(d.Key))):
		v.fault("delivery %d/%d: parked behind another key than its own, %q", d.Seq, d.N, d.Key)
	case d.State == Held && !v.opaque && !v.holds[d.Hold]:
		v.fault("delivery %d/%d: suspended by %d, which is no pause", d.Seq, d.N, d.Hold)
	}
}

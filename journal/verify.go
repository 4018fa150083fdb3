package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

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
func Verify(dir string, fsys vfs.FS, readers Readers, progress func(keys uint64)) (_ Report, err error) {
	if fsys == nil {
		fsys = vfs.Default
	}
	if _, err := fsys.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return Report{}, fmt.Errorf("data directory %s: no store: %w", dir, ErrNotFound)
	}
	lock, err := pebble.LockDirectory(dir, fsys)
	if errors.Is(err, os.ErrPermission) {
		return Report{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err != nil {
		return Report{}, fmt.Errorf("data directory %s: %w (%w): stop the router first", dir, ErrLocked, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	db, err := pebble.Open(dir, &pebble.Options{
		FS: fsys, Lock: lock, ReadOnly: true, ErrorIfNotExists: true, Logger: quiet{},
		FormatMajorVersion: pebble.FormatValueSeparation,
	})
	if errors.Is(err, pebble.ErrDBDoesNotExist) {
		return Report{}, fmt.Errorf("data directory %s: no store: %w", dir, ErrNotFound)
	}
	if err != nil {
		return Report{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return (&verifier{view: db, readers: readers, progress: progress}).run()
}

// quiet says nothing: what goes wrong in a store that is only read is an error.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(f string, args ...any) {
	panic(fmt.Errorf(f, args...))
}

// verifier goes over the tables one by one. It holds the lanes and the pauses in
// memory, and nothing that grows with the events.
type verifier struct {
	Report
	view pebble.Reader
	// opaque says that events need not be envelopes, and holds not pauses.
	opaque   bool
	readers  Readers
	events   *pebble.Iterator
	progress func(uint64)
	read     uint64

	lanes map[LaneID]string
	told  map[LaneID]Counts
	found map[LaneID]Counts
	holds map[HoldID]bool
	// order is the latest order key with a record.
	order []byte
	heads map[LaneID]heads
	// Events before horizon may have been dropped; exact says that retention has
	// dropped just those.
	horizon Seq
	exact   bool
}

// early tables are read before the others, which are held against them.
func early(table byte) bool {
	return table == tableLane || table == tableCount || table == tablePause
}

func (v *verifier) run() (_ Report, err error) {
	v.lanes, v.told, v.found = map[LaneID]string{}, map[LaneID]Counts{}, map[LaneID]Counts{}
	v.heads = map[LaneID]heads{}
	v.Keys, v.Faults, v.holds = map[string]uint64{}, []string{}, map[HoldID]bool{}
	v.events, err = v.view.NewIter(&pebble.IterOptions{LowerBound: []byte{tableEvent}, UpperBound: []byte{tableEvent + 1}})
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, v.events.Close()) }()
	if err := v.findHorizon(); err != nil {
		return Report{}, err
	}
	for _, table := range []byte{tableLane, tableCount, tablePause} {
		if err := v.table(table); err != nil {
			return Report{}, err
		}
	}
	var before []byte
	err = scanIn(v.view, []byte{0}, []byte{0xff}, func(k, value []byte) (bool, error) {
		if bytes.Compare(before, k) >= 0 {
			v.fault("key %x: not in order", k)
		}
		before = append(before[:0], k...)
		if !early(k[0]) {
			v.key(k, value)
		}
		return true, nil
	})
	if err != nil {
		return Report{}, err
	}
	v.compare()
	v.compareHeads()
	return v.Report, nil
}

func (v *verifier) table(table byte) error {
	return scanIn(v.view, []byte{table}, []byte{table + 1}, func(k, value []byte) (bool, error) {
		v.key(k, value)
		return true, nil
	})
}

func (v *verifier) key(k, value []byte) {
	v.Keys[string(k[:1])]++
	if v.read++; v.progress != nil && v.read%100_000 == 0 {
		v.progress(v.read)
	}
	switch k[0] {
	case tableEvent:
		v.event(k, value)
	case tableID:
		v.indexed("id", k)
	case tableLane:
		v.lane(k, value)
	case tableCount:
		v.count(k, value)
	case tableReady, tableWaiting, tableHeld, tableDead:
		v.delivery(k, value)
	case tableOrder:
		if len(k) == orderKeyLen {
			v.orderKey(k, value)
		} else {
			v.delivery(k, value)
		}
	default:
		v.besides(k, value)
	}
}

// besides reads the tables that are neither of events nor of deliveries.
func (v *verifier) besides(k, value []byte) {
	switch k[0] {
	case tableMeta:
		v.meta(k, value)
	case tableDedup:
		v.fingerprint(k, value)
	case tableState:
		v.state(k, value)
	case tableTouch:
		v.touch(k, value)
	case tableStory:
		v.indexed("story", k)
	case tableWork:
		v.work(k, value)
	case tableJob:
		v.job(k, value)
	case tablePause:
		v.pause(k, value)
	default:
		v.fault("key %x: of no table that is known", k)
	}
}

// has says whether the log holds an event.
func (v *verifier) has(s Seq) bool {
	return v.events.SeekGE(eventKey(s)) && bytes.Equal(v.events.Key(), eventKey(s))
}

func (v *verifier) event(k, value []byte) {
	v.Events++
	if len(k) != 9 {
		v.fault("event %x: the key is not valid", k)
		return
	}
	s := Seq(binary.BigEndian.Uint64(k[1:]))
	r, err := readRecord(s, value)
	if err != nil {
		v.fault("%v", err)
		return
	}
	e := v.content("event", &r)
	if e == nil {
		return
	}
	if made, ok := SeqOfEventID(e.ID); ok && made == s {
		return
	}
	// What a redrive puts back is no longer in the index.
	if s < v.horizon {
		return
	}
	_, closer, err := v.view.Get(idKey(hourOf(s), e.ID, s))
	if err != nil {
		v.fault("event %d: its id %q is not in the index: %v", s, e.ID, err)
		return
	}
	closer.Close()
}

func (v *verifier) lane(k, value []byte) {
	name := string(k[1:])
	if len(value) != 4 {
		v.fault("lane %q: %v", name, errCorrupt)
		return
	}
	id := LaneID(binary.BigEndian.Uint32(value))
	if other, ok := v.lanes[id]; ok {
		v.fault("lane %q: has the number %d of lane %q", name, id, other)
	}
	v.lanes[id] = name
}

func (v *verifier) count(k, value []byte) {
	if len(k) != 5 {
		v.fault("count %x: the key is not valid", k)
		return
	}
	l := LaneID(binary.BigEndian.Uint32(k[1:]))
	if l == eventsLane {
		r := reader{rest: value}
		v.Accepted = EventCounts{Accepted: r.uvarint(), Unmatched: r.uvarint(), Duplicates: r.uvarint()}
		return
	}
	var c Counts
	if err := c.readValue(value); err != nil {
		v.fault("accounts of lane %d: %v", l, err)
		return
	}
	v.told[l] = c
}

func (v *verifier) delivery(k, value []byte) {
	d, ok := placeOf(k)
	if !ok {
		v.fault("delivery %x: the key is not valid", k)
		return
	}
	rest, err := d.readValue(value)
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
	*c.of(d.State)++
	v.found[d.Lane] = c
}

// compare holds the accounts against what was found.
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
			v.fault("lane %q: the accounts say %d blocked order keys; on disk are %d", v.lanes[l], c.BlockedKeys, f.BlockedKeys)
		}
		if !c.Balanced() {
			v.fault("lane %q: the accounts do not balance: %+v", v.lanes[l], c)
		}
		v.Deliveries.add(c)
	}
	if v.Events > v.Accepted.Accepted {
		v.fault("events: %d on disk, and %d accepted", v.Events, v.Accepted.Accepted)
	}
}

package journal

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Entry is one event and its plan, written as one.
type Entry struct {
	Record Record
	// Deliveries are Ready, or Dead where their body could not be rendered.
	Deliveries []Delivery
	// Matched says that some rule matched, though it may plan no delivery.
	Matched bool
}

// End says how a delivery ended.
type End uint8

// The ends of a delivery. One that moves to another state has NotEnded.
const (
	NotEnded End = iota
	Delivered
	Dropped // by a written policy: a synthetic event, a purge
)

// Move takes a delivery from one state to another, or to its end.
type Move struct {
	From Delivery
	// To is the delivery's next state; nil where End says that it ended.
	To  *Delivery
	End End
	// Record is the event, to be kept with a dead letter, or to be put back where
	// a redriven one has outlived it.
	Record *Record
	// Made is set by MoveSync where the move was made.
	Made bool
	// Applied is called once the move can be seen by readers.
	Applied func()
}

// ErrClosed says that the journal has been closed.
var ErrClosed = errors.New("the journal is closed")

const (
	// linger is how long moves wait for company before they are written alone.
	linger = 2 * time.Millisecond
	// groupMoves is how many moves are written at once without waiting.
	groupMoves = 512
	// maxMoves bounds the moves that wait to be written.
	maxMoves = 16384
	// syncMoves bounds how long a written move may stay unsynced: what a crash
	// within this time undoes is delivered again.
	syncMoves = 50 * time.Millisecond
	// maxFlights bounds the groups whose fsync is awaited, so that requests
	// gather into the next group meanwhile.
	maxFlights = 2
)

// request is a durable write that somebody waits for.
type request struct {
	entries []Entry
	moves   []Move
	done    chan error
}

// flight is a group on its way to the disk.
type flight struct {
	batch    *pebble.Batch
	sync     bool
	requests []*request
	moves    []Move
}

// Append writes events with their plans, all or none, and returns when they are
// on disk. Concurrent calls share an fsync.
func (j *Journal) Append(entries []Entry) error {
	return j.submit(&request{entries: entries, done: make(chan error, 1)})
}

// MoveSync makes moves durable, all or none. A move from the dead-letter queue
// is skipped if somebody else made one before; Move.Made tells.
func (j *Journal) MoveSync(moves []Move) error {
	j.trimMu.RLock() // a trim must not drop the event of a letter on its way back
	defer j.trimMu.RUnlock()
	return j.submit(&request{moves: moves, done: make(chan error, 1)})
}

func (j *Journal) submit(r *request) error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.requests = append(j.requests, r)
	j.mu.Unlock()
	signal(j.wake)
	return <-r.done
}

// Move makes a move without waiting for the disk. A crash shortly after may undo
// it, so that the delivery is attempted again. It blocks while too many moves
// wait to be written.
func (j *Journal) Move(m Move) error {
	j.mu.Lock()
	for len(j.moves) >= maxMoves && !j.closed {
		j.room.Wait()
	}
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.moves = append(j.moves, m)
	n := len(j.moves)
	j.mu.Unlock()
	switch n {
	case 1:
		signal(j.lazy)
	case groupMoves:
		signal(j.wake)
	}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// commit gathers what waits into one batch after another. It alone writes.
func (j *Journal) commit() {
	defer close(j.flights)
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		stopping := false
		select {
		case <-j.wake:
		case <-j.stop:
			stopping = true
		case <-j.lazy:
			timer.Reset(linger)
			select {
			case <-j.wake:
			case <-timer.C:
			case <-j.stop:
				stopping = true
			}
		}
		j.tokens <- struct{}{}
		if !j.commitGroup() {
			<-j.tokens
		}
		if stopping {
			return // Close admits nothing more before it stops the committer
		}
	}
}

// commitGroup writes all that waits, and says whether a group was sent off.
func (j *Journal) commitGroup() bool {
	j.mu.Lock()
	f := &flight{requests: j.requests, moves: j.moves}
	j.requests, j.moves = nil, j.spare[:0]
	j.spare = nil
	j.room.Broadcast()
	j.mu.Unlock()
	if len(f.requests) == 0 && len(f.moves) == 0 {
		return false
	}
	f.batch = j.db.NewBatch()
	err := j.build(f)
	if err == nil {
		f.sync = len(f.requests) > 0 || j.now().Sub(j.synced) >= syncMoves
		if f.sync {
			j.synced = j.now()
			err = j.db.ApplyNoSyncWait(f.batch, pebble.Sync)
		} else {
			err = j.db.Apply(f.batch, pebble.NoSync)
		}
	}
	if err != nil {
		f.fail(err)
		j.log.Error("journal write failed", zapError(err))
		return false
	}
	j.flights <- f
	return true
}

func (f *flight) fail(err error) {
	f.batch.Close()
	for _, r := range f.requests {
		r.done <- err
	}
}

// land waits for each group's fsync, in order, and tells those who wait for it.
func (j *Journal) land() {
	defer close(j.landed)
	for f := range j.flights {
		var err error
		if f.sync {
			err = f.batch.SyncWait()
		}
		f.batch.Close()
		<-j.tokens
		for _, r := range f.requests {
			r.done <- err
		}
		for i := range f.moves {
			if f.moves[i].Applied != nil {
				f.moves[i].Applied()
			}
		}
		clear(f.moves)
		j.mu.Lock()
		j.spare = f.moves[:0]
		j.mu.Unlock()
	}
}

// build writes a group's changes, and the counts that they change, to its batch.
func (j *Journal) build(f *flight) error {
	w := writer{j: j, b: f.batch}
	for i := range f.moves {
		if _, err := w.move(&f.moves[i]); err != nil {
			return err
		}
	}
	for _, r := range f.requests {
		for i := range r.entries {
			if err := w.entry(&r.entries[i]); err != nil {
				return err
			}
		}
		for i := range r.moves {
			ok, err := w.move(&r.moves[i])
			if err != nil {
				return err
			}
			r.moves[i].Made = ok
		}
	}
	return w.counts()
}

// writer turns entries and moves into the operations of one batch.
type writer struct {
	j       *Journal
	b       *pebble.Batch
	key     []byte
	value   []byte
	changed map[LaneID]Counts
	events  EventCounts
	// revived holds the dead letters that this batch takes out of the queue.
	revived map[string]bool
}

func (w *writer) entry(e *Entry) error {
	r := &e.Record
	w.value = r.appendValue(w.value[:0])
	if err := w.b.Set(eventKey(r.Seq), w.value, nil); err != nil {
		return err
	}
	if r.GivenID != "" {
		if err := w.b.Set(idKey(hourOf(r.Seq), r.GivenID, r.Seq), nil, nil); err != nil {
			return err
		}
	}
	w.events.Accepted++
	if !e.Matched {
		w.events.Unmatched++
	}
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		if err := w.put(d, r); err != nil {
			return err
		}
		c := w.lane(d.Lane)
		c.Planned++
		*c.of(d.State)++
		w.changed[d.Lane] = c
	}
	return nil
}

// put writes a delivery; a dead one takes its event along.
func (w *writer) put(d *Delivery, r *Record) (err error) {
	w.key = d.appendKey(w.key[:0])
	if w.value, err = d.appendValue(w.value[:0]); err != nil {
		return err
	}
	if d.State == Dead {
		w.value = r.appendValue(w.value)
	}
	return w.b.Set(w.key, w.value, nil)
}

func (w *writer) move(m *Move) (bool, error) {
	w.key = m.From.appendKey(w.key[:0])
	if m.From.State == Dead {
		ok, err := w.revive()
		if err != nil || !ok {
			return false, err
		}
	} else if err := w.b.SingleDelete(w.key, nil); err != nil {
		return false, err
	}
	from := w.lane(m.From.Lane)
	*from.of(m.From.State)--
	if m.To == nil {
		*from.ended(m.End)++
		w.changed[m.From.Lane] = from
		return true, nil
	}
	if m.From.Lane == m.To.Lane {
		*from.of(m.To.State)++
		w.changed[m.From.Lane] = from
	} else {
		from.Planned--
		w.changed[m.From.Lane] = from
		to := w.lane(m.To.Lane)
		to.Planned++
		*to.of(m.To.State)++
		w.changed[m.To.Lane] = to
	}
	if m.From.State == Dead && m.Record != nil && m.From.Seq < w.j.Oldest() {
		w.value = m.Record.appendValue(w.value[:0])
		if err := w.b.Set(eventKey(m.From.Seq), w.value, nil); err != nil {
			return false, err
		}
	}
	return true, w.put(m.To, m.Record)
}

// revive takes the dead letter at w.key out of the queue, if it is still there.
func (w *writer) revive() (bool, error) {
	if w.revived[string(w.key)] {
		return false, nil
	}
	_, closer, err := w.j.db.Get(w.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	closer.Close()
	if w.revived == nil {
		w.revived = map[string]bool{}
	}
	w.revived[string(w.key)] = true
	return true, w.b.Delete(w.key, nil)
}

// lane gives a lane's counts as this batch has left them so far.
func (w *writer) lane(l LaneID) Counts {
	if w.changed == nil {
		w.changed = map[LaneID]Counts{}
	}
	if c, ok := w.changed[l]; ok {
		return c
	}
	return w.j.laneCounts[l]
}

// counts writes the changed counts and makes them the current ones. The
// committer alone changes them; the lock is for its readers.
func (w *writer) counts() error {
	for l, c := range w.changed {
		if err := w.b.Set(countKey(l), c.appendValue(nil), nil); err != nil {
			return err
		}
	}
	j := w.j
	j.countMu.Lock()
	defer j.countMu.Unlock()
	for l, c := range w.changed {
		j.laneCounts[l] = c
	}
	if w.events == (EventCounts{}) {
		return nil
	}
	j.events.Accepted += w.events.Accepted
	j.events.Unmatched += w.events.Unmatched
	v := binary.AppendUvarint(nil, j.events.Accepted)
	return w.b.Set(countKey(eventsLane), binary.AppendUvarint(v, j.events.Unmatched), nil)
}

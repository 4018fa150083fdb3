package store

import (
	"errors"
	"fmt"
	"time"

	"signalbox/journal"

	"github.com/cockroachdb/pebble/v2"
)

// ErrClosed means that the journal has been closed.
var ErrClosed = errors.New("the journal is closed")

const (
	// linger is how long moves wait for company before they are written alone.
	linger = 2 * time.Millisecond
	// groupMoves is how many moves are written at once without waiting.
	groupMoves = 512
	// maxMoves bounds the moves that wait to be written.
	maxMoves = 16384
	// maxSpare is the largest group whose memory is kept for a later one.
	maxSpare = 4096
	// syncMoves bounds how long a written move may stay unsynced: what a crash
	// within this time undoes is delivered again.
	syncMoves = 50 * time.Millisecond
	// maxFlights bounds the groups whose fsync is awaited, so that requests gather into
	// the next group meanwhile. Fsyncs come one after the other, so that a second group
	// would only be sent off sooner, smaller, and wait.
	maxFlights = 1
)

// request is a durable write that somebody waits for.
type request struct {
	entries []journal.Entry
	moves   []journal.Move
	past    []journal.Past // deliveries of events that are there
	ends    *journal.LaneEnd
	job     *jobWrite
	change  func(*pebble.Batch) error // what else it writes
	found   []Found                   // events that have changed objects
	frees   []keyRef                  // stopped ordering keys that are to continue
	freed   int                       // how many of them were stopped
	err     error                     // why it is not part of its group
	done    chan error
}

// jobWrite is what a job writes of itself beside its moves.
type jobWrite struct {
	key   []byte
	state func() []byte
}

// keyRef names an ordering key.
type keyRef struct {
	lane journal.LaneID
	hash journal.KeyHash
}

// flight is a group on its way to the disk.
type flight struct {
	batch    *pebble.Batch
	sync     bool
	requests []*request
	moves    []journal.Move
	freed    []keyRef // ordering keys that may continue
	// duplicates and repeats are as in Journal.
	duplicates uint64
	repeats    map[journal.Seq]uint64
}

// Append writes events with their plans, all or none, and returns when they are
// on disk. Concurrent calls share an fsync.
func (j *Journal) Append(entries []journal.Entry) error {
	for i := range entries {
		if o := entries[i].Object; o != nil {
			if err := o.Check(); err != nil {
				return fmt.Errorf("event %d: %w", entries[i].Record.Seq, err)
			}
		}
	}
	return j.submit(&request{entries: entries, done: make(chan error, 1)})
}

// MoveSync makes moves durable, all or none. A move from the dead-letter queue
// is skipped if somebody else made one before; Move.Made tells.
func (j *Journal) MoveSync(moves []journal.Move) error {
	j.Trimmer.mu.RLock() // a trim must not drop the event of a letter on its way back
	defer j.Trimmer.mu.RUnlock()
	return j.submit(&request{moves: moves, done: make(chan error, 1)})
}

// change makes a change of the store durable that is none of events or deliveries. Like
// all others it goes through the committer.
func (j *Journal) change(write func(*pebble.Batch) error) error {
	return j.submit(&request{change: write, done: make(chan error, 1)})
}

func (j *Journal) submit(r *request) error {
	if j.follows {
		return journal.ErrNotLeading
	}
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
func (j *Journal) Move(m journal.Move) error { return j.MoveAll([]journal.Move{m}) }

// MoveAll makes moves as Move does, all in one group.
func (j *Journal) MoveAll(moves []journal.Move) error {
	j.mu.Lock()
	for len(j.moves) >= maxMoves && !j.closed {
		j.room.Wait()
	}
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	before := len(j.moves)
	j.moves = append(j.moves, moves...)
	n := len(j.moves)
	j.mu.Unlock()
	switch {
	case before < groupMoves && n >= groupMoves:
		signal(j.wake)
	case before == 0 && n > 0:
		signal(j.lazy)
	}
	return nil
}

// FreeKeys lets those of some ordering keys that are stopped continue, though their
// heads stay in the dead-letter queue. It returns, when that is on disk, how many
// they were.
func (j *Journal) FreeKeys(l journal.LaneID, hashes ...journal.KeyHash) (int, error) {
	r := &request{done: make(chan error, 1)}
	for _, h := range hashes {
		r.frees = append(r.frees, keyRef{l, h})
	}
	err := j.submit(r)
	return r.freed, err
}

// OnFreed makes fn be called with each ordering key that was stopped and may now go
// on.
func (j *Journal) OnFreed(fn func(journal.LaneID, journal.KeyHash)) { j.onFreed.Store(&fn) }

func (j *Journal) tellFreed(freed []keyRef) {
	fn := j.onFreed.Load()
	if fn == nil {
		return
	}
	for _, k := range freed {
		(*fn)(k.lane, k.hash)
	}
}

// MoveJob makes moves durable, as MoveSync does, and with them what a job wants
// to know after a restart: all or none. The state is asked for once Made is known
// for every move; it is called by the journal's writer and must not wait for it.
// A nil state forgets the job.
func (j *Journal) MoveJob(moves []journal.Move, id string, state func() []byte) error {
	j.Trimmer.mu.RLock() // as MoveSync
	defer j.Trimmer.mu.RUnlock()
	return j.submit(&request{moves: moves, job: &jobWrite{journal.JobKey(id), state}, done: make(chan error, 1)})
}

// PlanJob makes deliveries of past events durable, and with them what their job wants to
// know after a restart: all or none. The state is asked for as by MoveJob.
func (j *Journal) PlanJob(past []journal.Past, id string, state func() []byte) error {
	j.Trimmer.mu.RLock() // a trim must not drop the events
	defer j.Trimmer.mu.RUnlock()
	return j.submit(&request{past: past, job: &jobWrite{journal.JobKey(id), state}, done: make(chan error, 1)})
}

// EndLane ends a lane that has nothing left, and makes durable with it what the job that
// it was for wants to know after a restart. The error, if something is left, changes nothing.
func (j *Journal) EndLane(end journal.LaneEnd, id string, state func() []byte) error {
	err := j.submit(&request{ends: &end, job: &jobWrite{journal.JobKey(id), state}, done: make(chan error, 1)})
	if err == nil {
		j.Lanes.forget(end.Name)
	}
	return err
}

// Sync returns when all that has been written is on disk.
func (j *Journal) Sync() error { return j.submit(&request{done: make(chan error, 1)}) }

// maxRepeated bounds the events whose repeats wait to be written. Those of more, while the disk
// stands still, are counted together alone.
const maxRepeated = 10_000

// CountRepeats counts repeats of accepted events, an entry each, without waiting for the
// disk: a crash shortly after may undo it. However many come of an event, it is written once
// with a group.
func (j *Journal) CountRepeats(of []journal.Seq) {
	j.mu.Lock()
	j.duplicates += uint64(len(of))
	if j.repeats == nil {
		j.repeats = map[journal.Seq]uint64{}
	}
	for _, s := range of {
		if _, known := j.repeats[s]; known || len(j.repeats) < maxRepeated {
			j.repeats[s]++
		}
	}
	j.mu.Unlock()
	signal(j.lazy)
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
		stopping, sync := false, false
		select {
		case <-j.wake:
		case <-j.stop:
			stopping = true
		case <-j.overdue.C:
			sync = true
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
		if !j.commitGroup(sync) {
			<-j.tokens
		}
		if stopping {
			return // Close admits nothing more before it stops the committer
		}
	}
}

// take returns what waits to be written; nil where there is nothing to write and nothing to
// sync.
func (j *Journal) take(sync bool) (f *flight) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.requests) == 0 && len(j.moves) == 0 && j.duplicates == 0 && !sync {
		return nil
	}
	f = &flight{requests: j.requests, moves: j.moves, duplicates: j.duplicates, repeats: j.repeats}
	j.requests, j.moves, j.duplicates, j.repeats = nil, nil, 0, nil
	if n := len(j.spare); n > 0 {
		j.moves, j.spare = j.spare[n-1], j.spare[:n-1]
	}
	j.room.Broadcast()
	return f
}

// commitGroup writes all that waits, and says whether a group was sent off. With
// sync, what was written before reaches the disk too, though nothing waits.
func (j *Journal) commitGroup(sync bool) bool {
	f := j.take(sync)
	if f == nil {
		return false
	}
	w := writer{tableBatch: newTableBatch(j.db, f.room()), j: j, events: journal.EventCounts{Duplicates: f.duplicates}}
	err := errors.Join(w.group(f), w.release())
	f.batch, f.freed = w.all, w.freed
	if err == nil {
		err = j.apply(f, sync)
	}
	if err != nil {
		f.batch.Close()
		if !errors.Is(err, journal.ErrNotLeading) {
			j.fatal(fmt.Errorf("journal: a write failed: %w", err))
		}
		f.answer(err)
		return false
	}
	j.Counters.keep(&w)
	j.flights <- f
	return true
}

// room returns how much memory to take for a group's batch at once, in bytes, where it is so
// large that to double it until it fits would take twice as much; 0 else.
func (f *flight) room() (n int) {
	const large, row = 512 << 10, 256 // what a row takes beside the event and the body
	for _, r := range f.requests {
		for i := range r.entries {
			e := &r.entries[i]
			n += row + len(e.Record.Envelope)
			for k := range e.Deliveries {
				n += row + len(e.Deliveries[k].Body)
			}
		}
	}
	if n < large {
		return 0
	}
	return n + row*len(f.moves)
}

// apply hands a group's batch to the store.
func (j *Journal) apply(f *flight, sync bool) error {
	if j.replicas != nil {
		return j.replicate(f)
	}
	unsynced := j.Seqs.now().Sub(j.synced)
	f.sync = sync || len(f.requests) > 0 || unsynced >= syncMoves
	if !f.sync {
		j.overdue.Reset(syncMoves - unsynced)
		return j.db.Apply(f.batch, pebble.NoSync)
	}
	j.overdue.Stop()
	j.synced = j.Seqs.now()
	if f.batch.Empty() {
		if err := f.batch.LogData(nil, nil); err != nil {
			return err
		}
	}
	return j.db.ApplyNoSyncWait(f.batch, pebble.Sync)
}

// answer returns to those who wait what came of the group, and of their own part.
func (f *flight) answer(err error) {
	for _, r := range f.requests {
		if r.err != nil {
			r.done <- r.err
		} else {
			r.done <- err
		}
	}
}

// land waits for each group's fsync, in order, and tells those who wait for it.
func (j *Journal) land() {
	defer close(j.landed)
	for f := range j.flights {
		var err error
		if f.sync {
			if err = f.batch.SyncWait(); err != nil {
				j.fatal(fmt.Errorf("journal: an fsync failed: %w", err))
			}
		}
		f.batch.Close()
		<-j.tokens
		f.answer(err)
		j.tellFreed(f.freed)
		j.tellForwarded(f.moves)
		for i := range f.moves {
			if f.moves[i].Applied != nil {
				f.moves[i].Applied()
			}
		}
		j.keepSpare(f.moves)
	}
}

// keepSpare keeps a landed group's memory for a later one: moves are large, and
// come by the thousand.
func (j *Journal) keepSpare(moves []journal.Move) {
	if cap(moves) == 0 || cap(moves) > maxSpare {
		return
	}
	clear(moves)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.spare) <= maxFlights {
		j.spare = append(j.spare, moves[:0])
	}
}

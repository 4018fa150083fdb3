// Package store is the open journal, in Pebble. One committer gathers concurrent writes
// into groups that share an fsync; it numbers events, keeps the counters, and drops what
// retention no longer keeps.
package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/journal/internal/disk"
	"signalbox/journal/internal/files"
)

// Options change how a journal is opened. The zero value will do.
type Options struct {
	// Disk is where the store is; nil is the machine's own.
	Disk *Disk
	// Node is the number of this router among those that number events at the same
	// time, below MaxNodes. It is part of each number.
	Node int
	// Logger takes warnings and errors of the store; nil is silence.
	Logger *zap.Logger
	// Fatal is called when the store can no longer write safely (a failed fsync,
	// a full disk); it must end the process. Nil logs and exits with 1.
	Fatal func(error)
	// Replicas is the log of the cluster that this node leads; nil for a store of its own. It comes with
	// the number of the cluster.
	Replicas Log
	// Follows means that the store is made by Apply alone, of what another node writes.
	Follows bool
	// MaxOpenFiles bounds the files that are open at once; 0 is 1000.
	MaxOpenFiles int
	// leaves opens a store of a cluster alone.
	leaves bool
}

// Journal is an open store: it takes what is to be written, and its parts are what can be
// read, each with the tables that it knows. It is safe for concurrent use.
type Journal struct {
	journal.Parts
	Lanes    *Lanes
	Counters *Counters
	// Seqs numbers events, and Trimmer drops old ones.
	Seqs    *Sequence
	Trimmer *Trimmer

	// id tells this store from all others; copies of it have the same.
	id atomic.Pointer[[]byte]
	// replicas is the log of the cluster that this node leads; follows means that another does. at is
	// how far the store has got in it.
	replicas Log
	follows  bool
	at       atomic.Pointer[journal.Position]

	dir     string
	fs      vfs.FS
	db      *pebble.DB
	lock    *pebble.Lock
	log     *zap.Logger
	health  *files.Health
	copying sync.Mutex // held while a checkpoint is there

	mu       sync.Mutex
	room     *sync.Cond
	requests []*request
	moves    []journal.Move
	// duplicates have been turned away and not been counted on disk yet.
	duplicates uint64
	// repeats are those of them by the event that came first.
	repeats map[journal.Seq]uint64
	spare   [][]journal.Move // landed groups' memory, to be used again
	closed  bool

	wake, lazy, stop chan struct{}
	tokens           chan struct{}
	flights          chan *flight
	landed           chan struct{}
	synced           time.Time   // of the committer alone
	overdue          *time.Timer // rings when written moves must be synced
	fatal            func(error)

	// onFreed is called with each ordering key that may continue after it was stopped.
	onFreed atomic.Pointer[func(journal.LaneID, journal.KeyHash)]
	// onForwarded is called with each delivery of a dead letter that is ready now.
	onForwarded atomic.Pointer[func(journal.Delivery)]
}

// Open opens or creates the store in dir and recovers what a crash left. It
// fails with ErrLocked if another process has it open.
func Open(dir string, opts Options) (*Journal, error) {
	fs := disk.FS(opts.Disk)
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	if opts.Fatal == nil {
		opts.Fatal = func(err error) { opts.Logger.Fatal("the journal can't continue", zap.Error(err)) }
	}
	if err := files.CheckRestore(dir, fs); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	lock, err := files.LockDirectory(dir, fs, opts.Logger)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	j := &Journal{
		dir: dir, fs: fs, lock: lock, log: opts.Logger, fatal: opts.Fatal, replicas: opts.Replicas, follows: opts.Follows,
		wake: make(chan struct{}, 1), lazy: make(chan struct{}, 1), stop: make(chan struct{}),
		tokens: make(chan struct{}, maxFlights), flights: make(chan *flight, maxFlights),
		landed: make(chan struct{}),
		health: files.NewHealth(opts.Logger),
	}
	j.room = sync.NewCond(&j.mu)
	older, err := j.open(fs, opts)
	if err != nil {
		if j.db != nil {
			err = errors.Join(err, j.db.Close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	j.overdue = time.NewTimer(syncMoves)
	j.overdue.Stop()
	go j.commit()
	go j.land()
	if err = j.identify(); err == nil && older && !j.follows {
		err = j.mark()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, err), j.Close())
	}
	return j, nil
}

// open opens the store, and reports whether it is of an older version.
func (j *Journal) open(fs vfs.FS, opts Options) (older bool, err error) {
	defer files.Catch(&err)
	if err := files.CheckRemains(j.dir, fs); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, err)
	}
	if err := files.ReportTail(fs, j.dir, j.log); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, err)
	}
	if err := files.CheckManifest(fs, j.dir); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, files.Damaged(err))
	}
	if err := fs.RemoveAll(fs.PathJoin(j.dir, checkpointDir)); err != nil { // of a process that was killed
		return false, fmt.Errorf("data directory %s: %w", j.dir, err)
	}
	if j.db, err = pebble.Open(j.dir, pebbleOptions(fs, opts, j.lock, j.health.Listener())); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, files.Damaged(err))
	}
	j.makeParts(opts.Node)
	if err = files.CheckBlobs(j.db, fs, j.dir); err == nil {
		older, err = j.Meta.Check()
	}
	if err == nil {
		err = j.place(opts.leaves)
	}
	if err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, files.Damaged(err))
	}
	if err := j.recover(); err != nil {
		return false, fmt.Errorf("data directory %s: recovery: %w", j.dir, files.Damaged(err))
	}
	return older, nil
}

// place finds how far the store has got in the log of its cluster, and refuses to write alone to one
// that is of a cluster.
func (j *Journal) place(leaves bool) error {
	at, ok, err := journal.ReadPosition(j.db)
	switch {
	case err != nil:
		return err
	case ok && j.replicas == nil && !j.follows && !leaves:
		return ErrOfCluster
	case ok:
		j.at.Store(&at)
	}
	return nil
}

// mark marks a store of an older version, or a new one, as one of this.
func (j *Journal) mark() error {
	if _, last, err := j.Events.Ends(); err != nil || last == 0 {
		return errors.Join(err, j.Meta.Mark(0))
	}
	since := j.Seqs.Clock()
	j.Seqs.outlived.Store(uint64(since))
	return j.Meta.Mark(since)
}

// makeParts makes the parts of an open store.
func (j *Journal) makeParts(node int) {
	j.Seqs = &Sequence{node: journal.Seq(node), now: time.Now}
	j.Lanes = &Lanes{commit: j.change, ids: map[string]journal.LaneID{}}
	j.Counters = &Counters{lanes: map[journal.LaneID]journal.Counts{}, held: map[journal.HoldID]uint64{}}
	j.Parts = journal.NewParts(journal.Source{
		DB: j.db, Numbers: j.Seqs, Commit: j.change, Lanes: j.Lanes.All, Suspended: j.Counters.holding,
	})
	j.Trimmer = &Trimmer{db: j.db, events: j.Events, seqs: j.Seqs, lanes: j.Lanes.All, commit: j.change}
}

// recover reads what the parts keep in memory: lanes, counters, and the ends of the event
// log.
func (j *Journal) recover() error {
	if err := j.Lanes.load(j.db); err != nil {
		return fmt.Errorf("lanes: %w", err)
	}
	if err := j.Counters.load(j.db); err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	first, last, err := j.Events.Ends()
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	dropped, err := j.Meta.Horizon()
	if err != nil {
		return err
	}
	first, last = max(first, dropped), max(last, dropped) // events that were put back lie before
	j.Seqs.begin(first, last)
	since, err := j.Meta.ChangesSince()
	j.Seqs.outlived.Store(uint64(max(since, first)))
	return err
}

// Trouble is why the store can't write in the background at the moment; nil if
// it can.
func (j *Journal) Trouble() error {
	return j.health.Trouble()
}

// Metrics returns the store's own figures.
func (j *Journal) Metrics() *Metrics { return &Metrics{j.db.Metrics()} }

// Dir is the data directory.
func (j *Journal) Dir() string { return j.dir }

// Close writes what was accepted, syncs, and closes the store. It is idempotent.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.room.Broadcast()
	j.mu.Unlock()
	close(j.stop)
	<-j.landed
	j.Trimmer.mu.Lock()
	defer j.Trimmer.mu.Unlock()
	err := j.db.LogData(nil, pebble.Sync)
	return errors.Join(err, j.db.Close(), j.lock.Close())
}

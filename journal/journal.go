// Package journal is the durable store: events, planned deliveries, due times
// and dead letters, in Pebble. One committer gathers concurrent writes into
// groups that share an fsync.
package journal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"

	"signalbox/journal/internal/disk"
)

// ErrLocked means that another process has the data directory open.
var ErrLocked = errors.New("the data directory is in use")

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
	// MaxOpenFiles bounds the files that are open at once; 0 is 1000.
	MaxOpenFiles int
}

// Disk is the file system that a store is on.
type Disk = disk.Disk

// InMemory returns a disk that is gone with the process.
func InMemory() *Disk { return disk.New(vfs.NewMem()) }

// Journal is an open store: it takes what is to be written, and its parts are what can be
// read. It is safe for concurrent use.
type Journal struct {
	// The parts, each with the tables that it knows.
	Events     *Events
	Deliveries *Deliveries
	Keys       *OrderingKeys
	Traces     *Traces
	Repeats    *Repeats
	Objects    *Objects
	Works      *Works
	Pauses     *Pauses
	Jobs       *Jobs
	Audit      *Audit
	Lanes      *Lanes
	Counters   *Counters
	Meta       *Meta
	// Seqs numbers events, and Trimmer drops old ones.
	Seqs    *Sequence
	Trimmer *Trimmer

	dir     string
	fs      vfs.FS
	db      *pebble.DB
	lock    *pebble.Lock
	log     *zap.Logger
	health  health
	copying sync.Mutex // held while a checkpoint is there

	mu       sync.Mutex
	room     *sync.Cond
	requests []*request
	moves    []Move
	// duplicates have been turned away and not been counted on disk yet.
	duplicates uint64
	spare      [][]Move // landed groups' memory, to be used again
	closed     bool

	wake, lazy, stop chan struct{}
	tokens           chan struct{}
	flights          chan *flight
	landed           chan struct{}
	synced           time.Time   // of the committer alone
	overdue          *time.Timer // rings when written moves must be synced
	fatal            func(error)

	// onFreed is called with each ordering key that may continue after it was stopped.
	onFreed atomic.Pointer[func(LaneID, KeyHash)]
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
	if err := checkRestore(dir, fs); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	lock, err := lockDirectory(dir, fs, opts.Logger)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	j := &Journal{
		dir: dir, fs: fs, lock: lock, log: opts.Logger, fatal: opts.Fatal,
		wake: make(chan struct{}, 1), lazy: make(chan struct{}, 1), stop: make(chan struct{}),
		tokens: make(chan struct{}, maxFlights), flights: make(chan *flight, maxFlights),
		landed: make(chan struct{}),
		health: health{log: opts.Logger},
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
	if older {
		if err := j.Meta.mark(); err != nil {
			return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir, err), j.Close())
		}
	}
	return j, nil
}

// open opens the store, and reports whether it is of an older version.
func (j *Journal) open(fs vfs.FS, opts Options) (older bool, err error) {
	defer catch(&err)
	if err := checkRemains(j.dir, fs); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, err)
	}
	if err := reportTail(fs, j.dir, j.log); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, err)
	}
	if err := fs.RemoveAll(fs.PathJoin(j.dir, checkpointDir)); err != nil { // of a process that was killed
		return false, fmt.Errorf("data directory %s: %w", j.dir, err)
	}
	if j.db, err = pebble.Open(j.dir, pebbleOptions(fs, opts, j.lock, j.health.listener())); err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, damaged(err))
	}
	j.makeParts(opts.Node)
	if err = checkBlobs(j.db, fs, j.dir); err == nil {
		older, err = j.Meta.check()
	}
	if err != nil {
		return false, fmt.Errorf("data directory %s: %w", j.dir, damaged(err))
	}
	if err := j.recover(); err != nil {
		return false, fmt.Errorf("data directory %s: recovery: %w", j.dir, damaged(err))
	}
	return older, nil
}

// l0Threshold lets flushed files gather before they are merged into the levels below.
// Files of events do not overlap, so that what gathers is little: the ends of the
// deliveries, which mostly undo each other until then.
const l0Threshold = 12

func pebbleOptions(fs vfs.FS, opts Options, lock *pebble.Lock, listener *pebble.EventListener) *pebble.Options {
	o := &pebble.Options{
		FS:                          yieldingFS{fs},
		Lock:                        lock,
		EventListener:               listener,
		CacheSize:                   16 << 20,
		Logger:                      storeLogger{opts.Logger.Sugar(), opts.Fatal},
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       l0Threshold,
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               64 << 20,
		WALBytesPerSync:             0,
		MaxOpenFiles:                opts.MaxOpenFiles,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	o.Experimental.SpanPolicyFunc = apartByTable
	o.Experimental.ValueSeparationPolicy = eventsInFilesOfTheirOwn
	return o
}

// apartByTable ends a file where a table ends. A file of the event log alone
// overlaps no other, so that it can be moved down the levels as it is. The
// events' bytes lie apart from their keys, those of all other tables with them.
func apartByTable(key []byte) (pebble.SpanPolicy, []byte, error) {
	p := pebble.SpanPolicy{ValueStoragePolicy: pebble.ValueStorageLowReadLatency}
	if key[0] == tableEvent {
		p = pebble.SpanPolicy{DisableValueSeparationBySuffix: true}
	}
	return p, []byte{key[0] + 1}, nil
}

// separateFrom is the size from which an event's bytes lie apart, in bytes.
const separateFrom = 256

// eventsInFilesOfTheirOwn lets compactions move the keys of events only: their
// bytes are written once to the log and once to a file, which is deleted when
// retention has dropped the last event in it.
func eventsInFilesOfTheirOwn() pebble.ValueSeparationPolicy {
	return pebble.ValueSeparationPolicy{
		Enabled: true, MinimumSize: separateFrom, MaxBlobReferenceDepth: 10,
		RewriteMinimumAge: time.Hour, TargetGarbageRatio: 0.5,
	}
}

// storeLogger lets through what an operator must know; Pebble calls Fatalf when
// it can't write and must not continue.
type storeLogger struct {
	log   *zap.SugaredLogger
	fatal func(error)
}

func (l storeLogger) Infof(string, ...any)         {}
func (l storeLogger) Errorf(f string, args ...any) { l.log.Error(oneLine(fmt.Sprintf(f, args...))) }
func (l storeLogger) Fatalf(f string, args ...any) {
	l.fatal(errors.New(oneLine(fmt.Sprintf(f, args...))))
}

// makeParts makes the parts of an open store.
func (j *Journal) makeParts(node int) {
	j.Seqs = &Sequence{node: Seq(node), now: time.Now}
	j.Lanes = &Lanes{commit: j.change, ids: map[string]LaneID{}}
	j.Counters = &Counters{lanes: map[LaneID]Counts{}, held: map[HoldID]uint64{}}
	j.Events = &Events{j.db, j.Seqs}
	j.Deliveries = &Deliveries{j.db}
	j.Keys = &OrderingKeys{j.db}
	j.Traces = &Traces{db: j.db, lanes: j.Lanes.All, holding: j.Counters.holding}
	j.Repeats = &Repeats{j.db, j.Seqs, j.change}
	j.Objects = &Objects{j.db}
	j.Works = &Works{j.db, j.Seqs}
	j.Pauses = &Pauses{j.db, j.change}
	j.Jobs = &Jobs{j.db}
	j.Audit = &Audit{j.db, j.change}
	j.Meta = &Meta{j.db, j.change}
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
	first, last, err := j.Events.ends()
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	j.Seqs.begin(first, last)
	return nil
}

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

package state

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"signalbox/event"
	"signalbox/journal"
)

const (
	// snapshotEvery is after how many events of an object a snapshot stays, besides the latest.
	snapshotEvery = 1000
	// keepAtOnce bounds the events that are folded in one go in the background.
	keepAtOnce = 20 * snapshotEvery
	// maxChanged bounds the objects that are remembered as changed. Others are folded when they
	// are asked for.
	maxChanged = 1 << 16
	// maxWrites bounds the snapshots that are written in one go.
	maxWrites = 256
)

// Keeper makes snapshots of folded states in the background, so that no question folds more
// than a few events, and before events are dropped.
type Keeper struct {
	*Reader
	log *zap.Logger
	// faults bounds the warnings of events that can't be folded.
	faults rate.Sometimes
	// OnFault, if not nil, is called with each event that can't be folded. It must be set before
	// Start.
	OnFault func(kind string)

	// changing is held while the snapshots of objects are changed.
	changing sync.Mutex
	mu       sync.Mutex
	changed  map[journal.Object]bool
	// wake holds a token when a rebuild has begun.
	wake chan struct{}
}

// NewKeeper returns a keeper of the states that a reader reads.
func NewKeeper(r *Reader, log *zap.Logger) *Keeper {
	k := &Keeper{Reader: r, log: log, faults: rate.Sometimes{Interval: time.Minute}, changed: map[journal.Object]bool{}, wake: make(chan struct{}, 1)}
	r.journal.Trimmer.BeforeTrim(k.outlive)
	return k
}

// Changed notes that an event has changed an object.
func (k *Keeper) Changed(o *journal.Object) {
	if !k.catalog().Object(o.Type).Folds {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.changed) < maxChanged {
		k.changed[journal.Object{Type: o.Type, Key: o.Key}] = true
	}
}

// Run makes snapshots of what changes, once a second, until stop is closed.
func (k *Keeper) Run(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if err := k.Flush(stop); err != nil {
				k.log.Error("states can't be folded", zap.Error(err))
			}
		}
	}
}

// Flush makes snapshots of what has changed.
func (k *Keeper) Flush(stop <-chan struct{}) error {
	k.mu.Lock()
	changed := k.changed
	k.changed = map[journal.Object]bool{}
	k.mu.Unlock()
	return k.write(func(w *writes) error {
		for o := range changed {
			select {
			case <-stop:
				return nil
			default:
			}
			done, err := w.latest(o)
			if err != nil {
				return err
			}
			if done.more {
				k.Changed(&o)
			}
		}
		return nil
	})
}

// write calls fn with the only one who changes snapshots.
func (k *Keeper) write(fn func(*writes) error) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	w := &writes{keeper: k}
	return errors.Join(fn(w), w.flush())
}

// writes gathers changes of snapshots.
type writes struct {
	keeper *Keeper
	all    []journal.SnapshotWrite
}

func (w *writes) add(change journal.SnapshotWrite) error {
	if w.all = append(w.all, change); len(w.all) < maxWrites {
		return nil
	}
	return w.flush()
}

// flush writes what was gathered, and lets others have their turn.
func (w *writes) flush() error {
	all := w.all
	if w.all = nil; len(all) == 0 {
		return nil
	}
	err := w.keeper.journal.Objects.WriteSnapshots(all)
	w.keeper.changing.Unlock()
	w.keeper.changing.Lock()
	return err
}

// errEnough ends a folding that goes on later.
var errEnough = errors.New("enough for now")

// latest makes a snapshot of the latest state of an object in place of the one before, unless
// that is to stay.
func (w *writes) latest(o journal.Object) (keptNow, error) {
	k := w.keeper
	before := k.journal.Seqs.Stable() // what is older will never get more
	start, err := k.start(o, before)
	if err != nil {
		return keptNow{}, err
	}
	change := journal.SnapshotWrite{Object: o, DropBefore: ^journal.Seq(0)}
	if start != nil {
		bound, err := k.refoldable(o.Type)
		if err != nil {
			return keptNow{}, err
		}
		change.DropFrom = start.record.Seq
		if start.Events%snapshotEvery == 0 || start.record.Seq < bound {
			change.DropFrom++
		}
	}
	return w.keep(start, before, change)
}

// keptNow is what came of a call of keep.
type keptNow struct {
	events, failed int
	// more means that there are more events than are folded in one go.
	more bool
}

// keep folds the events behind a state, and adds the snapshots to a change.
func (w *writes) keep(start *folding, before journal.Seq, change journal.SnapshotWrite) (done keptNow, err error) {
	f, err := w.keeper.foldFrom(start, change.Object, before, nil, func(f *folding) error {
		if f.fault != nil {
			done.failed++
			w.keeper.failed(f)
		}
		if f.Events%snapshotEvery == 0 {
			s, err := f.snapshot()
			if err != nil {
				return err
			}
			change.Keep = append(change.Keep, s)
		}
		if done.events++; done.events == keepAtOnce {
			return errEnough
		}
		return nil
	})
	if done.more = errors.Is(err, errEnough) || errors.Is(err, errTrimmed); err != nil && !done.more {
		return done, err
	}
	if f == nil || done.events == 0 {
		return done, nil
	}
	s, err := f.snapshot()
	if err != nil {
		return done, err
	}
	change.Keep = append(change.Keep, s)
	return done, w.add(change)
}

// failed tells of an event that can't be folded.
func (k *Keeper) failed(f *folding) {
	if k.OnFault != nil {
		k.OnFault(f.Type)
	}
	k.faults.Do(func() {
		trace := zap.Skip()
		if e, err := f.record.Parsed(); err == nil {
			trace = zap.String("trace_id", event.TraceID(e.ID, &e.Meta))
		}
		k.log.Warn("an event can't be folded into the state of its object, which stays as it was",
			zap.String("type", f.Type), zap.String("key", f.Key), zap.String("event_id", f.fault.EventID), trace, zap.String("error", f.fault.Message))
	})
}

// outlive keeps what the events before a number tell, as they are about to be dropped.
func (k *Keeper) outlive(before journal.Seq) error {
	var last journal.Object
	return k.write(func(w *writes) error {
		return k.journal.Objects.AllChanges(k.journal.Seqs.Oldest(), before, func(c journal.Change) error {
			o := journal.Object{Type: c.Type, Key: c.Key}
			if o == last {
				return nil
			}
			last = o
			return w.outlives(o, before)
		})
	})
}

// outlives keeps the state of an object before a number. Earlier ones go that are older than
// all that is kept.
func (w *writes) outlives(o journal.Object, before journal.Seq) error {
	k := w.keeper
	change := journal.SnapshotWrite{Object: o}
	if err := k.journal.Objects.Snapshots(o, k.journal.Seqs.Oldest(), func(s journal.ObjectState) bool {
		change.DropBefore = s.Version
		return false
	}); err != nil {
		return err
	}
	if k.catalog().Object(o.Type).Folds {
		f, err := k.fold(o, before, nil, nil)
		if err != nil || f == nil {
			return err
		}
		s, err := f.snapshot()
		if err != nil {
			return err
		}
		change.Keep = []journal.ObjectState{s}
		return w.add(change)
	}
	s, err := k.toldBefore(o, before)
	if err != nil {
		return err
	}
	if s != nil {
		change.Keep = []journal.ObjectState{*s}
	}
	return w.add(change)
}

// toldBefore returns what the last event before a number told, if that is not the latest state of
// the object, which stays as long as it is.
func (k *Keeper) toldBefore(o journal.Object, before journal.Seq) (*journal.ObjectState, error) {
	is, err := k.journal.Objects.State(o.Type, o.Key)
	if err != nil || is.Version < before {
		return nil, err
	}
	var was *journal.ObjectState
	err = k.journal.Objects.LatestChanges(o, 0, before, func(c journal.Change) (bool, error) {
		rec, err := k.journal.Events.Event(c.Seq)
		if err == nil {
			was = &journal.ObjectState{Object: c.Object, Version: c.Seq, Record: rec}
		} else if errors.Is(err, journal.ErrNotFound) {
			err = nil
		}
		return false, err
	})
	return was, err
}

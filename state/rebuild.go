package state

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/journal/store"
)

// RebuildState is where a rebuild is.
type RebuildState string

// The states of a rebuild.
const (
	RebuildRunning  RebuildState = "running"
	RebuildFinished RebuildState = "finished"
	RebuildFailed   RebuildState = "failed"
)

// Rebuild makes all states of a type anew, of the events that are kept. It goes on after a restart.
type Rebuild struct {
	Type      string       `json:"type"`
	State     RebuildState `json:"state"`
	StartedAt time.Time    `json:"started_at"`
	EndedAt   time.Time    `json:"ended_at,omitzero"`
	// Events counts the events that were looked at, back from Since on; Indexed those of them that
	// changed an object of the type.
	Events  int       `json:"events"`
	Indexed int       `json:"indexed"`
	Since   time.Time `json:"since"`
	// LookedTo is how far the events were looked at, Until up to where.
	LookedTo time.Time `json:"looked_to,omitzero"`
	Until    time.Time `json:"until"`
	// Objects counts the objects whose state was made anew; Failed the events that could not be folded.
	Objects int    `json:"objects"`
	Failed  int    `json:"failed"`
	Error   string `json:"error,omitempty"`
}

// The steps of a rebuild: each ends with a durable write.
const (
	eventsAtOnce  = 5000
	objectsAtOnce = 100
)

// Untold is the error of a rebuild of a type that nothing tells of.
type Untold struct{ Type string }

func (e *Untold) Error() string {
	return fmt.Sprintf("no message tells of objects of the type %q", e.Type)
}

// Rebuild begins to make all states of a type anew, and returns its progress. Where that is under
// way already, it goes on. The error is *Untold for a type that nothing tells of.
func (k *Keeper) Rebuild(kind string) (*Rebuild, error) {
	o, declared := k.catalog().ObjectTypes()[kind]
	known, err := k.KnowsType(kind)
	switch {
	case err != nil:
		return nil, err
	case !declared && !known:
		return nil, &Untold{kind}
	}
	rec, err := k.update(kind, nil, func(rec *typeRecord) error {
		if rec.running() {
			return nil
		}
		if rec.Tells == "" {
			rec.Tells, rec.Fold = o.Tells, o.Fingerprint
		}
		from, until := k.journal.Seqs.Oldest(), k.journal.Seqs.Stable()
		rec.Cursor = cursor{From: from, Seq: from, Until: until, Tells: o.Tells}
		rec.Rebuild = &Rebuild{Type: kind, State: RebuildRunning, StartedAt: time.Now().UTC(), Since: from.Time(), Until: until.Time()}
		return nil
	})
	if err != nil {
		return nil, err
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return rec.Rebuild, nil
}

// Progress returns the latest rebuild of a type. The error is journal.ErrNotFound where there was none.
func (k *Keeper) Progress(kind string) (*Rebuild, error) {
	rec, err := k.record(kind)
	if err == nil && (rec == nil || rec.Rebuild == nil) {
		err = fmt.Errorf("rebuild of %s: %w", kind, journal.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return rec.Rebuild, nil
}

func (rec *typeRecord) running() bool {
	return rec.Rebuild != nil && rec.Rebuild.State == RebuildRunning
}

// RunRebuilds works on rebuilds until stop is closed, first on those that a restart broke off.
func (k *Keeper) RunRebuilds(stop <-chan struct{}) {
	for {
		kinds, err := k.running()
		if err != nil {
			k.log.Error("rebuilds of states can't be read", zap.Error(err))
		}
		for _, kind := range kinds {
			k.rebuild(kind, stop)
		}
		select {
		case <-stop:
			return
		case <-k.wake:
		}
	}
}

// running returns the types that are being rebuilt.
func (k *Keeper) running() (kinds []string, err error) {
	err = k.journal.Meta.AllFolds(func(kind string, _ []byte) error {
		if rec, err := k.record(kind); err == nil && rec.running() {
			kinds = append(kinds, kind)
		}
		return nil
	})
	return kinds, err
}

// rebuild makes one step after another until the rebuild of a type has ended.
func (k *Keeper) rebuild(kind string, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		rec, err := k.record(kind)
		if err == nil && !rec.running() {
			return
		}
		if err == nil && !rec.Cursor.Objects {
			err = k.index(kind, rec.Cursor)
		} else if err == nil {
			err = k.refold(kind, rec.Cursor.Key)
		}
		if err != nil {
			k.log.Error("states can't be made anew", zap.String("type", kind), zap.Error(err))
			k.end(kind, RebuildFailed, err)
			return
		}
	}
}

// index looks through the next events for those that changed an object of a type.
func (k *Keeper) index(kind string, at cursor) error {
	declared, looked, last := k.catalog(), 0, at.Until
	var found []store.Found
	err := k.journal.Events.Between(at.Seq, at.Until, func(rec journal.Record) bool {
		if looked == eventsAtOnce {
			last = rec.Seq
			return false
		}
		looked++
		e, err := rec.Parsed()
		if err != nil {
			return true // verify tells of it
		}
		if o, err := Told(declared, e); err == nil && o != nil && o.Type == kind {
			found = append(found, store.Found{Object: *o, Record: rec})
		}
		return true
	})
	if err != nil {
		return err
	}
	_, err = k.update(kind, found, func(rec *typeRecord) error {
		r := rec.Rebuild
		r.Events, r.Indexed, r.LookedTo = r.Events+looked, r.Indexed+len(found), last.Time()
		rec.Cursor.Seq, rec.Cursor.Objects = last, last == at.Until
		return nil
	})
	return err
}

// refold makes the states of the next objects anew.
func (k *Keeper) refold(kind, after string) error {
	var objects []journal.Object
	if err := k.journal.Objects.States(kind, "", after, func(s journal.ObjectState) bool {
		objects = append(objects, journal.Object{Type: s.Type, Key: s.Key})
		return len(objects) < objectsAtOnce
	}); err != nil {
		return err
	}
	failed := 0
	if k.catalog().Object(kind).Folds {
		if err := k.write(func(w *writes) error {
			for _, o := range objects {
				n, err := w.anew(o)
				if failed += n; err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	_, err := k.update(kind, nil, func(rec *typeRecord) error {
		rec.Rebuild.Objects, rec.Rebuild.Failed = rec.Rebuild.Objects+len(objects), rec.Rebuild.Failed+failed
		if len(objects) > 0 {
			rec.Cursor.Key = objects[len(objects)-1].Key
		}
		return nil
	})
	if err == nil && len(objects) < objectsAtOnce {
		k.end(kind, RebuildFinished, nil)
	}
	return err
}

// anew makes the state of an object anew of the last one before what is kept. It returns how many
// events failed.
func (w *writes) anew(o journal.Object) (failed int, err error) {
	seqs := w.keeper.journal.Seqs
	start, err := w.keeper.snapshot(o, seqs.Oldest(), func(*folding) bool { return true })
	if err != nil {
		return 0, err
	}
	change := journal.SnapshotWrite{Object: o, DropBefore: ^journal.Seq(0)}
	if start != nil {
		change.DropFrom = start.record.Seq + 1
	}
	done, err := w.keep(start, seqs.Stable(), change)
	for failed = done.failed; err == nil && done.more; failed += done.failed {
		if err = w.flush(); err == nil {
			done, err = w.latest(o)
		}
	}
	return failed, err
}

// end ends the rebuild of a type.
func (k *Keeper) end(kind string, how RebuildState, why error) {
	_, err := k.update(kind, nil, func(rec *typeRecord) error {
		rec.Rebuild.State, rec.Rebuild.EndedAt = how, time.Now().UTC()
		if why != nil {
			rec.Rebuild.Error = why.Error()
			return nil
		}
		if rec.Cursor.Tells == rec.Tells {
			rec.Since = rec.Cursor.From
		}
		rec.Fold = k.catalog().Object(kind).Fingerprint
		return nil
	})
	if err != nil {
		k.log.Error("the end of a rebuild can't be written", zap.String("type", kind), zap.Error(err))
	}
}

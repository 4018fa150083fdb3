package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"signalbox/journal"
	"signalbox/journal/store"
)

// The bounds of each kind: how many jobs are at work at once, and how many that have ended are
// remembered.
const (
	MaxRunning = 16
	MaxEnded   = 100
)

// Job is a job of a Table, which shows it as a V. Its methods are called with the table's lock
// held, which guards all of it.
type Job[V any] interface {
	comparable
	JobID() string
	Standing() *Status
	// View returns the job as it stands, with memory of its own.
	View() V
	// Marshal returns the job as it is to be written.
	Marshal() []byte
	// Outcome returns how the job ends, with nothing left to do.
	Outcome() (State, string)
}

// Kind is what a table knows of its kind of job.
type Kind[J Job[V], V any] struct {
	Of   journal.JobKind
	Noun string
	// Begin starts the goroutines of a job, with Go. They end with the context, or call End.
	// It is called with the lock held, as Admit and Keep are.
	Begin func(ctx context.Context, j J)
	// Admit is told of a job that is taken in, before it is written. It may be nil.
	Admit func(J)
	// Keep reports whether a job is remembered for ever. It may be nil.
	Keep func(J) bool
	// Fields are what the log says of a job that has ended.
	Fields func(V) []zap.Field
}

// Table has the jobs of a kind. It is safe for concurrent use.
type Table[J Job[V], V any] struct {
	kind    Kind[J, V]
	journal *store.Journal
	log     *zap.Logger

	sync.Mutex // guards the jobs as well
	jobs       map[string]J
	// ctx ends with Stop; nil before Start.
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// New returns a table without jobs.
func New[J Job[V], V any](j *store.Journal, log *zap.Logger, k Kind[J, V]) *Table[J, V] {
	return &Table[J, V]{kind: k, journal: j, log: log, jobs: map[string]J{}}
}

// Load reads the jobs of an earlier run, with the lock held. Those that can't be read are named
// in the error, and left out.
func (t *Table[J, V]) Load(read func(id string, state []byte) (J, error)) error {
	t.Lock()
	defer t.Unlock()
	var faults []error
	err := t.journal.Jobs.All(t.kind.Of, func(id string, state []byte) error {
		j, err := read(id, state)
		if err != nil {
			faults = append(faults, err)
			return nil
		}
		t.jobs[id] = j
		return nil
	})
	return errors.Join(append(faults, err)...)
}

// Start continues the jobs that had not ended.
func (t *Table[J, V]) Start() {
	t.Lock()
	defer t.Unlock()
	t.ctx, t.stop = context.WithCancel(context.Background())
	for _, j := range t.jobs {
		if !j.Standing().State.Ended() {
			t.kind.Begin(t.ctx, j)
		}
	}
}

// Stop ends the work; Start of the next run continues it. It is idempotent.
func (t *Table[J, V]) Stop() {
	t.Lock()
	if t.stop != nil {
		t.stop()
	}
	t.Unlock()
	t.workers.Wait()
}

// Go runs fn in a goroutine that Stop waits for.
func (t *Table[J, V]) Go(fn func()) { t.workers.Go(fn) }

// Locked runs fn with the lock held.
func (t *Table[J, V]) Locked(fn func()) {
	t.Lock()
	defer t.Unlock()
	fn()
}

// Launch writes a job down and begins it, in place of what it was before, which is the zero J
// for a new one.
func (t *Table[J, V]) Launch(j, old J) (v V, err error) {
	if err := t.admit(j, old); err != nil {
		return v, err
	}
	err = t.Write(j, nil)
	t.Lock()
	defer t.Unlock()
	if err != nil {
		delete(t.jobs, j.JobID())
		if none := *new(J); old != none {
			t.jobs[j.JobID()] = old
		}
		return v, fmt.Errorf("%s %s: %w", t.kind.Noun, j.JobID(), err)
	}
	t.kind.Begin(t.ctx, j)
	return j.View(), nil
}

func (t *Table[J, V]) admit(j, old J) error {
	t.Lock()
	defer t.Unlock()
	id, none := j.JobID(), *new(J)
	known := t.jobs[id]
	switch running := t.running(); {
	case t.stopped():
		return ErrStopped
	case known != old && old == none:
		return conflict("a %s %q is there already, and is %s: give another name", t.kind.Noun, id, known.Standing().State)
	case known != old:
		return conflict("%s %s was changed by somebody else meanwhile", t.kind.Noun, id)
	case running >= MaxRunning:
		return conflict("%d %ss are running, which is as many as there may be: wait for one, or cancel it", running, t.kind.Noun)
	}
	t.add(j)
	return nil
}

// add takes a job in.
func (t *Table[J, V]) add(j J) {
	if t.kind.Admit != nil {
		t.kind.Admit(j)
	}
	t.jobs[j.JobID()] = j
}

// Add takes a job in however many there are, and writes it down. It begins at once, or with Start.
func (t *Table[J, V]) Add(j J) error {
	t.Locked(func() { t.add(j) })
	if err := t.Write(j, nil); err != nil {
		return err
	}
	t.Lock()
	defer t.Unlock()
	if !t.stopped() {
		t.kind.Begin(t.ctx, j)
	}
	return nil
}

func (t *Table[J, V]) stopped() bool { return t.ctx == nil || t.ctx.Err() != nil }

// Write makes a job durable as a change leaves it.
func (t *Table[J, V]) Write(j J, change func()) error {
	return t.journal.MoveJob(nil, t.Record(j), t.State(j, change))
}

// Record returns the name of a job's record on disk.
func (t *Table[J, V]) Record(j J) string { return t.kind.Of.ID(j.JobID()) }

// State returns the job for its record on disk, once a change is made, which may be nil: what
// the journal asks for as it writes.
func (t *Table[J, V]) State(j J, change func()) func() []byte {
	return func() []byte {
		t.Lock()
		defer t.Unlock()
		if change != nil {
			change()
		}
		return j.Marshal()
	}
}

// Jobs returns the jobs that are known, the latest first.
func (t *Table[J, V]) Jobs() []V {
	t.Lock()
	defer t.Unlock()
	sorted := t.All()
	slices.SortStableFunc(sorted, func(a, b J) int {
		return cmp.Or(b.Standing().StartedAt.Compare(a.Standing().StartedAt), strings.Compare(b.JobID(), a.JobID()))
	})
	all := make([]V, 0, len(sorted))
	for _, j := range sorted {
		all = append(all, j.View())
	}
	return all
}

// All returns the jobs in the order of their ids. It is called with the lock held.
func (t *Table[J, V]) All() []J {
	all := make([]J, 0, len(t.jobs))
	for _, id := range slices.Sorted(maps.Keys(t.jobs)) {
		all = append(all, t.jobs[id])
	}
	return all
}

// Running returns how many jobs are at work, or paused.
func (t *Table[J, V]) Running() int {
	t.Lock()
	defer t.Unlock()
	return t.running()
}

func (t *Table[J, V]) running() (n int) {
	for _, j := range t.jobs {
		if !j.Standing().State.Ended() {
			n++
		}
	}
	return n
}

// Job returns a job by its id, or journal.ErrNotFound.
func (t *Table[J, V]) Job(id string) (v V, err error) {
	t.Lock()
	defer t.Unlock()
	j, err := t.Find(id)
	if err != nil {
		return v, err
	}
	return j.View(), nil
}

// Find returns a job by its id, or journal.ErrNotFound. It is called with the lock held.
func (t *Table[J, V]) Find(id string) (j J, err error) {
	if j, ok := t.jobs[id]; ok {
		return j, nil
	}
	return j, fmt.Errorf("%s %q: %w", t.kind.Noun, id, journal.ErrNotFound)
}

// In returns a job that is in one of some states, or a *Conflict that says what can be done
// only in those. It is called with the lock held.
func (t *Table[J, V]) In(id, done string, states ...State) (J, error) {
	j, err := t.Find(id)
	if err == nil && !slices.Contains(states, j.Standing().State) {
		words := make([]string, len(states))
		for i, s := range states {
			words[i] = string(s)
		}
		err = conflict("%s %s is %s: only one that is %s can be %s", t.kind.Noun, id, j.Standing().State, strings.Join(words, " or "), done)
	}
	if err == nil && t.stopped() {
		err = ErrStopped
	}
	return j, err
}

// Alter changes a job that is in one of some states, and returns once that is on disk.
func (t *Table[J, V]) Alter(id, done string, states []State, change func(J)) (v V, err error) {
	t.Lock()
	j, err := t.In(id, done, states...)
	if err == nil {
		change(j)
		v = j.View()
	}
	t.Unlock()
	if err != nil {
		return v, err
	}
	return v, t.Write(j, nil)
}

// End writes a job down as ended, which has nothing left to do.
func (t *Table[J, V]) End(j J) {
	var last V
	var end Status
	err := t.Write(j, func() {
		s := j.Standing()
		s.State, s.Reason = j.Outcome()
		s.EndedAt = t.journal.Seqs.Clock().Time()
		last, end = j.View(), *s
	})
	if err != nil {
		return // the journal has ended, and with it the run
	}
	level := zap.InfoLevel
	if end.State == Stopped {
		level = zap.WarnLevel
	}
	t.log.Log(level, t.kind.Noun+" ended", append(t.kind.Fields(last), zap.String("state", string(end.State)), zap.String("reason", end.Reason))...)
	t.forget()
}

// forget forgets the jobs that ended before the latest MaxEnded.
func (t *Table[J, V]) forget() {
	var ended []J
	t.Locked(func() {
		for _, j := range t.jobs {
			if j.Standing().State.Ended() && (t.kind.Keep == nil || !t.kind.Keep(j)) {
				ended = append(ended, j)
			}
		}
		slices.SortFunc(ended, func(a, b J) int { return a.Standing().EndedAt.Compare(b.Standing().EndedAt) })
		ended = ended[:max(0, len(ended)-MaxEnded)]
		for _, j := range ended {
			delete(t.jobs, j.JobID())
		}
	})
	for _, j := range ended {
		if t.journal.MoveJob(nil, t.Record(j), func() []byte { return nil }) != nil {
			return // the journal has ended; the next run forgets them
		}
	}
}

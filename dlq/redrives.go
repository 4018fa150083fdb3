package dlq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/journal"
)

// The bounds of redrives: how many run at once, and how many that have ended are
// remembered.
const (
	maxRunning = 16
	maxEnded   = 100
)

// Redrives sends dead letters again.
type Redrives struct {
	letters
	planner

	mu   sync.Mutex
	jobs map[string]*job
	// ctx ends when the queue stops; nil before Start.
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// Conflict is the error of a redrive that can't be changed in the state that it is in.
type Conflict struct{ Reason string }

// Error returns the reason.
func (c *Conflict) Error() string { return c.Reason }

// ErrStopped is the error of a redrive while the queue has not been started, or has been stopped.
var ErrStopped = errors.New("the dead-letter queue is stopping")

// Start reads the redrives of an earlier run and continues those that had not
// ended. It must be called before the router's lanes begin. Those whose record
// can't be read are named in the error; what they had under way is put back.
func (q *Redrives) Start() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ctx, q.stop = context.WithCancel(context.Background())
	var faults []error
	err := q.journal.Jobs.All(journal.JobRedrive, func(id string, state []byte) error {
		j, parts, err := unmarshalJob(id, state)
		if err == nil && j.State == Running {
			err = q.recover(j, parts)
		}
		if err != nil {
			faults = append(faults, err)
			return nil
		}
		q.jobs[id] = j
		return nil
	})
	for _, j := range q.jobs {
		if j.State == Running {
			q.begin(j)
		}
	}
	return errors.Join(append(faults, err)...)
}

// Stop ends the work on redrives; Start of the next run continues them. It is
// idempotent.
func (q *Redrives) Stop() {
	q.mu.Lock()
	if q.stop != nil {
		q.stop()
	}
	q.mu.Unlock()
	q.workers.Wait()
}

// Redrive begins to send letters again, and returns once that is on disk. What
// comes to the queue from now on is left alone.
func (q *Redrives) Redrive(ctx context.Context, o Redrive) (Job, error) {
	if err := o.check(q.opts.Lanes); err != nil {
		return Job{}, err
	}
	now := time.Now().UTC()
	j := &job{Job: Job{ID: newID(now), Redrive: o, State: Running, StartedAt: now}, parts: map[string]*part{}}
	var err error
	if j.matcher, err = o.Filter.compile(); err != nil {
		return Job{}, err
	}
	if err := q.count(ctx, j); err != nil {
		return Job{}, err
	}
	return q.launch(j, nil)
}

// count finds how many letters a job means, and to which targets they go.
func (q *Redrives) count(ctx context.Context, j *job) error {
	n := j.view().Total // of what an earlier run has sent
	return q.walk(ctx, j, journal.Cursor{}, func(l *Letter) error {
		if j.Limit > 0 && n >= j.Limit {
			return errStop
		}
		n++
		j.part(j.target(l)).Total++
		return nil
	})
}

// launch writes a job down and begins it, in place of what it was before.
func (q *Redrives) launch(j, old *job) (Job, error) {
	if err := q.admit(j, old); err != nil {
		return Job{}, err
	}
	err := q.journal.MoveJob(nil, j.ID, q.state(j, nil))
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		delete(q.jobs, j.ID)
		if old != nil {
			q.jobs[j.ID] = old
		}
		return Job{}, fmt.Errorf("redrive %s: %w", j.ID, err)
	}
	q.begin(j)
	return j.view(), nil
}

// admit takes a job among those of the queue, if there is room.
func (q *Redrives) admit(j, old *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ctx == nil || q.ctx.Err() != nil {
		return ErrStopped
	}
	if q.jobs[j.ID] != old {
		return &Conflict{fmt.Sprintf("redrive %s was resumed by somebody else", j.ID)}
	}
	if running := q.running(); running >= maxRunning {
		return &Conflict{fmt.Sprintf("%d redrives are running, which is as many as there may be: wait for one, or cancel it", running)}
	}
	q.jobs[j.ID] = j
	return nil
}

// state returns the job for its record on disk, after moves that the journal has
// made or not: what it has not made is not on its way.
func (q *Redrives) state(j *job, settle func()) func() []byte {
	return func() []byte {
		q.mu.Lock()
		defer q.mu.Unlock()
		if settle != nil {
			settle()
		}
		return j.marshal()
	}
}

func (q *Redrives) locked(fn func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	fn()
}

// begin starts the parts of a job. It is called with the lock held.
func (q *Redrives) begin(j *job) {
	ctx, cancel := context.WithCancel(q.ctx)
	j.cancel = cancel
	for _, p := range j.parts {
		if p.State == Running {
			j.running++
			q.workers.Go(func() { (&sender{q, p}).run(ctx) })
		}
	}
	if j.running == 0 {
		j.running++
		q.workers.Go(func() { q.partEnded(ctx, j) })
	}
}

// Jobs returns the redrives that are known, the latest first.
func (q *Redrives) Jobs() []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]Job, 0, len(q.jobs))
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(q.jobs))) {
		all = append(all, q.jobs[id].view())
	}
	return all
}

// Running returns how many redrives are at work.
func (q *Redrives) Running() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running()
}

func (q *Redrives) running() (n int) {
	for _, j := range q.jobs {
		if j.State == Running {
			n++
		}
	}
	return n
}

// Job returns a redrive by its id, or journal.ErrNotFound.
func (q *Redrives) Job(id string) (Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, err := q.job(id)
	if err != nil {
		return Job{}, err
	}
	return j.view(), nil
}

func (q *Redrives) job(id string) (*job, error) {
	if j := q.jobs[id]; j != nil {
		return j, nil
	}
	return nil, fmt.Errorf("redrive %q: %w", id, journal.ErrNotFound)
}

// Cancel stops a redrive: what has not reached its target is put back. It is
// Cancelled once that is done, which an attempt under way can put off.
func (q *Redrives) Cancel(id string) (Job, error) {
	q.mu.Lock()
	j, err := q.job(id)
	if err == nil && j.State != Running {
		err = &Conflict{fmt.Sprintf("redrive %s is %s: there is nothing to cancel", id, j.State)}
	}
	if err != nil {
		q.mu.Unlock()
		return Job{}, err
	}
	for _, p := range j.parts {
		p.end(Cancelled, "")
	}
	v := j.view()
	q.mu.Unlock()
	// On disk, so that the next run does not continue it.
	return v, q.journal.MoveJob(nil, id, q.state(j, nil))
}

// Resume continues a redrive that stopped or was cancelled: with the letters
// that it left, and with those that died again by it.
func (q *Redrives) Resume(ctx context.Context, id string) (Job, error) {
	q.mu.Lock()
	old, err := q.job(id)
	if err == nil && old.State != Stopped && old.State != Cancelled {
		err = &Conflict{fmt.Sprintf("redrive %s is %s: only one that stopped or was cancelled can be resumed", id, old.State)}
	}
	if err != nil {
		q.mu.Unlock()
		return Job{}, err
	}
	j := &job{Job: old.view(), matcher: old.matcher, parts: map[string]*part{}}
	q.mu.Unlock()
	j.State, j.Reason, j.EndedAt, j.ResumedAt = Running, "", time.Time{}, time.Now().UTC()
	j.Skips, j.SkippedLetters = nil, nil
	for _, v := range j.Targets { // what has been sent stays sent
		j.part(v.Target).Tally = Tally{Total: v.Delivered + v.Dropped, Delivered: v.Delivered, Dropped: v.Dropped}
	}
	if err := q.count(ctx, j); err != nil {
		return Job{}, err
	}
	return q.launch(j, old)
}

// partEnded writes the job down as ended once all of its parts have.
func (q *Redrives) partEnded(ctx context.Context, j *job) {
	q.mu.Lock()
	j.running--
	over := j.running == 0
	q.mu.Unlock()
	if !over || ctx.Err() != nil {
		return
	}
	var last Job
	err := q.journal.MoveJob(nil, j.ID, q.state(j, func() {
		j.State, j.Reason, j.EndedAt = j.outcome(), j.reason(), time.Now().UTC()
		last = j.view()
	}))
	if err != nil {
		return // the journal has ended, and with it the run
	}
	j.cancel()
	q.log(last)
	q.forgetOld()
}

// log logs how a redrive ended.
func (q *Redrives) log(j Job) {
	level := zap.InfoLevel
	if j.State == Stopped {
		level = zap.WarnLevel
	}
	q.opts.Log.Log(level, "redrive ended", zap.String("id", j.ID), zap.String("state", string(j.State)), zap.String("reason", j.Reason),
		zap.Int("delivered", j.Delivered), zap.Int("died_again", j.DiedAgain), zap.Int("skipped", j.Skipped), zap.Int("left", j.Left))
}

// forgetOld forgets the redrives that ended before the latest maxEnded.
func (q *Redrives) forgetOld() {
	q.mu.Lock()
	var old []string
	for _, id := range slices.Sorted(maps.Keys(q.jobs)) {
		if q.jobs[id].State != Running {
			old = append(old, id)
		}
	}
	old = old[:max(0, len(old)-maxEnded)]
	for _, id := range old {
		delete(q.jobs, id)
	}
	q.mu.Unlock()
	for _, id := range old {
		if q.journal.MoveJob(nil, id, func() []byte { return nil }) != nil {
			return // the journal has ended; the next run forgets them
		}
	}
}

package dlq

import (
	"context"
	"time"

	"go.uber.org/zap"

	"signalbox/jobs"
	"signalbox/journal"
)

// Redrives sends dead letters again.
type Redrives struct {
	letters
	planner
	*jobs.Table[*job, Job]
}

func newRedrives(o Options) *Redrives {
	q := &Redrives{letters: letters{o.Journal, o.Lanes.TargetName}, planner: planner{o}}
	q.Table = jobs.New(o.Journal, o.Log, jobs.Kind[*job, Job]{Of: journal.JobRedrive, Noun: "redrive", Begin: q.begin, Fields: fields})
	return q
}

// fields are what the log says of a redrive that has ended.
func fields(j Job) []zap.Field {
	return []zap.Field{zap.String("redrive_id", j.ID), zap.Int("delivered", j.Delivered), zap.Int("died_again", j.DiedAgain), zap.Int("skipped", j.Skipped), zap.Int("left", j.Left)}
}

// Start reads the redrives of an earlier run and continues those that had not
// ended. It must be called before the router's lanes begin. Those whose record
// can't be read are named in the error; what they had under way is put back.
func (q *Redrives) Start() error {
	err := q.Load(func(id string, state []byte) (*job, error) {
		j, parts, err := unmarshalJob(id, state)
		if err == nil && j.State == jobs.Running {
			err = q.recover(j, parts)
		}
		return j, err
	})
	q.Table.Start()
	return err
}

// Redrive begins to send letters again, and returns once that is on disk. What
// comes to the queue from now on is left alone.
func (q *Redrives) Redrive(ctx context.Context, o Redrive) (Job, error) {
	if err := o.check(q.opts.Lanes); err != nil {
		return Job{}, err
	}
	now := time.Now().UTC()
	j := &job{Job: Job{ID: jobs.NewID(now), Redrive: o, Status: jobs.Status{State: jobs.Running, StartedAt: now}}, parts: map[string]*part{}}
	var err error
	if j.matcher, err = o.Filter.compile(); err != nil {
		return Job{}, err
	}
	if err := q.count(ctx, j); err != nil {
		return Job{}, err
	}
	return q.Launch(j, nil)
}

// count finds how many letters a job means, and to which targets they go.
func (q *Redrives) count(ctx context.Context, j *job) error {
	n := j.View().Total // of what an earlier run has sent
	began := j.began()
	j.counting = true
	defer func() { j.counting = false }()
	return q.walk(ctx, j, journal.Cursor{}, func(l *Letter) error {
		if j.Limit > 0 && n >= j.Limit {
			return errStop
		}
		n++
		if l.DiedAt.After(*began) {
			*began = l.DiedAt
		}
		j.part(j.target(l)).Total++
		return nil
	})
}

// begin starts the parts of a job.
func (q *Redrives) begin(ctx context.Context, j *job) {
	for _, p := range j.parts {
		if p.State == jobs.Running {
			j.running++
			q.Go(func() { (&sender{q, p}).run(ctx) })
		}
	}
	if j.running == 0 {
		j.running++
		q.Go(func() { q.partEnded(ctx, j) })
	}
}

// Cancel stops a redrive: what has not reached its target is put back. It is
// Cancelled once that is done, which an attempt under way can put off.
func (q *Redrives) Cancel(id string) (Job, error) {
	return q.Alter(id, "cancelled", []jobs.State{jobs.Running}, func(j *job) {
		for _, p := range j.parts {
			p.end(jobs.Cancelled, "")
		}
	})
}

// Resume continues a redrive that stopped or was cancelled: with the letters
// that it left, and with those that died again by it.
func (q *Redrives) Resume(ctx context.Context, id string) (Job, error) {
	var old, j *job
	var err error
	q.Locked(func() {
		if old, err = q.In(id, "resumed", jobs.Stopped, jobs.Cancelled); err == nil {
			j = &job{Job: old.View(), matcher: old.matcher, parts: map[string]*part{}}
		}
	})
	if err != nil {
		return Job{}, err
	}
	j.State, j.Reason, j.EndedAt, j.ResumedAt = jobs.Running, "", time.Time{}, time.Now().UTC()
	j.Skips, j.SkippedLetters = nil, nil
	for _, v := range j.Targets { // what has been sent stays sent
		j.part(v.Target).Tally = Tally{Total: v.Delivered + v.Dropped, Delivered: v.Delivered, Dropped: v.Dropped}
	}
	if err := q.count(ctx, j); err != nil {
		return Job{}, err
	}
	return q.Launch(j, old)
}

// partEnded ends the job once all of its parts have.
func (q *Redrives) partEnded(ctx context.Context, j *job) {
	over := false
	q.Locked(func() {
		j.running--
		over = j.running == 0
	})
	if over && ctx.Err() == nil {
		q.End(j)
	}
}

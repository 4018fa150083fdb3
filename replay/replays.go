package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/targets"
)

// Replays are all replays. They are safe for concurrent use.
type Replays struct {
	*jobs.Table[*job, Job]
	opts Options
	// lastSlot is that of the latest replay.
	lastSlot uint16
}

// New returns the replays that the journal knows. They continue with Start.
func New(o Options) *Replays {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	r := &Replays{opts: o}
	r.Table = jobs.New(o.Journal, o.Log, jobs.Kind[*job, Job]{
		Of: journal.JobReplay, Noun: "replay", Admit: r.takeSlot, Fields: fields,
		Begin: func(ctx context.Context, j *job) { r.Go(func() { (&runner{Replays: r, j: j}).run(ctx) }) },
		Keep:  func(j *job) bool { return len(j.Starts) > 0 }, // those happen once
	})
	return r
}

// fields are what the log says of a replay that has ended.
func fields(j Job) []zap.Field {
	return []zap.Field{zap.String("name", j.Name), zap.Uint64("planned", j.Planned), zap.Uint64("delivered", j.Delivered), zap.Uint64("dead", j.Dead), zap.Uint64("dropped", j.Dropped)}
}

// Load reads the replays of an earlier run, and opens the lanes of those that had not ended.
// It is called before the router's rules serve. Those whose record can't be read are named in
// the error; what they had planned is delivered all the same.
func (r *Replays) Load() error {
	faults := []error{r.Table.Load(r.read)}
	r.Locked(func() {
		for _, j := range r.All() {
			if !j.State.Ended() {
				faults = append(faults, r.openAll(j))
			}
		}
	})
	return errors.Join(faults...)
}

// read returns a replay of its record.
func (r *Replays) read(name string, state []byte) (*job, error) {
	j, err := unmarshalJob(name, state)
	if err != nil {
		return nil, err
	}
	return j, r.ready(j)
}

// ready makes what a replay that runs needs.
func (r *Replays) ready(j *job) (err error) {
	j.counts, j.yield = r.opts.Journal.Counters.LaneCounts, r.opts.Yield
	if j.chooser, err = j.compile(&r.opts); err == nil {
		j.chooser.starts = j.Starts
	}
	return err
}

// openAll opens the lanes of the parts that have not ended.
func (r *Replays) openAll(j *job) error {
	for _, p := range j.parts {
		if p.State != jobs.Running {
			continue
		}
		lane, err := r.open(j, p, j.State == jobs.Paused)
		if err != nil {
			return err
		}
		if p.lane = lane; p.Ending == jobs.Cancelled {
			lane.Discard()
		}
	}
	return nil
}

// open opens the lane of a part.
func (r *Replays) open(j *job, p *part, paused bool) (*delivery.Lane, error) {
	lane, err := r.opts.Lanes.OpenReplay(p.Target, j.Name, rateOf(j.Rate))
	if err != nil {
		return nil, fmt.Errorf("replay %s: target %q: %w", j.Name, p.Target, err)
	}
	lane.Stay(paused)
	return lane, nil
}

// rateOf returns a rate in deliveries a second, which may be a part of one.
func rateOf(perSecond float64) targets.Rate {
	if perSecond <= 0 {
		return targets.Rate{}
	}
	const whole = 1000
	return targets.Rate{N: max(1, int(perSecond*whole)), Per: whole * time.Second}
}

// span checks a request, and returns the events that it means.
func (r *Replays) span(req *Request, in Planner) (span, error) {
	j := r.opts.Journal
	oldest, err := r.oldest(journal.SeqAt(req.Since))
	if err != nil {
		return span{}, err
	}
	return req.check(j.Seqs, oldest, in.Set(), j.Traces.Kept())
}

// manifestsWithin bounds how long the manifests of archives are read for the beginning of a
// replay.
const manifestsWithin = 20 * time.Second

// oldest returns the number from which on events are kept, in archives only where somebody goes
// back so far.
func (r *Replays) oldest(since journal.Seq) (journal.Seq, error) {
	if since >= r.opts.Past.Bound() || !r.opts.Past.Archived() {
		return r.opts.Journal.Seqs.Oldest(), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), manifestsWithin)
	defer cancel()
	return r.opts.Past.Oldest(ctx)
}

// archivedTo returns the time before which events from a number on are read from archives; zero
// if none are.
func (r *Replays) archivedTo(from journal.Seq) (to time.Time) {
	if bound := r.opts.Past.Bound(); from < bound && r.opts.Past.Archived() {
		to = bound.Time()
	}
	return to
}

// Begin begins a replay, and returns once that is on disk.
func (r *Replays) Begin(req Request) (Job, error) {
	s, err := r.span(&req, r.opts.Planner())
	if err != nil {
		return Job{}, err
	}
	now := r.opts.Journal.Seqs.Clock().Time()
	if req.Name == "" {
		req.Name = jobs.NewID(now)
	}
	j := newJob(req, s)
	j.StartedAt = now
	if err := r.ready(j); err != nil {
		return Job{}, err
	}
	return r.Launch(j, nil)
}

// takeSlot gives a job the next number that no other at work has. If there is none, the job
// shares one.
func (r *Replays) takeSlot(j *job) {
	taken := map[uint16]bool{}
	for _, other := range r.All() {
		if other != j && !other.State.Ended() {
			taken[other.slot] = true
		}
	}
	for range jobs.MaxRunning {
		r.lastSlot = (r.lastSlot + 1) % jobs.MaxRunning
		if j.slot = r.lastSlot; !taken[j.slot] {
			return
		}
	}
}

// overlaps returns the names of the replays at work that have events in common with a span.
func (r *Replays) overlaps(s span) (names []string) {
	r.Locked(func() {
		for _, j := range r.All() {
			if !j.State.Ended() && j.from < s.before && s.from < j.before {
				names = append(names, j.Name)
			}
		}
	})
	return names
}

// Pause suspends a replay, through restarts: nothing more is planned or attempted.
func (r *Replays) Pause(name string) (Job, error) {
	return r.Alter(name, "paused", []jobs.State{jobs.Running}, func(j *job) {
		j.State = jobs.Paused
		j.stay()
	})
}

// Resume continues a replay that was paused, or has stopped itself.
func (r *Replays) Resume(name string) (Job, error) {
	var old, j *job
	var err error
	r.Locked(func() {
		if old, err = r.In(name, "resumed", jobs.Paused, jobs.Stopped); err == nil && old.State == jobs.Stopped {
			j, err = r.again(old)
		}
	})
	switch {
	case err != nil:
		return Job{}, err
	case j != nil:
		return r.Launch(j, old)
	}
	return r.Alter(name, "resumed", []jobs.State{jobs.Paused}, func(j *job) {
		j.State = jobs.Running
		j.stay()
	})
}

// again returns a replay that has stopped, as one that runs.
func (r *Replays) again(old *job) (*job, error) {
	j, err := r.read(old.Name, old.Marshal())
	if err != nil {
		return nil, err
	}
	j.State, j.Reason, j.EndedAt = jobs.Running, "", time.Time{}
	for _, p := range j.parts {
		if p.State == jobs.Stopped {
			p.State, p.Reason, p.Ending = jobs.Running, "", ""
		}
	}
	return j, nil
}

// Cancel ends a replay: what has not been delivered is dropped. It is Cancelled once that is
// done, which an attempt under way can put off.
func (r *Replays) Cancel(name string) (Job, error) {
	return r.Alter(name, "cancelled", []jobs.State{jobs.Running, jobs.Paused}, func(j *job) {
		j.State = jobs.Running
		for _, p := range j.parts {
			p.End(jobs.Cancelled, "")
			if p.lane != nil {
				p.lane.Discard()
			}
		}
		j.before = j.frontier // nothing more is looked at
		j.cancelled = true
		j.stay()
	})
}

package replay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/delivery"
	"signalbox/journal"
	"signalbox/targets"
)

// The bounds of replays: how many are at work at once, and how many that have ended are
// remembered.
const (
	maxRunning = 16
	maxEnded   = 100
)

// Replays are all replays. They are safe for concurrent use.
type Replays struct {
	opts Options

	mu   sync.Mutex
	jobs map[string]*job
	// ctx ends when the router stops; nil before Start.
	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
	// lastSlot is that of the latest replay.
	lastSlot uint16
}

// New returns the replays that the journal knows. They continue with Start.
func New(o Options) *Replays {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Replays{opts: o, jobs: map[string]*job{}}
}

// Load reads the replays of an earlier run, and opens the lanes of those that had not ended.
// It is called before the router's rules serve. Those whose record can't be read are named in
// the error; what they had planned is delivered all the same.
func (r *Replays) Load() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var faults []error
	err := r.opts.Journal.Jobs.All(journal.JobReplay, func(name string, state []byte) error {
		j, err := unmarshalJob(name, state)
		if err == nil {
			j.chooser, err = j.compile(&r.opts)
		}
		if err == nil {
			j.chooser.starts = j.Starts
		}
		if err != nil {
			faults = append(faults, err)
			return nil
		}
		r.jobs[name] = j
		return nil
	})
	for _, j := range r.jobs {
		if !j.State.Ended() {
			faults = append(faults, r.openAll(j))
		}
	}
	return errors.Join(append(faults, err)...)
}

// openAll opens the lanes of the parts that have not ended.
func (r *Replays) openAll(j *job) error {
	for _, p := range j.parts {
		if p.State != Running {
			continue
		}
		lane, err := r.open(j, p, j.State == Paused)
		if err != nil {
			return err
		}
		if p.lane = lane; p.ending == Cancelled {
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

// Start continues the replays that had not ended.
func (r *Replays) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.stop = context.WithCancel(context.Background())
	for _, j := range r.jobs {
		if !j.State.Ended() {
			r.begin(j)
		}
	}
}

// Stop ends the work on replays; Start of the next run continues them. It is idempotent.
func (r *Replays) Stop() {
	r.mu.Lock()
	if r.stop != nil {
		r.stop()
	}
	r.mu.Unlock()
	r.workers.Wait()
}

// begin starts the goroutine of a job. It is called with the lock held.
func (r *Replays) begin(j *job) {
	ctx, cancel := context.WithCancel(r.ctx)
	j.cancel = cancel
	r.workers.Go(func() { (&runner{r, j}).run(ctx) })
}

// span checks a request, and returns the events that it means.
func (r *Replays) span(req *Request, in Planner) (span, error) {
	j := r.opts.Journal
	return req.check(j.Seqs, r.opts.Events.Oldest(), in.Set(), j.Traces.Kept())
}

// Begin begins a replay, and returns once that is on disk.
func (r *Replays) Begin(req Request) (Job, error) {
	s, err := r.span(&req, r.opts.Planner())
	if err != nil {
		return Job{}, err
	}
	now := r.opts.Journal.Seqs.Clock().Time()
	if req.Name == "" {
		req.Name = newName(now)
	}
	j := newJob(req, s)
	j.StartedAt = now
	if j.chooser, err = j.compile(&r.opts); err != nil {
		return Job{}, err
	}
	return r.launch(j)
}

// launch writes a job down, and starts it.
func (r *Replays) launch(j *job) (Job, error) {
	if err := r.admit(j); err != nil {
		return Job{}, err
	}
	if err := r.write(j, nil); err != nil {
		r.locked(func() { delete(r.jobs, j.Name) })
		return Job{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin(j)
	return j.view(r.counts), nil
}

// admit takes a job in among those at work.
func (r *Replays) admit(j *job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || r.ctx.Err() != nil {
		return ErrStopped
	}
	if known := r.jobs[j.Name]; known != nil && known != j {
		return &Conflict{fmt.Sprintf("a replay %q is there already, and is %s: give another name", j.Name, known.State)}
	}
	if !r.takeSlot(j) {
		return &Conflict{fmt.Sprintf("%d replays are at work, which is as many as there may be: wait for one, or cancel it", maxRunning)}
	}
	r.jobs[j.Name] = j
	return nil
}

// takeSlot gives a job the next number that no other at work has. It reports whether there was
// one; if not, the job shares one.
func (r *Replays) takeSlot(j *job) (free bool) {
	taken := map[uint16]bool{}
	for _, other := range r.jobs {
		if other != j && !other.State.Ended() {
			taken[other.slot] = true
		}
	}
	for range maxRunning {
		r.lastSlot = (r.lastSlot + 1) % maxRunning
		if j.slot = r.lastSlot; !taken[j.slot] {
			return true
		}
	}
	return false
}

// newName names a replay: names sort as the replays began.
func newName(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102T150405") + "-" + hex.EncodeToString(b[:])
}

// write makes a job durable as a change leaves it.
func (r *Replays) write(j *job, change func()) error {
	return r.opts.Journal.MoveJob(nil, journal.JobReplay.ID(j.Name), r.state(j, change))
}

// state returns the job for its record on disk, once a change is made.
func (r *Replays) state(j *job, change func()) func() []byte {
	return func() []byte {
		r.mu.Lock()
		defer r.mu.Unlock()
		if change != nil {
			change()
		}
		return j.marshal()
	}
}

func (r *Replays) locked(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

func (r *Replays) counts(l journal.LaneID) journal.Counts {
	return r.opts.Journal.Counters.LaneCounts(l)
}

// Jobs returns the replays that are known, the latest first.
func (r *Replays) Jobs() []Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Job, 0, len(r.jobs))
	for _, j := range r.jobs {
		all = append(all, j.view(r.counts))
	}
	slices.SortFunc(all, func(a, b Job) int { return b.StartedAt.Compare(a.StartedAt) })
	return all
}

// Running returns how many replays are at work, or paused.
func (r *Replays) Running() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.jobs {
		if !j.State.Ended() {
			n++
		}
	}
	return n
}

// overlaps returns the names of the replays at work that have events in common with a span.
func (r *Replays) overlaps(s span) (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.jobs)) {
		if j := r.jobs[name]; !j.State.Ended() && j.from < s.before && s.from < j.before {
			names = append(names, name)
		}
	}
	return names
}

// Job returns a replay by its name, or journal.ErrNotFound.
func (r *Replays) Job(name string) (Job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j, err := r.job(name)
	if err != nil {
		return Job{}, err
	}
	return j.view(r.counts), nil
}

func (r *Replays) job(name string) (*job, error) {
	if j := r.jobs[name]; j != nil {
		return j, nil
	}
	return nil, fmt.Errorf("replay %q: %w", name, journal.ErrNotFound)
}

// Pause suspends a replay, through restarts: nothing more is planned or attempted.
func (r *Replays) Pause(name string) (Job, error) {
	return r.alter(name, []State{Running}, func(j *job) {
		j.State = Paused
		r.stay(j)
	})
}

// Resume continues a replay that was paused, or has stopped itself.
func (r *Replays) Resume(name string) (Job, error) {
	if j := r.again(name); j != nil {
		return r.launch(j)
	}
	return r.alter(name, []State{Paused, Stopped}, func(j *job) {
		j.State = Running
		r.stay(j)
	})
}

// again returns a replay that has stopped, as one that runs; nil if it has not.
func (r *Replays) again(name string) *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.jobs[name]
	if j == nil || j.State != Stopped {
		return nil
	}
	j.State, j.Reason, j.failure, j.EndedAt = Running, "", "", time.Time{}
	for _, p := range j.parts {
		if p.State == Stopped {
			p.State, p.Reason, p.ending = Running, "", ""
		}
	}
	return j
}

// Cancel ends a replay: what has not been delivered is dropped. It is Cancelled once that is
// done, which an attempt under way can put off.
func (r *Replays) Cancel(name string) (Job, error) {
	return r.alter(name, []State{Running, Paused}, func(j *job) {
		j.State = Running
		for _, p := range j.parts {
			p.end(Cancelled, "")
			if p.lane != nil {
				p.lane.Discard()
			}
		}
		j.before = j.frontier // nothing more is looked at
		j.cancelled = true
		r.stay(j)
	})
}

// stay pauses the lanes of a job as its state says.
func (r *Replays) stay(j *job) {
	for _, p := range j.parts {
		if p.lane != nil {
			p.lane.Stay(j.State == Paused)
		}
	}
}

// alter changes a replay that is in one of some states, and returns once that is on disk.
func (r *Replays) alter(name string, from []State, change func(*job)) (Job, error) {
	r.mu.Lock()
	j, err := r.job(name)
	if err == nil && !slices.Contains(from, j.State) {
		err = &Conflict{fmt.Sprintf("replay %s is %s: only one that is %s can be changed so", name, j.State, from[0])}
	}
	if err == nil && r.ctx.Err() != nil {
		err = ErrStopped
	}
	if err != nil {
		r.mu.Unlock()
		return Job{}, err
	}
	change(j)
	v := j.view(r.counts)
	r.mu.Unlock()
	j.signal()
	return v, r.write(j, nil)
}

// ended writes a job down as ended.
func (r *Replays) ended(j *job) {
	var last Job
	err := r.write(j, func() {
		j.State, j.Reason, j.EndedAt = j.outcome(), j.reason(), r.opts.Journal.Seqs.Clock().Time()
		if j.cancelled {
			j.State = Cancelled
		}
		last = j.view(r.counts)
	})
	if err != nil {
		return // the journal has ended, and with it the run
	}
	j.cancel()
	r.log(last)
	r.forgetOld()
}

// log logs how a replay ended.
func (r *Replays) log(j Job) {
	level := zap.InfoLevel
	if j.State == Stopped {
		level = zap.WarnLevel
	}
	r.opts.Log.Log(level, "replay ended", zap.String("name", j.Name), zap.String("state", string(j.State)), zap.String("reason", j.Reason),
		zap.Uint64("planned", j.Planned), zap.Uint64("delivered", j.Delivered), zap.Uint64("dead", j.Dead), zap.Uint64("dropped", j.Dropped))
}

// forgetOld forgets the replays that ended before the latest maxEnded.
func (r *Replays) forgetOld() {
	var old []string
	r.locked(func() {
		var ended []*job
		for _, j := range r.jobs {
			if j.State.Ended() && len(j.Starts) == 0 { // those happen once, and are remembered
				ended = append(ended, j)
			}
		}
		slices.SortFunc(ended, func(a, b *job) int { return a.EndedAt.Compare(b.EndedAt) })
		for _, j := range ended[:max(0, len(ended)-maxEnded)] {
			delete(r.jobs, j.Name)
			old = append(old, j.Name)
		}
	})
	for _, name := range old {
		if r.opts.Journal.MoveJob(nil, journal.JobReplay.ID(name), func() []byte { return nil }) != nil {
			return // the journal has ended; the next run forgets them
		}
	}
}

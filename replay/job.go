package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"signalbox/delivery"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/targets"
)

// Tally counts the deliveries of a replay. Planned is the sum of the others.
type Tally struct {
	Planned   uint64 `json:"planned"`
	Delivered uint64 `json:"delivered"`
	Pending   uint64 `json:"pending"`
	// Dead went to the dead-letter queue.
	Dead uint64 `json:"dead"`
	// Dropped were pending when the replay was cancelled, or were ended by a policy; Logged
	// were logged in place of being sent.
	Dropped uint64 `json:"dropped,omitempty"`
	Logged  uint64 `json:"logged,omitempty"`
}

func (t *Tally) add(o Tally) {
	t.Planned += o.Planned
	t.Delivered += o.Delivered
	t.Pending += o.Pending
	t.Dead += o.Dead
	t.Dropped += o.Dropped
	t.Logged += o.Logged
}

// Job is a replay as it stands.
type Job struct {
	Request
	// Status is how it stands. Resume continues with one that stopped; what had not been
	// delivered of one that was cancelled was dropped.
	jobs.Status
	// From and To bound when its events were accepted; At is how far it has come: what was
	// accepted before has been planned for every target.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	At   time.Time `json:"at"`
	// MissingTo is set where retention has dropped events before they were replayed: those
	// accepted before it.
	MissingTo time.Time `json:"missing_to,omitzero"`
	// ArchivedTo is set where events come from archives: those accepted before it, without what
	// no archive takes.
	ArchivedTo time.Time `json:"archived_to,omitzero"`
	// YieldRate is how many deliveries a second all replays without a rate may make together now, beside
	// live traffic; 0 is no bound.
	YieldRate float64 `json:"yield_rate,omitempty"`
	Tally
	// Targets are its parts, by the name of the target.
	Targets []Part `json:"targets"`
	// Cancelling means that it is being cancelled: an attempt may be under way.
	Cancelling bool `json:"cancelling,omitempty"`
	// LeftOut counts what is not sent, by the reason.
	LeftOut map[string]int `json:"left_out,omitempty"`
	// Starts are the rules' targets that begin in the past, and that alone are sent to; empty
	// for a replay that somebody asked for.
	Starts []rules.Starting `json:"starts,omitempty"`
}

// Part is what a replay does for one target.
type Part struct {
	jobs.Part
	At time.Time `json:"at"`
	Tally
}

// job is a replay with what only the router knows of it. All of it is guarded by the mutex
// of Replays.
type job struct {
	Job
	span
	chooser *chooser
	// slot is its number among those at work, which the numbers of deliveries have.
	slot uint16
	// cancelled means that it is to end as Cancelled.
	cancelled bool
	// failure is why it can go on no more; empty while it can.
	failure string
	// frontier is where the replay looks for what it has not seen: every target that it has
	// met has a part, which is there, or behind.
	frontier journal.Seq
	parts    map[string]*part
	// counts returns the counters of a lane.
	counts func(journal.LaneID) journal.Counts
	// yield is what it gives way by.
	yield   *delivery.Yield
	changed chan struct{} // holds a token when something has changed
}

// part is a job's part for one target.
type part struct {
	// Part has the counts of the lanes that it had before, and has given up.
	Part
	// cursor is the first event that has not been planned.
	cursor journal.Seq
	// planned counts what went to the lane, buried what can't be rendered.
	planned, buried uint64
	lane            *delivery.Lane
	// full is since when its lane has had no room; zero while it has.
	full time.Time
}

// jobRecord is a job on disk.
type jobRecord struct {
	Job
	From      journal.Seq           `json:"from_seq"`
	Before    journal.Seq           `json:"before_seq"`
	Frontier  journal.Seq           `json:"frontier"`
	Slot      uint16                `json:"slot"`
	Cancelled bool                  `json:"cancelled,omitempty"`
	Parts     map[string]partRecord `json:"parts"`
}

type partRecord struct {
	Cursor  journal.Seq `json:"cursor"`
	Planned uint64      `json:"planned"`
	Buried  uint64      `json:"buried,omitempty"`
	Ending  jobs.State  `json:"ending,omitempty"`
}

func newJob(req Request, s span) *job {
	return &job{
		Job:  Job{Request: req, Status: jobs.Status{State: jobs.Running}, From: s.from.Time(), To: s.before.Time(), LeftOut: map[string]int{}},
		span: s, frontier: s.from, parts: map[string]*part{}, changed: make(chan struct{}, 1),
	}
}

// JobID returns the name.
func (j *job) JobID() string { return j.Name }

// View returns the job as it stands, with memory of its own.
func (j *job) View() Job {
	v := j.Job
	v.Tally, v.Targets = Tally{}, make([]Part, 0, len(j.parts))
	at := j.frontier
	for _, name := range slices.Sorted(maps.Keys(j.parts)) {
		p := j.parts[name]
		shown := p.Part
		shown.Tally, shown.At = p.tally(j.counts), p.cursor.Time()
		v.Tally.add(shown.Tally)
		v.Targets = append(v.Targets, shown)
		if p.State != jobs.Cancelled {
			at = min(at, p.cursor)
		}
	}
	v.At, v.LeftOut = at.Time(), maps.Clone(j.LeftOut)
	if rate := j.yield.Rate(); j.State == jobs.Running && j.Rate <= 0 && !math.IsInf(rate, 1) {
		v.YieldRate = math.Round(rate)
	}
	v.Cancelling = j.cancelled && !j.State.Ended()
	return v
}

// tally counts a part. What has left its lane for the dead-letter queue is not counted there
// any more.
func (p *part) tally(counts func(journal.LaneID) journal.Counts) Tally {
	if p.lane == nil {
		return p.Tally
	}
	c := counts(p.lane.ID)
	t := Tally{Planned: p.planned + p.buried, Delivered: c.Delivered, Pending: c.Pending(), Dropped: c.Dropped, Logged: c.Logged, Dead: p.buried}
	if p.planned > c.Planned {
		t.Dead += p.planned - c.Planned
	}
	t.add(p.Tally)
	return t
}

// Marshal returns the job as it is to be written.
func (j *job) Marshal() []byte {
	r := jobRecord{Job: j.Job, From: j.from, Before: j.before, Frontier: j.frontier, Slot: j.slot, Cancelled: j.cancelled, Parts: map[string]partRecord{}}
	r.Targets = nil
	for _, name := range slices.Sorted(maps.Keys(j.parts)) {
		p := j.parts[name]
		r.Parts[name] = partRecord{Cursor: p.cursor, Planned: p.planned, Buried: p.buried, Ending: p.Ending}
		r.Targets = append(r.Targets, p.Part)
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("replay %s: %v", j.Name, err)) // its types can all be written
	}
	return b
}

func unmarshalJob(name string, state []byte) (*job, error) {
	var r jobRecord
	if err := json.Unmarshal(state, &r); err != nil {
		return nil, fmt.Errorf("replay %s: %w", name, err)
	}
	j := newJob(r.Request, span{r.From, r.Before})
	j.Job, j.slot, j.frontier, j.cancelled = r.Job, r.Slot, r.Frontier, r.Cancelled
	if j.LeftOut == nil {
		j.LeftOut = map[string]int{}
	}
	for _, shown := range r.Targets {
		p := r.Parts[shown.Target]
		shown.Ending = p.Ending
		j.parts[shown.Target] = &part{Part: shown, cursor: p.Cursor, planned: p.Planned, buried: p.Buried}
	}
	if _, err := j.compile(nil); err != nil {
		return nil, fmt.Errorf("replay %s: %w", name, err)
	}
	return j, nil
}

// CheckJob returns what is wrong with the stored state of a replay, if anything is.
func CheckJob(name string, state []byte) error {
	_, err := unmarshalJob(name, state)
	return err
}

// Outcome returns how the job ends, with nothing left to do.
func (j *job) Outcome() (jobs.State, string) {
	var parts []jobs.Part
	for _, name := range slices.Sorted(maps.Keys(j.parts)) {
		parts = append(parts, j.parts[name].Part.Part)
	}
	state, why := jobs.Outcome(parts)
	if j.failure != "" {
		state, why = jobs.Stopped, j.failure
	}
	if j.cancelled {
		state = jobs.Cancelled
	}
	return state, why
}

// stay pauses the lanes as the job's state says, and wakes its goroutine.
func (j *job) stay() {
	for _, p := range j.parts {
		if p.lane != nil {
			p.lane.Stay(j.State == jobs.Paused)
		}
	}
	j.signal()
}

// signal wakes the job's goroutine: something has changed.
func (j *job) signal() {
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// death is why a delivery that can't be rendered is a dead letter.
func death(s *Send, now time.Time) *journal.Death {
	return &journal.Death{
		At: now, Code: targets.CodeInvalidJSON,
		Message: fmt.Sprintf("rule %q: target %q: %v", s.Rule.Name, s.Target, s.Err),
	}
}

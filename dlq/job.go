package dlq

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"signalbox/jobs"
	"signalbox/journal"
)

// job is a redrive with what only the queue knows of it. All of it is guarded by
// the mutex of redrives.
type job struct {
	Job
	matcher *matcher
	parts   map[string]*part
	running int // parts
	// counting means that the letters are being looked for that the job is for: all that lie in the queue.
	counting bool
}

// part is a job's part for one target.
type part struct {
	Part
	job *job
	// cursor is where the next letter is looked for.
	cursor journal.Cursor
	// flying are the letters on their way, as they last lay on disk.
	flying map[place]journal.Delivery
	// exhausted means that no more letters are to be sent.
	exhausted bool
	// stuck are those of them that are called back, as their ordering key is stopped.
	stuck map[place]SkippedLetter
	// failure is the latest failed attempt.
	failure string
	limiter *rate.Limiter
	changed chan struct{} // holds a token when something has changed
}

func (j *job) part(target string) *part {
	if p := j.parts[target]; p != nil {
		return p
	}
	p := &part{Part: Part{Part: jobs.Part{Target: target, State: jobs.Running}, Window: 1}, job: j, flying: map[place]journal.Delivery{}, stuck: map[place]SkippedLetter{}, changed: make(chan struct{}, 1)}
	p.limiter = rate.NewLimiter(rate.Inf, maxWindow)
	if j.Rate > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(j.Rate), p.step())
	}
	j.parts[target] = p
	return p
}

// step is how many letters leave the queue in one durable write at most: with a
// rate, those of a tenth of a second.
func (p *part) step() int {
	if r := p.job.Rate; r > 0 {
		return int(min(maxWindow, max(1, r/10)))
	}
	return maxWindow
}

// events bounds the events of the job's letters.
func (j *job) events() (oldest, latest journal.Seq) { return j.matcher.events() }

// matches reports whether the job means a dead letter: one that the filter chooses and
// that lay in the queue when the job began, or one that died again by the job and
// that it was then resumed for.
func (j *job) matches(l *Letter) bool {
	if l.place.RedriveJob() == j.ID {
		return !j.ResumedAt.IsZero() && (j.counting || !l.DiedAt.After(j.ResumedAt))
	}
	return (j.counting && j.ResumedAt.IsZero() || !l.DiedAt.After(j.StartedAt)) && j.matcher.matches(l)
}

// began is when the job last began: not before what it is for has died, though the clock was set back since then, or
// that was on a machine whose clock is ahead.
func (j *job) began() *time.Time {
	if j.ResumedAt.IsZero() {
		return &j.StartedAt
	}
	return &j.ResumedAt
}

// target is where the job sends a letter.
func (j *job) target(l *Letter) string {
	if j.To != "" {
		return j.To
	}
	return l.Target
}

// skip counts a dead letter that stays in the queue.
func (p *part) skip(l SkippedLetter) {
	p.skipped(l.Code, 1)
	if j := p.job; len(j.SkippedLetters) < maxSkips {
		j.SkippedLetters = append(j.SkippedLetters, l)
	}
}

// skipped counts dead letters that were not sent, by the reason.
func (p *part) skipped(code string, n int) {
	p.Skipped += n
	if p.job.Skips == nil {
		p.job.Skips = map[string]int{}
	}
	p.job.Skips[code] += n
}

// signal wakes the part's goroutine: something has changed.
func (p *part) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// JobID returns the id.
func (j *job) JobID() string { return j.ID }

// View returns the job as it stands, with memory of its own.
func (j *job) View() Job {
	v := j.Job
	v.Tally, v.Targets = Tally{}, make([]Part, 0, len(j.parts))
	for _, name := range slices.Sorted(maps.Keys(j.parts)) {
		p := j.parts[name].Part
		p.InFlight = len(j.parts[name].flying)
		p.Left = p.Total - p.Ended() - p.InFlight
		v.Tally.add(p.Tally)
		v.Targets = append(v.Targets, p)
	}
	v.Skips = maps.Clone(j.Skips)
	v.SkippedLetters = slices.Clone(j.SkippedLetters)
	return v
}

// stored is a job on disk.
type stored struct {
	Job
	Parts map[string]storedPart `json:"parts"`
}

type storedPart struct {
	Cursor journal.Cursor `json:"cursor"`
	Flying []place        `json:"flying,omitempty"`
	// Ending is how the part is to end, if it is to stop.
	Ending jobs.State `json:"ending,omitempty"`
}

// Marshal returns the job as it is to be written.
func (j *job) Marshal() []byte {
	s := stored{Job: j.View(), Parts: make(map[string]storedPart, len(j.parts))}
	for name, p := range j.parts {
		s.Parts[name] = storedPart{Cursor: p.cursor, Ending: p.Ending, Flying: slices.SortedFunc(maps.Keys(p.flying), place.compare)}
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("redrive %s: %v", j.ID, err)) // its types can all be written
	}
	return b
}

func unmarshalJob(id string, state []byte) (*job, map[string]storedPart, error) {
	var s stored
	if err := json.Unmarshal(state, &s); err != nil {
		return nil, nil, fmt.Errorf("redrive %s: %w", id, err)
	}
	j := &job{Job: s.Job, parts: map[string]*part{}}
	var err error
	if j.matcher, err = j.Filter.compile(); err != nil {
		return nil, nil, fmt.Errorf("redrive %s: %w", id, err)
	}
	for _, v := range s.Targets {
		p := j.part(v.Target)
		p.Part, p.cursor, p.Ending = v, s.Parts[v.Target].Cursor, s.Parts[v.Target].Ending
		p.Window = 1 // nobody knows how the target is now
	}
	return j, s.Parts, nil
}

// CheckJob returns what is wrong with the stored state of a redrive, if anything is.
func CheckJob(id string, state []byte) error {
	_, _, err := unmarshalJob(id, state)
	return err
}

// Outcome returns how the job ends whose parts have.
func (j *job) Outcome() (jobs.State, string) {
	var parts []jobs.Part
	for _, p := range j.View().Targets {
		parts = append(parts, p.Part)
	}
	return jobs.Outcome(parts)
}

// close notes how the part has ended. Letters that it never came upon have left
// the queue by another way.
func (p *part) close() {
	p.Close()
	if p.State != jobs.Finished {
		return
	}
	if gone := p.Total - p.Ended(); gone > 0 {
		p.skipped(SkipTaken, gone)
	}
}

// room is how many may leave the queue now, besides those on their way.
func (p *part) room() int {
	parked := len(p.parked())
	free := p.Window - (len(p.flying) - parked)
	if free < (p.Window+3)/4 { // so that several share an fsync
		return 0
	}
	return min(free, p.step(), maxWindow-parked)
}

// left is how many dead letters the part has yet to come upon.
func (p *part) left() int { return p.Total - p.Ended() - len(p.flying) }

// end makes the part stop. What is under way may end; the rest is put back.
func (p *part) end(how jobs.State, why string) {
	p.End(how, why)
	p.signal()
}

// recalled are the deliveries to call back, if the part is to stop.
func (p *part) recalled() []journal.Delivery {
	if p.Ending == "" {
		return nil
	}
	return slices.Collect(maps.Values(p.flying))
}

// parked are the deliveries on their way that wait behind others of their ordering
// key. They hold up no others, and do not count for the window.
func (p *part) parked() (all []journal.Delivery) {
	for _, d := range p.flying {
		if d.State == journal.Parked {
			all = append(all, d)
		}
	}
	return all
}

// events and matches make a part a chooser of its dead letters.
func (p *part) events() (oldest, latest journal.Seq) { return p.job.events() }

func (p *part) matches(l *Letter) bool {
	return p.job.target(l) == p.Target && p.job.matches(l)
}

// bare is a delivery's place and state alone, as they are kept of those on their
// way.
func bare(d *journal.Delivery) journal.Delivery {
	return journal.Delivery{Seq: d.Seq, N: d.N, Lane: d.Lane, State: d.State, Due: d.Due, Key: d.Key}
}

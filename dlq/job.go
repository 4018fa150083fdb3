package dlq

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"signalbox/journal"
)

// Redrive says which letters to send again, and how.
type Redrive struct {
	Filter Filter `json:"filter"`
	// To is the target to send to in place of the letters' own.
	To string `json:"to,omitempty"`
	// As is Stored, the default, or Current.
	As string `json:"as,omitempty"`
	// Rate bounds the letters sent a second to one target; 0 leaves the pace to
	// the target: as much is sent as it answers.
	Rate float64 `json:"rate,omitempty"`
	// Limit bounds the letters, the oldest events first; 0 is no bound.
	Limit int `json:"limit,omitempty"`
	// Attempts bounds the attempts at one letter before it goes back to the queue;
	// 0 is DefaultAttempts. The target's own max_attempts holds too.
	Attempts int `json:"attempts,omitempty"`
	// StopAfter is how many attempts at a target must fail, with no success in
	// between, for the redrive to leave the target alone; 0 is DefaultStopAfter.
	StopAfter int `json:"stop_after,omitempty"`
}

// The bounds of a redrive where none are given.
const (
	DefaultAttempts  = 3
	DefaultStopAfter = 10
)

// check completes a redrive, or says what is wrong with it.
func (o *Redrive) check(r Router) error {
	if o.As == "" {
		o.As = Stored
	}
	switch {
	case o.As != Stored && o.As != Current:
		return &BadRequest{fmt.Sprintf("as: %q is neither %q nor %q", o.As, Stored, Current)}
	case o.Rate < 0:
		return &BadRequest{fmt.Sprintf("rate: %v is below zero", o.Rate)}
	case o.Limit < 0:
		return &BadRequest{fmt.Sprintf("limit: %d is below zero", o.Limit)}
	case o.Attempts < 0:
		return &BadRequest{fmt.Sprintf("attempts: %d is below zero", o.Attempts)}
	case o.StopAfter < 0:
		return &BadRequest{fmt.Sprintf("stop_after: %d is below zero", o.StopAfter)}
	}
	if o.To != "" {
		if _, ok := r.LaneID(o.To); !ok {
			return &BadRequest{fmt.Sprintf("to: target %q is not defined", o.To)}
		}
	}
	if o.Attempts == 0 {
		o.Attempts = DefaultAttempts
	}
	if o.StopAfter == 0 {
		o.StopAfter = DefaultStopAfter
	}
	return nil
}

// JobState says where a redrive stands.
type JobState string

// The states of a redrive, and of its part for one target.
const (
	Running JobState = "running"
	// Finished has come to its end: each letter was delivered, died again, or was
	// skipped.
	Finished JobState = "finished"
	// Stopped has stopped itself; Cancelled was stopped by somebody. What they
	// left rests in the queue, and Resume goes on with it.
	Stopped   JobState = "stopped"
	Cancelled JobState = "cancelled"
)

// Tally counts letters. Total is the sum of the others.
type Tally struct {
	Total     int `json:"total"`
	Delivered int `json:"delivered"`
	// Dropped were ended by a written policy, such as a target's for synthetic
	// events.
	Dropped int `json:"dropped"`
	// DiedAgain were attempted, failed, and rest in the queue again.
	DiedAgain int `json:"died_again"`
	// Skipped were not sent, and rest in the queue.
	Skipped int `json:"skipped"`
	// InFlight are on their way, Left rest in the queue until their turn comes.
	InFlight int `json:"in_flight"`
	Left     int `json:"left"`
}

func (t *Tally) add(o Tally) {
	t.Total += o.Total
	t.Delivered += o.Delivered
	t.Dropped += o.Dropped
	t.DiedAgain += o.DiedAgain
	t.Skipped += o.Skipped
	t.InFlight += o.InFlight
	t.Left += o.Left
}

// Ended is how many letters the redrive is through with.
func (t Tally) Ended() int { return t.Delivered + t.Dropped + t.DiedAgain + t.Skipped }

// Job is a redrive as it stands.
type Job struct {
	ID string `json:"id"`
	Redrive
	State JobState `json:"state"`
	// Reason is why it stopped.
	Reason    string    `json:"reason,omitempty"`
	StartedAt time.Time `json:"started_at"`
	// ResumedAt is when it was last resumed, by hand.
	ResumedAt time.Time `json:"resumed_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Tally
	// Targets are its parts, by the name of the target.
	Targets []Part `json:"targets"`
	// Skips counts the skipped letters by reason, and SkippedLetters are the
	// first of them, up to maxSkips.
	Skips          map[string]int  `json:"skips,omitempty"`
	SkippedLetters []SkippedLetter `json:"skipped_letters,omitempty"`
}

// Part is what a redrive does for one target.
type Part struct {
	Target string   `json:"target"`
	State  JobState `json:"state"`
	Reason string   `json:"reason,omitempty"`
	// Failures counts the failed attempts, and FailuresInARow those since the
	// latest success.
	Failures       int `json:"failures"`
	FailuresInARow int `json:"failures_in_a_row"`
	// Window is how many letters may be on their way at once.
	Window int `json:"window"`
	Tally
}

// SkippedLetter is a letter that a redrive left in the queue.
type SkippedLetter struct {
	ID string `json:"id"`
	Skip
}

// maxSkips bounds the skipped letters that a redrive names.
const maxSkips = 20

// job is a redrive with what only the queue knows of it. All of it is guarded by
// the mutex of redrives.
type job struct {
	Job
	matcher *matcher
	parts   map[string]*part
	running int // parts
	cancel  func()
}

// part is a job's part for one target.
type part struct {
	Part
	job *job
	// cursor is where the next letter is looked for.
	cursor journal.Cursor
	// flying are the letters on their way, as they last lay on disk.
	flying map[place]journal.Delivery
	// exhausted says that no more letters are to be sent.
	exhausted bool
	// stuck are those of them that are called back, as their order key is stopped.
	stuck map[place]SkippedLetter
	// ending is how the part will end once nothing is on its way; empty while it
	// goes on.
	ending JobState
	// failure is the latest failed attempt.
	failure string
	limiter *rate.Limiter
	changed chan struct{} // holds a token when something has changed
}

// newID names a job: ids sort as the jobs began.
func newID(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102T150405") + "-" + hex.EncodeToString(b[:])
}

func (j *job) part(target string) *part {
	if p := j.parts[target]; p != nil {
		return p
	}
	p := &part{Part: Part{Target: target, State: Running, Window: 1}, job: j, flying: map[place]journal.Delivery{}, stuck: map[place]SkippedLetter{}, changed: make(chan struct{}, 1)}
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

// matches says whether the job means a letter: one that the filter chooses and
// that lay in the queue when the job began, or one that died again by the job and
// that it was then resumed for.
func (j *job) matches(l *Letter) bool {
	if !j.ResumedAt.IsZero() && l.place.RedriveJob() == j.ID {
		return !l.DiedAt.After(j.ResumedAt)
	}
	return !l.DiedAt.After(j.StartedAt) && j.matcher.matches(l)
}

// target is where the job sends a letter.
func (j *job) target(l *Letter) string {
	if j.To != "" {
		return j.To
	}
	return l.Target
}

// skip counts a letter that stays in the queue.
func (p *part) skip(l SkippedLetter) {
	j := p.job
	p.Skipped++
	if j.Skips == nil {
		j.Skips = map[string]int{}
	}
	j.Skips[l.Code]++
	if len(j.SkippedLetters) < maxSkips {
		j.SkippedLetters = append(j.SkippedLetters, l)
	}
}

// signal tells the part's goroutine that something has changed.
func (p *part) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// view gives the job as it stands, with memory of its own.
func (j *job) view() Job {
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
	Ending JobState `json:"ending,omitempty"`
}

func (j *job) marshal() []byte {
	s := stored{Job: j.view(), Parts: make(map[string]storedPart, len(j.parts))}
	for name, p := range j.parts {
		s.Parts[name] = storedPart{Cursor: p.cursor, Ending: p.ending, Flying: slices.SortedFunc(maps.Keys(p.flying), place.compare)}
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
		p.Part, p.cursor, p.ending = v, s.Parts[v.Target].Cursor, s.Parts[v.Target].Ending
		p.Window = 1 // nobody knows how the target is now
	}
	return j, s.Parts, nil
}

// CheckJob says what is wrong with the stored state of a redrive, if anything is.
func CheckJob(id string, state []byte) error {
	_, _, err := unmarshalJob(id, state)
	return err
}

// reason gathers why the parts of a job stopped.
func (j *job) reason() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(j.parts)) {
		if p := j.parts[name]; p.State == Stopped {
			all = append(all, fmt.Sprintf("target %q: %s", name, p.Reason))
		}
	}
	return strings.Join(all, "; ")
}

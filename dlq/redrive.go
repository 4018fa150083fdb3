package dlq

import (
	"cmp"
	"fmt"
	"time"

	"signalbox/jobs"
)

// Redrive is which letters to send again, and how.
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

// check completes a redrive, or returns what is wrong with it.
func (o *Redrive) check(lanes Lanes) error {
	if o.As == "" {
		o.As = Stored
	}
	if o.As != Stored && o.As != Current {
		return &BadRequest{fmt.Sprintf("as: %q is neither %q nor %q", o.As, Stored, Current)}
	}
	if o.Rate < 0 {
		return &BadRequest{fmt.Sprintf("rate: %v is below zero", o.Rate)}
	}
	for name, n := range map[string]int{"limit": o.Limit, "attempts": o.Attempts, "stop_after": o.StopAfter} {
		if n < 0 {
			return &BadRequest{fmt.Sprintf("%s: %d is below zero", name, n)}
		}
	}
	if _, ok := lanes.LaneID(o.To); o.To != "" && !ok {
		return &BadRequest{fmt.Sprintf("to: target %q is not defined", o.To)}
	}
	o.Attempts = cmp.Or(o.Attempts, DefaultAttempts)
	o.StopAfter = cmp.Or(o.StopAfter, DefaultStopAfter)
	return nil
}

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
	// Status is how it stands. What it left when it stopped or was cancelled rests in the
	// queue, and Resume continues with it.
	jobs.Status
	// ResumedAt is when it was last resumed, by hand.
	ResumedAt time.Time `json:"resumed_at,omitzero"`
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
	jobs.Part
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

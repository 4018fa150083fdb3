// Package jobs is what all work has in common that goes on through restarts, such as replays
// and redrives: it is written down before it begins, changed, ended, and forgotten when
// enough others have ended since. What is done is left to each kind of job.
package jobs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is where a job stands, or its part for one target.
type State string

// The states of a job.
const (
	Running State = "running"
	Paused  State = "paused"
	// Finished has come to its end.
	Finished State = "finished"
	// Stopped has stopped itself; Cancelled was stopped by somebody.
	Stopped   State = "stopped"
	Cancelled State = "cancelled"
)

// Ended reports whether a job in this state does nothing more.
func (s State) Ended() bool { return s != Running && s != Paused }

// Status is how a job stands.
type Status struct {
	State State `json:"state"`
	// Reason is why it stopped.
	Reason    string    `json:"reason,omitempty"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Standing returns the status itself, so that what embeds it is a Job.
func (s *Status) Standing() *Status { return s }

// Part is what a job does for one target.
type Part struct {
	Target string `json:"target"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Ending is how the part ends once nothing of it is on its way; empty while it continues.
	Ending State `json:"-"`
}

// End makes the part begin nothing more.
func (p *Part) End(how State, why string) {
	if p.State == Running && p.Ending == "" {
		p.Ending, p.Reason = how, why
	}
}

// Close notes that nothing of the part is on its way any more.
func (p *Part) Close() {
	p.State = Finished
	if p.Ending != "" {
		p.State = p.Ending
	}
}

// Outcome returns how a job ends whose parts have, and why those that stopped did.
func Outcome(parts []Part) (State, string) {
	out := Finished
	var why []string
	for _, p := range parts {
		if p.State == Stopped {
			why = append(why, fmt.Sprintf("target %q: %s", p.Target, p.Reason))
		}
	}
	if len(why) > 0 {
		out = Stopped
	}
	if slices.ContainsFunc(parts, func(p Part) bool { return p.State == Cancelled }) {
		out = Cancelled
	}
	return out, strings.Join(why, "; ")
}

// Conflict is the error of a job that can't be begun, or changed in the state that it is in.
type Conflict struct{ Reason string }

// Error returns the reason.
func (c *Conflict) Error() string { return c.Reason }

func conflict(format string, args ...any) error { return &Conflict{fmt.Sprintf(format, args...)} }

// ErrStopped is the error of a job while the router has not started, or is stopping.
var ErrStopped = errors.New("the router is stopping")

// NewID names a job: ids sort as the jobs began.
func NewID(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.UTC().Format("20060102T150405") + "-" + hex.EncodeToString(b[:])
}

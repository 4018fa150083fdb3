// Package work holds work requests: what became of a command whose handler needs
// time, in the states of Oracle Cloud Infrastructure's asynchronous work
// requests, and how events move them from one to the next.
package work

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// Action is the state of a work request, its actionType.
type Action string

// The states of a work request.
const (
	Accepted   Action = "ACCEPTED"    // the command is on disk
	InProgress Action = "IN_PROGRESS" // its handler has begun
	Succeeded  Action = "SUCCEEDED"
	Failed     Action = "FAILED"
	Canceling  Action = "CANCELING" // somebody asked for its end
	Canceled   Action = "CANCELED"
)

// Actions are all states, in the order in which they can follow each other.
var Actions = []Action{Accepted, InProgress, Succeeded, Failed, Canceling, Canceled}

// Ended reports whether no other state follows this one.
func (a Action) Ended() bool { return a == Succeeded || a == Failed || a == Canceled }

// follows are the states that may come after one that has not ended. InProgress
// follows itself where the progress changes.
var follows = map[Action][]Action{
	Accepted:   {InProgress, Succeeded, Failed, Canceling, Canceled},
	InProgress: {InProgress, Succeeded, Failed, Canceling, Canceled},
	Canceling:  {Succeeded, Failed, Canceled},
}

// Request is a work request as it stands after its latest step.
type Request struct {
	ID string `json:"id"`
	// Operation is the command's detail-type; Service is the target that handles
	// it, empty where no rule does.
	Operation string `json:"operation"`
	Service   string `json:"service"`
	// EntityType is what the command acts on: its detail's entityType, or else the
	// operation without its verb, as bds-instance of CreateBdsInstance.
	EntityType string `json:"entityType"`
	EntityID   string `json:"entityId,omitempty"`
	Action     Action `json:"actionType"`
	// Percent is from 0 to 100.
	Percent      float64   `json:"percentComplete"`
	TimeAccepted time.Time `json:"timeAccepted"`
	TimeStarted  time.Time `json:"timeStarted,omitzero"`
	TimeFinished time.Time `json:"timeFinished,omitzero"`
	Error        *Failure  `json:"error,omitempty"`
	// CommandID is the id of the command's event, Source who sent it.
	CommandID     string  `json:"commandId"`
	CorrelationID string  `json:"correlationId"`
	Source        string  `json:"source"`
	Bus           string  `json:"bus"`
	Synthetic     bool    `json:"synthetic,omitempty"`
	Handler       Handler `json:"handler"`
	// History holds the first step and the latest ones.
	History []Step `json:"history"`
}

// Handler is the delivery that handles a command.
type Handler struct {
	Bus    string `json:"bus"`
	Rule   string `json:"rule"`
	Entry  string `json:"entry"`
	Target string `json:"target"`
}

// Failure is why a work request failed.
type Failure struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	// Status is that of the handler's answer in HTTP, 0 if there was none.
	Status int `json:"status,omitempty"`
}

// Step is one state in the history of a work request.
type Step struct {
	Action  Action    `json:"actionType"`
	Time    time.Time `json:"time"`
	Percent float64   `json:"percentComplete"`
	// EventID is the id of the step's own event; CausationID is that of the event
	// which made the step, empty where it was the command's delivery or a call.
	EventID     string `json:"eventId"`
	CausationID string `json:"causationId,omitempty"`
	// Note is how the step came about.
	Note string `json:"note,omitempty"`
}

// maxHistory bounds the steps that a work request keeps.
const maxHistory = 64

// Change is what is to become of a work request.
type Change struct {
	Action Action
	// Percent is how far the work has come; nil where nobody said.
	Percent *float64
	Error   *Failure
	// EntityID names what the work made, empty where nobody said.
	EntityID string
	// CausationID is the id of the event that says so, if one does.
	CausationID string
	Note        string
	At          time.Time
}

// Refusal is why a change does not move a work request, for the metrics.
type Refusal string

// The reasons why a change does not move a work request. None is that it does.
const (
	None      Refusal = ""
	HasEnded  Refusal = "ended"     // nothing moves an ended one
	Backwards Refusal = "backwards" // the state does not follow the present one
	Unchanged Refusal = "unchanged" // it says what is known already
)

// Refusals are all reasons but None.
var Refusals = []Refusal{HasEnded, Backwards, Unchanged}

// Move returns the request after a change, whose step has eventID; the request
// itself stays as it is. Of a refused change it returns nil and the reason.
func (r *Request) Move(c Change, eventID string) (*Request, Refusal) {
	switch {
	case r.Action.Ended():
		return nil, HasEnded
	case c.Action == r.Action && !r.progresses(c):
		return nil, Unchanged
	case !slices.Contains(follows[r.Action], c.Action):
		return nil, Backwards
	}
	next := *r
	next.Action = c.Action
	next.setProgress(c)
	if c.Action == Failed {
		next.Error = c.Error
	}
	if c.EntityID != "" {
		next.EntityID = c.EntityID
	}
	next.History = remember(r.History, Step{
		Action: c.Action, Time: c.At, Percent: next.Percent, EventID: eventID, CausationID: c.CausationID, Note: c.Note,
	})
	return &next, None
}

// progresses reports whether a change of the same state brings the work further.
func (r *Request) progresses(c Change) bool {
	return c.Action == InProgress && c.Percent != nil && *c.Percent > r.Percent
}

// setProgress sets the times and the percentage of a change.
func (r *Request) setProgress(c Change) {
	if c.Percent != nil {
		r.Percent = max(r.Percent, *c.Percent)
	}
	switch {
	case c.Action == Succeeded:
		r.Percent, r.TimeFinished = 100, c.At
	case c.Action.Ended():
		r.TimeFinished = c.At
	}
	if r.TimeStarted.IsZero() && (c.Action == InProgress || c.Action == Succeeded) {
		r.TimeStarted = c.At
	}
}

func remember(history []Step, s Step) []Step {
	all := make([]Step, 0, min(len(history)+1, maxHistory))
	all = append(all, history...)
	if len(all) == maxHistory {
		all = append(all[:1], all[2:]...)
	}
	return append(all, s)
}

// entityOf returns what an operation acts on by its name: its words but the verb at
// the beginning, in lower case with hyphens.
func entityOf(operation string) string {
	parts := words(operation)
	if len(parts) > 1 {
		parts = parts[1:]
	}
	return strings.Join(parts, "-")
}

// words returns the words of a name in PascalCase, or of the last part of one with
// dots before its version, in lower case.
func words(name string) []string {
	parts := strings.Split(name, ".")
	if n := len(parts); n > 1 && isVersion(parts[n-1]) {
		parts = parts[:n-1]
	}
	var all []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			all = append(all, word.String())
		}
		word.Reset()
	}
	for _, c := range parts[len(parts)-1] {
		switch {
		case unicode.IsUpper(c):
			end()
			word.WriteRune(unicode.ToLower(c))
		case unicode.IsLetter(c) || unicode.IsDigit(c):
			word.WriteRune(c)
		default:
			end()
		}
	}
	end()
	return all
}

// isVersion reports whether part of a name is a version, such as v1.
func isVersion(part string) bool {
	return len(part) > 1 && part[0] == 'v' && strings.Trim(part[1:], "0123456789") == ""
}

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"signalbox/diff"
	"signalbox/dlq"
	"signalbox/event"
	"signalbox/jobs"
	"signalbox/journal"
	"signalbox/replay"
	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/spelling"
	"signalbox/state"
	"signalbox/trace"
)

// Error is an answer that is not a success, as the API sends it in {"error": …} and its
// client returns it.
type Error struct {
	// Status is the HTTP status; it is not part of the body.
	Status int `json:"-"`
	// Code names the kind of error for programs.
	Code string `json:"code"`
	// Message is what is wrong.
	Message string `json:"message"`
	// Hint is how to fix it; it may be empty.
	Hint string `json:"hint,omitempty"`
	// Details are the faults one by one where there are several, or where one is.
	Details any `json:"details,omitempty"`
}

// Faults returns the details as a list of texts; nil where they are none.
func (e *Error) Faults() (faults []string) {
	switch list := e.Details.(type) {
	case []string:
		return list
	case []any:
		for _, x := range list {
			if text, ok := x.(string); ok {
				faults = append(faults, text)
			}
		}
	}
	return faults
}

// Error is the message, with the hint in parentheses.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Hint)
}

func badRequest(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// WriteError answers with an error as JSON.
func WriteError(w http.ResponseWriter, problem *Error) {
	if problem.Code == "" {
		problem.Code = codeOf(problem.Status)
	}
	if err := writeJSON(w, problem.Status, map[string]*Error{"error": problem}); err != nil {
		w.WriteHeader(http.StatusInternalServerError) // details that are no JSON
	}
}

// problemOf returns an error as it is answered: its status, and what of it is told.
func problemOf(err error) *Error {
	var (
		known   *Error
		refused *event.Error
		request *dlq.BadRequest
		search  *trace.BadRequest
		past    *replay.BadRequest
		clash   *jobs.Conflict
		when    *diff.RangeError
		ask     *state.BadRequest
		lost    *state.NotKept
		heavy   *state.TooMuch
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return refusal(refused)
	case errors.As(err, &request):
		return badRequest("%s", request.Reason)
	case errors.As(err, &search):
		return badRequest("%s", search.Problem)
	case errors.As(err, &past):
		return badRequest("%s", past.Reason)
	case errors.As(err, &when):
		return badRequest("%s", when.Problem)
	case errors.As(err, &clash):
		return &Error{Status: http.StatusConflict, Message: clash.Reason}
	case errors.As(err, &ask):
		return badRequest("%s", ask.Problem)
	case errors.As(err, &lost):
		return &Error{Status: http.StatusNotFound, Code: "NotKept", Message: lost.Problem, Hint: lost.Hint}
	case errors.As(err, &heavy):
		return &Error{Status: http.StatusServiceUnavailable, Message: heavy.Problem}
	case errors.Is(err, journal.ErrNotLeading):
		return &Error{Status: http.StatusServiceUnavailable, Message: "this node does not lead its cluster any more", Hint: "send it again, to any node"}
	case errors.Is(err, jobs.ErrStopped), errors.Is(err, context.Canceled):
		return &Error{Status: http.StatusServiceUnavailable, Message: "the router is stopping"}
	case errors.Is(err, journal.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Message: err.Error()}
	}
	return &Error{Status: http.StatusInternalServerError, Message: "internal error", Hint: "the router's log says more"}
}

// missing adds to an error that says that something is not there where to look.
func missing(err error, hint string) error {
	if !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	return &Error{Status: http.StatusNotFound, Message: err.Error(), Hint: hint}
}

func refusal(err *event.Error) *Error {
	p := badRequest("event: %s", err.Message)
	p.Code = err.Code
	if err.Reason != "" {
		p.Message += ": " + err.Reason
	}
	return p
}

// like returns the hint for a name that does not exist: the one that was probably meant, or
// where to look.
func like(name string, names []string, otherwise string) string {
	if hint := spelling.Suggest(name, names); hint != "" {
		return strings.Trim(hint, " ()")
	}
	return otherwise
}

// pauseProblem returns an error with its status; hint is for what does not exist.
func pauseProblem(err error, hint string) error {
	var (
		unknown  *pause.Unknown
		noTarget *router.UnknownTarget
		file     *pause.ByFile
	)
	switch {
	case errors.As(err, &noTarget):
		return &Error{Status: http.StatusNotFound, Message: noTarget.Error(), Hint: hint}
	case errors.As(err, &unknown):
		return &Error{Status: http.StatusNotFound, Message: unknown.Error(), Hint: hint}
	case errors.As(err, &file):
		return &Error{Status: http.StatusConflict, Message: file.What + " is paused by its file", Hint: file.Fix}
	case errors.Is(err, router.ErrStopping):
		return &Error{Status: http.StatusServiceUnavailable, Message: "the router is stopping"}
	}
	return err
}

// Package targets is the contract of a target: its kinds, their configuration, and
// its one typed delivery error.
package targets

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"signalbox/event"
)

// Delivery is one attempt to hand one event to one target on behalf of a rule.
type Delivery struct {
	// ID is stable through retries, restarts, redrive and replay.
	ID      string
	EventID string
	Bus     string
	Rule    string
	// RuleTarget is the id of the target entry in the rule.
	RuleTarget string
	// Target is the target's name.
	Target string
	// Attempt counts from 1 over the life of the delivery.
	Attempt int
	// Envelope is the event in EventBridge's envelope. Neither it nor Body may be
	// changed or used again, not even after Deliver has returned: a connection
	// that is being given up can still be reading them.
	Envelope []byte
	// Body is the transformed body; nil means that the rule does not transform,
	// and the target sends the event in its own format.
	Body []byte
	// Parameters are what the rule adds to the request of an http target; nil for none.
	Parameters *Parameters
	// Attributes go with the event: as attributes of the message, or as headers.
	Attributes []Attribute
	// Replay is the name of the replay that sends the event again, which Envelope has too;
	// empty for none.
	Replay string
	// Meta is the event's metadata; it must not be changed.
	Meta *event.Metadata
	// Status is where an http target puts the HTTP status of its answer.
	Status int
	// Taken is where a bus target puts the events that it has put on a bus.
	Taken []*event.Event
	// Answer is where Deliver puts what the target answered, success or
	// not; nil where nobody reads it.
	Answer *Answer
	// Hide is where a target that puts something into Answer puts what returns a text
	// without its secrets; nil where it has none.
	Hide func(text string) string
}

// Attribute is a name and what it says, in any characters.
type Attribute struct{ Name, Value string }

// Answer is what a target answered to a delivery.
type Answer struct {
	// Status is the HTTP status, 0 where the target speaks no HTTP.
	Status      int
	ContentType string
	// Header is that of an HTTP answer.
	Header http.Header
	// Body is the answer's body, up to MaxAnswer bytes.
	Body []byte
	// Cut means that the body was longer than MaxAnswer, or broke off.
	Cut bool
}

// MaxAnswer is how much of an answer is kept for its reader, in bytes.
const MaxAnswer = 256 << 10

// Synthetic reports whether the event is a test event.
func (d *Delivery) Synthetic() bool { return d.Meta != nil && d.Meta.Synthetic }

// Target makes one attempt at a time to hand over a delivery. It is safe for
// concurrent use.
type Target interface {
	// Deliver makes one attempt. A nil error means that the target has taken the
	// event. Any other error is, or wraps, an *Error. The Delivery is the caller's again when
	// Deliver has returned, and is used for another; what it refers to is not.
	Deliver(ctx context.Context, d *Delivery) error
	// Preview renders what Deliver would send, with secrets masked.
	Preview(d *Delivery) (Request, error)
	// Close frees connections and files. It is called once, when no delivery is
	// under way.
	Close() error
}

// Reopener is a target that writes to a file, which it can open again.
type Reopener interface{ Reopen() error }

// Request is a rendered delivery, as shown by dry runs and dead letters.
type Request struct {
	// Method and Address are "POST" and a URL for http, "PUBLISH" and a subject
	// for a queue, "WRITE" and a file for a log, "PUT" and a bus's name for a bus.
	Method  string            `json:"method"`
	Address string            `json:"address"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body"`
}

// Error is why an attempt did not deliver, and whether to try again.
type Error struct {
	// Code is EventBridge's error code for a dead letter.
	Code string
	// Status is the HTTP status of the answer, 0 if there was none.
	Status int
	// Final means that trying again cannot help.
	Final bool
	// RetryAfter is the least wait before the next attempt that the target asked
	// for; 0 if it did not.
	RetryAfter time.Duration
	// Snippet is the beginning of the answer's body.
	Snippet string
	// Tries is how often the target was tried in this attempt, at least 1.
	Tries int
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// The error codes of dead letters, in EventBridge's terms (docs/errors.md). CodeInvalidReply,
// CodeMaxHops and CodeMaxDerived are this router's own. CodeUnknown is of a target that breaks
// its contract and returns another error than an *Error.
const (
	CodeConnectionFailure = "CONNECTION_FAILURE"
	CodeErrorFromTarget   = "ERROR_FROM_TARGET"
	CodeInternalError     = "INTERNAL_ERROR"
	CodeInvalidJSON       = "INVALID_JSON"
	CodeInvalidParameter  = "INVALID_PARAMETER"
	CodeInvalidReply      = "INVALID_REPLY"
	CodeMaxDerived        = "MAX_DERIVED"
	CodeMaxHops           = "MAX_HOPS"
	CodeNoPermissions     = "NO_PERMISSIONS"
	CodeNoResource        = "NO_RESOURCE"
	CodeThrottling        = "THROTTLING"
	CodeTimeout           = "TIMEOUT"
	CodeUnknown           = "UNKNOWN"
)

// Content returns the body of a delivery to a target that gives an event no form of
// its own.
func (d *Delivery) Content() []byte {
	if d.Body != nil {
		return d.Body
	}
	return d.Envelope
}

// Event returns the event of a delivery, with its metadata. Its error is an *Error.
func (d *Delivery) Event() (*event.Event, error) {
	ev, err := event.ParseEnvelope(d.Envelope)
	if err != nil {
		return nil, &Error{Code: CodeInvalidJSON, Final: true, Tries: 1, Err: fmt.Errorf("stored envelope: %w", err)}
	}
	if d.Meta != nil {
		ev.Meta = *d.Meta
	}
	return ev, nil
}

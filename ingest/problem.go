package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signalbox/event"
)

// problem is why a request, or one event of it, is refused, as it is answered.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Details are where the fault is; nil where that is the whole request.
	Details *details `json:"details,omitempty"`

	status     int
	retryAfter time.Duration
}

// details are where in a body a fault is, and more of why it is one.
type details struct {
	Path   string `json:"path,omitempty"`
	Offset int    `json:"offset,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// refusal is the problem of an error that an event or a body has of its own.
func refusal(err *event.Error) *problem {
	p := &problem{status: http.StatusBadRequest, Code: err.Code, Message: err.Message}
	if d := (details{err.Path, err.Offset, err.Reason}); d != (details{}) {
		p.Details = &d
	}
	switch err.Code {
	case event.CodeNoHandler, event.CodeSeveralHandlers:
		p.status = http.StatusUnprocessableEntity
	case event.CodeNotFound:
		p.status = http.StatusNotFound
	case event.CodeThrottling:
		p.status = http.StatusTooManyRequests
	case event.CodeInternalFailure:
		p.status = http.StatusInternalServerError
	}
	return p
}

// ofError is the problem of any error. What is not meant for callers is
// answered in general words, and internal is true: it should be logged.
func ofError(err error) (p *problem, internal bool) {
	var refused *event.Error
	if errors.As(err, &refused) {
		return refusal(refused), false
	}
	var backlog interface{ RetryAfter() time.Duration }
	if errors.As(err, &backlog) {
		return &problem{status: http.StatusTooManyRequests, Code: event.CodeThrottling, Message: err.Error(),
			retryAfter: max(backlog.RetryAfter(), time.Second)}, false
	}
	return &problem{status: http.StatusServiceUnavailable, Code: event.CodeInternalFailure,
		Message: "nothing was accepted: the events could not be stored; send them again", retryAfter: time.Second}, true
}

// setRetryAfter sets the header that says when to try again, in whole seconds, rounded up.
func (p *problem) setRetryAfter(header http.Header) {
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((p.retryAfter+time.Second-1)/time.Second), 10))
	}
}

func writeProblem(w http.ResponseWriter, p *problem) {
	p.setRetryAfter(w.Header())
	writeJSON(w, p.status, answer{Error: p})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header()["Content-Type"] = jsonType
	writeEncoded(w, status, body)
}

// writeEncoded answers with body as JSON; the content type has been set.
func writeEncoded(w http.ResponseWriter, status int, body any) {
	buf := buffers.Get().(*bytes.Buffer)
	defer releaseBuffer(buf)
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		// Only a plan that is no JSON can get here.
		http.Error(w, "the answer can't be written as JSON: "+err.Error(), http.StatusInternalServerError)
		return
	}
	write(w, status, buf)
}

// countedBody is how long an answer can be, in bytes, for net/http to tell its length by itself,
// which costs less than to be told it.
const countedBody = 2048

// write answers with a body.
func write(w http.ResponseWriter, status int, body *bytes.Buffer) {
	if body.Len() > countedBody {
		w.Header()["Content-Length"] = []string{strconv.Itoa(body.Len())}
	}
	w.WriteHeader(status)
	w.Write(body.Bytes()) // an error means that nobody listens any more
}

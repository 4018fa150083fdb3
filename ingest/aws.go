package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"signalbox/event"
)

const (
	awsPrefix      = "AWSEvents."
	awsContentType = "application/x-amz-json-1.1"
)

// serveAWS answers the EventBridge API in the AWS JSON protocol.
func (h *Handler) serveAWS(w http.ResponseWriter, r *http.Request) {
	f, o := formOther, outcomeRefused
	defer h.observed(time.Now(), &f, &o)
	w.Header()["X-Amzn-Requestid"] = []string{uuid.NewString()}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeAWSProblem(w, &problem{status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed",
			Message: "the EventBridge API takes POST alone"})
		return
	}
	target := r.Header.Get("X-Amz-Target")
	operation, ok := strings.CutPrefix(target, awsPrefix)
	switch {
	case target == "":
		writeAWSProblem(w, unknownOperation("the header X-Amz-Target is missing: AWS clients send it, all others post their events to /v1/events"))
	case !ok:
		writeAWSProblem(w, unknownOperation(fmt.Sprintf("%q is not an operation of EventBridge (%s…)", target, awsPrefix)))
	case r.URL.RawQuery != "": // ?dry_run=true, which would be none
		writeAWSProblem(w, &problem{status: http.StatusBadRequest, Code: event.CodeValidation,
			Message: "the EventBridge API takes no parameters in the query: those of /v1/events are for that path"})
	case !awsMediaType(r.Header.Get("Content-Type")):
		writeAWSProblem(w, &problem{status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaTypeException",
			Message: fmt.Sprintf("Content-Type %q is not supported: send %s", r.Header.Get("Content-Type"), awsContentType)})
	case operation == "PutEvents":
		f = formPutEvents
		o = h.putEvents(w, r)
	case h.opts.Control != nil && h.opts.Control.Right(operation) != "":
		f = formControl
		o = h.control(w, r, operation)
	default:
		writeAWSProblem(w, unknownOperation(operation+" is not supported here"))
	}
}

// control answers an operation of the control plane.
func (h *Handler) control(w http.ResponseWriter, r *http.Request, operation string) outcome {
	if p := h.lacks(r, h.opts.Control.Right(operation), operation); p != nil {
		writeAWSProblem(w, p)
		return outcomeRefused
	}
	body, p := h.readBody(w, r)
	if p != nil {
		writeAWSProblem(w, p)
		return outcomeRefused
	}
	defer releaseBuffer(body)
	answer, err := h.opts.Control.Call(r, operation, body.Bytes())
	var refused *event.Error
	switch {
	case errors.As(err, &refused):
		writeAWSProblem(w, &problem{status: http.StatusBadRequest, Code: refused.Code, Message: refused.Message})
		return outcomeRefused
	case err != nil:
		h.log.Error("an operation failed", zap.String("operation", operation), zap.Error(err))
		writeAWSProblem(w, &problem{status: http.StatusInternalServerError, Code: "InternalException", Message: "the operation failed: the log of the router says why"})
		return outcomeFailed
	}
	w.Header()["Content-Type"] = awsType
	if answer != nil {
		writeEncoded(w, http.StatusOK, answer)
	}
	return outcomeAccepted
}

func unknownOperation(message string) *problem {
	return &problem{status: http.StatusBadRequest, Code: "UnknownOperationException", Message: message}
}

func awsMediaType(contentType string) bool {
	switch mediaType(contentType) {
	case "", awsContentType, "application/x-amz-json-1.0", "application/json":
		return true
	}
	return false
}

// putResult is the result of one entry. Reason is not EventBridge's: it says
// what its recorded text leaves out, Duplicate that EventID is that of an event
// accepted before; SDKs pass over both.
type putResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
	Reason       string `json:",omitempty"`
	Duplicate    bool   `json:",omitempty"`
}

type putResponse struct {
	FailedEntryCount int
	Entries          []putResult
}

func (h *Handler) putEvents(w http.ResponseWriter, r *http.Request) outcome {
	body, p := h.readBody(w, r)
	if p != nil {
		writeAWSProblem(w, p)
		return outcomeRefused
	}
	batch, err := event.DecodePutEvents(body.Bytes(), h.put)
	releaseBuffer(body)
	if err != nil {
		p, _ := ofError(err)
		writeAWSProblem(w, p)
		return outcomeRefused
	}
	if p := h.forbidden(r, batch.Events, false); p != nil {
		writeAWSProblem(w, p)
		return outcomeRefused
	}
	mark(batch.Events, r.Header)
	problems, err := h.accept(r, batch)
	if err != nil {
		return h.failAWS(w, err)
	}
	if answerIDs(w, awsType, `{"FailedEntryCount":0,"Entries":[`, `{"EventId":"`, batch.Events, problems) {
		return outcomeAccepted
	}
	response := putResponse{Entries: make([]putResult, len(batch.Events))}
	for i, p := range problems {
		if p == nil {
			response.Entries[i].EventID, response.Entries[i].Duplicate = batch.Events[i].ID, batch.Events[i].Duplicate
			continue
		}
		response.FailedEntryCount++
		response.Entries[i] = putResult{ErrorCode: p.Code, ErrorMessage: p.Message}
		if p.Details != nil {
			response.Entries[i].Reason = p.Details.Reason
		}
	}
	w.Header()["Content-Type"] = awsType
	writeEncoded(w, http.StatusOK, &response)
	return outcomeOf(response.FailedEntryCount, len(problems))
}

// failAWS answers a call that failed as a whole.
func (h *Handler) failAWS(w http.ResponseWriter, err error) outcome {
	p, internal := ofError(err)
	if !internal {
		writeAWSProblem(w, p)
		return outcomeBacklog
	}
	h.log.Error("events were not accepted", zap.Error(err))
	p.status = http.StatusInternalServerError
	writeAWSProblem(w, p)
	return outcomeFailed
}

// accept hands over those events that have not been refused. Its slice has nil
// for each event that is on disk.
func (h *Handler) accept(r *http.Request, batch event.Batch) ([]*problem, error) {
	events := batch.Events
	problems := make([]*problem, len(events))
	if batch.Refused != nil {
		events = make([]*event.Event, 0, len(batch.Events))
		for i, e := range batch.Events {
			if e == nil {
				problems[i] = refusal(batch.Refused[i])
				continue
			}
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		return problems, nil
	}
	errs, err := h.accepter.Accept(r.Context(), events)
	if err != nil {
		return nil, err
	}
	next := 0
	for i := range problems {
		if problems[i] != nil {
			continue
		}
		if err := errs[next]; err != nil {
			var internal bool
			if problems[i], internal = ofError(err); internal {
				h.log.Error("an event was not accepted", zap.Error(err))
			}
		}
		next++
	}
	return problems, nil
}

// writeAWSProblem answers an error as the AWS JSON protocol has it.
func writeAWSProblem(w http.ResponseWriter, p *problem) {
	p.setRetryAfter(w.Header())
	w.Header()["Content-Type"] = awsType
	w.Header().Set("X-Amzn-Errortype", p.Code)
	status := p.status
	if p.Code == codeAccessDenied {
		status = http.StatusBadRequest // as AWS has it
	}
	writeEncoded(w, status, struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{p.Code, p.Message})
}

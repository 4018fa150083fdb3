package ingest

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"signalbox/event"
)

// answer is the answer of /v1/events. Events has a result for each event, in
// order, or is empty where the request is refused as a whole.
type answer struct {
	Error  *problem `json:"error,omitempty"`
	DryRun bool     `json:"dry_run,omitempty"`
	Events []result `json:"events,omitzero"`
}

type result struct {
	ID string `json:"id,omitempty"`
	// Duplicate means that ID is that of an event that was accepted before.
	Duplicate bool     `json:"duplicate,omitempty"`
	Plan      any      `json:"plan,omitempty"`
	Error     *problem `json:"error,omitempty"`
}

// parameters are those of the query.
type parameters struct {
	dryRun, synthetic bool
	bus               string
	wait              time.Duration // of commands and queries
}

// serveEvents takes events in all forms but PutEvents. A request with an event that
// can't be decoded is refused as a whole. What the rules or the catalog refuse is told
// event by event, under the gravest status: the others are accepted, and the answer
// has their ids.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, parseParameters, h.takeEvents)
}

// serve does what is common to the ways in: it reads the query and the form.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, parse func(query string) (parameters, *problem),
	take func(http.ResponseWriter, *http.Request, form, parameters) outcome,
) {
	f, o := formOther, outcomeRefused
	defer h.observed(time.Now(), &f, &o)
	switch r.Method {
	case http.MethodPost:
	case http.MethodOptions:
		handshake(w, r)
		o = outcomeAccepted
		return
	default:
		allow := "POST, OPTIONS"
		if r.URL.Path == "/v1/events" { // see TakesEvents
			allow = "GET, HEAD, " + allow
		}
		w.Header().Set("Allow", allow)
		writeProblem(w, &problem{status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: "send events with POST"})
		return
	}
	params, p := parse(r.URL.RawQuery)
	if p == nil {
		f, p = formOf(r.Header)
	}
	if p != nil {
		writeProblem(w, p)
		return
	}
	o = take(w, r, f, params)
}

func (h *Handler) takeEvents(w http.ResponseWriter, r *http.Request, f form, params parameters) outcome {
	batch, ok := h.readBatch(w, r, f, params)
	switch {
	case !ok:
		return outcomeRefused
	case params.dryRun:
		return h.dryRun(w, r, batch.Events)
	}
	problems, err := h.accept(r, batch)
	if err != nil {
		return h.failed(w, err)
	}
	return answerEvents(w, batch.Events, problems)
}

// failed answers for what was not accepted as a whole.
func (h *Handler) failed(w http.ResponseWriter, err error) outcome {
	p, internal := ofError(err)
	writeProblem(w, p)
	if !internal {
		return outcomeBacklog
	}
	h.log.Error("events were not accepted", zap.Error(err))
	return outcomeFailed
}

// readBatch reads the events of a request; it has answered where it says false.
func (h *Handler) readBatch(w http.ResponseWriter, r *http.Request, f form, params parameters) (batch event.Batch, ok bool) {
	body, p := h.readBody(w, r)
	if p != nil {
		writeProblem(w, p)
		return batch, false
	}
	batch, err := h.decode(f, r.Header, body.Bytes())
	releaseBuffer(body)
	if err != nil {
		p, _ := ofError(err)
		writeProblem(w, p)
		return batch, false
	}
	mark(batch.Events, r.Header)
	for _, e := range batch.Events {
		if e == nil {
			continue
		}
		e.Meta.Synthetic = e.Meta.Synthetic || params.synthetic
		if params.bus != "" {
			e.Meta.Bus = params.bus
		}
	}
	if p := h.forbidden(r, batch.Events, params.dryRun); p != nil {
		writeProblem(w, p)
		return batch, false
	}
	if batch.Refused != nil {
		refuseBatch(w, batch)
		return batch, false
	}
	return batch, true
}

func (h *Handler) decode(f form, header http.Header, body []byte) (event.Batch, error) {
	switch f {
	case formCloudEventsBatch:
		return event.DecodeCloudEvents(body, h.batch)
	case formCloudEventsStructured:
		return single(event.DecodeCloudEvent(body, h.batch))
	case formCloudEventsBinary:
		return single(event.DecodeCloudEventHTTP(header, body, h.batch))
	}
	return event.DecodeJSON(body, h.batch)
}

func single(e *event.Event, err error) (event.Batch, error) {
	return event.Batch{Events: []*event.Event{e}}, err
}

// refuseBatch answers when an event of the request can't be decoded.
func refuseBatch(w http.ResponseWriter, batch event.Batch) {
	results := make([]result, len(batch.Events))
	refused := 0
	for i, err := range batch.Refused {
		if err != nil {
			results[i].Error = refusal(err)
			refused++
		}
	}
	writeJSON(w, http.StatusBadRequest, answer{Events: results, Error: &problem{Code: event.CodeInvalidArgument,
		Message: fmt.Sprintf("%d of %d events are not valid, and none was accepted: fix or remove them", refused, len(results))}})
}

func (h *Handler) dryRun(w http.ResponseWriter, r *http.Request, events []*event.Event) outcome {
	if h.opts.Plan == nil {
		writeProblem(w, &problem{status: http.StatusNotImplemented, Code: "NotImplemented", Message: "dry runs are turned off here"})
		return outcomeRefused
	}
	results := make([]result, len(events))
	for i, e := range events {
		plan, err := h.opts.Plan(r.Context(), e)
		if err == nil {
			results[i].Plan = plan
			continue
		}
		var internal bool
		if results[i].Error, internal = ofError(err); internal {
			results[i].Error.Message = "the event can't be planned: " + err.Error()
		}
	}
	writeJSON(w, http.StatusOK, answer{DryRun: true, Events: results})
	return outcomeDryRun
}

// answerEvents answers with the gravest status among the events.
func answerEvents(w http.ResponseWriter, events []*event.Event, problems []*problem) outcome {
	if answerIDs(w, jsonType, `{"events":[`, `{"id":"`, events, problems) {
		return outcomeAccepted
	}
	status, failed := http.StatusOK, 0
	a := answer{Events: make([]result, len(events))}
	for i, p := range problems {
		if p == nil {
			a.Events[i].ID, a.Events[i].Duplicate = events[i].ID, events[i].Duplicate
			continue
		}
		a.Events[i].Error = p
		status, failed = max(status, p.status), failed+1
		if p.status == status {
			a.Error = p
		}
	}
	if a.Error != nil {
		a.Error.setRetryAfter(w.Header())
	}
	writeJSON(w, status, a)
	return outcomeOf(failed, len(problems))
}

// parseParameters reads the query. A name that is not known is refused: a
// misspelt dry_run must not deliver.
func parseParameters(query string) (params parameters, p *problem) {
	if query == "" {
		return params, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return params, badQuery("%v", err)
	}
	for name, list := range values {
		value := list[0]
		if len(list) > 1 {
			return params, badQuery("%s is there %d times: give it once", name, len(list))
		}
		switch name {
		case "dry_run":
			params.dryRun, err = strconv.ParseBool(value)
		case "synthetic":
			params.synthetic, err = strconv.ParseBool(value)
		case "bus":
			params.bus = value
		default:
			return params, badQuery("unknown parameter %q: dry_run, synthetic and bus are known", name)
		}
		if err != nil {
			return params, badQuery("%s: %q is neither true nor false", name, value)
		}
	}
	return params, nil
}

func badQuery(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, Code: event.CodeInvalidArgument, Message: "query: " + fmt.Sprintf(format, args...), Details: &details{Path: "query"}}
}

// formOf returns the form of a request by its headers, in the order that the HTTP
// binding for CloudEvents asks for.
func formOf(header http.Header) (form, *problem) {
	contentType := header.Get("Content-Type")
	media := mediaType(contentType)
	switch {
	case media == "application/cloudevents-batch+json":
		return formCloudEventsBatch, checkCharset(contentType)
	case media == "application/cloudevents+json":
		return formCloudEventsStructured, checkCharset(contentType)
	case strings.HasPrefix(media, "application/cloudevents"):
		return formOther, unsupported(contentType)
	case header.Get("Ce-Specversion") != "" || header.Get("Ce-Id") != "":
		return formCloudEventsBinary, nil
	case media == "application/json":
		return formJSON, checkCharset(contentType)
	}
	return formOther, unsupported(contentType)
}

func unsupported(contentType string) *problem {
	return &problem{status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType",
		Message: fmt.Sprintf("Content-Type %q is not supported: send application/json, application/cloudevents+json, "+
			"application/cloudevents-batch+json, or a CloudEvent in ce- headers", contentType)}
}

// mediaType is a content type without its parameters, in lower case.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

func checkCharset(contentType string) *problem {
	if !strings.Contains(contentType, ";") {
		return nil
	}
	_, params, _ := mime.ParseMediaType(contentType)
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupported(contentType)
	}
	return nil
}

// handshake answers a sender of webhooks that asks whether it may send ("HTTP
// 1.1 Web Hooks for Event Delivery", section 4).
func handshake(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "POST, OPTIONS")
	if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" {
		w.Header().Set("WebHook-Allowed-Origin", origin)
		rate := r.Header.Get("WebHook-Request-Rate")
		if rate == "" {
			rate = "*"
		}
		w.Header().Set("WebHook-Allowed-Rate", rate)
	}
	w.WriteHeader(http.StatusOK)
}

package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"signalbox/event"
	"signalbox/machine"
	"signalbox/rules"
	"signalbox/rules/explain"
)

func (h eventHandlers) explain(w http.ResponseWriter, r *http.Request) (any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return nil, tooLarge(err)
	}
	e, envelope, err := h.subject(r.Context(), r.URL.Query().Get("bus"), body)
	if err != nil {
		return nil, err
	}
	return explain.Event(h.router.Rules(), e, envelope)
}

// subject finds the event that a request is about: one that was taken in, if the
// body is {"id": …}, else the one in the body.
func (h eventHandlers) subject(ctx context.Context, bus string, body []byte) (*event.Event, []byte, error) {
	if id, ok := idAlone(body); ok {
		stored, err := h.router.Traces.Event(id)
		if err != nil {
			return nil, nil, missing(err, whereEventsAre)
		}
		return stored.Parsed, stored.Event, nil
	}
	batch, err := event.DecodeJSON(body, event.Limits{MaxEntries: 1})
	if err == nil && len(batch.Refused) > 0 && batch.Refused[0] != nil {
		err = batch.Refused[0]
	}
	if err != nil && event.IsRecorded(body) {
		return h.recorded(bus, body)
	}
	if err != nil {
		return nil, nil, err
	}
	e := batch.Events[0]
	if bus != "" {
		e.Meta.Bus = bus
	}
	plan, err := h.router.Plan(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	return e, plan.Event, nil
}

// recorded reads an event that nothing takes but TestEventPattern of the EventBridge API does,
// with a detail that is no object, or members of its own.
func (h eventHandlers) recorded(bus string, body []byte) (*event.Event, []byte, error) {
	var text struct {
		Source     any `json:"source"`
		DetailType any `json:"detail-type"`
	}
	if err := json.Unmarshal(body, &text); err != nil {
		return nil, nil, err
	}
	e := &event.Event{Meta: event.Metadata{Bus: cmp.Or(bus, rules.DefaultBus)}}
	e.Source, _ = text.Source.(string)
	e.DetailType, _ = text.DetailType.(string)
	if _, ok := h.router.Rules().Buses[e.Meta.Bus]; !ok {
		return nil, nil, &event.Error{Code: event.CodeNotFound, Message: fmt.Sprintf("Event bus %s does not exist.", e.Meta.Bus)}
	}
	return e, body, nil
}

// idAlone reads the id of a body that has no other member.
func idAlone(body []byte) (string, bool) {
	var members map[string]json.RawMessage
	var id string
	if json.Unmarshal(body, &members) != nil || len(members) != 1 || json.Unmarshal(members["id"], &id) != nil {
		return "", false
	}
	return id, true
}

// tooLarge turns the error of reading a body into one to tell.
func tooLarge(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is over the limit of %d bytes", over.Limit)}
	}
	if errors.Is(err, machine.ErrMemory) {
		return &Error{Status: http.StatusServiceUnavailable, Message: err.Error()}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{Status: http.StatusRequestTimeout, Message: "the body did not come in time", Hint: "send it again"}
	}
	return badRequest("body: %v", err)
}

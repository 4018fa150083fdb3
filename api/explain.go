package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/explain"
)

func (h eventHandlers) explain(w http.ResponseWriter, r *http.Request) (any, error) {
	body, err := bodyOf(w, r)
	if err != nil {
		return nil, err
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
		if bus != "" {
			return nil, nil, badRequest("bus does not go together with an id: the event is explained on its own bus")
		}
		stored, err := h.router.Traces.Find(ctx, id)
		if err != nil {
			return nil, nil, missing(damageProblem(err), whereEventsAre)
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
	if json.Unmarshal(body, &members) != nil || len(members) != 1 || json.Unmarshal(members["id"], &id) != nil || checkMembers(body, nil) != nil {
		return "", false
	}
	return id, true
}

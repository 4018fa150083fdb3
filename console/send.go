package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"signalbox/api"
	"signalbox/api/client"
)

// sendView is the form that sends an event.
type sendView struct{ Target, Event, Bus string }

// loadSend begins with an event that a rule sends to the target, where one is named.
func loadSend(v *visit) (any, error) {
	x := sendView{Target: v.q("target"), Event: playEvent, Bus: v.q("bus")}
	if x.Target == "" {
		return x, nil
	}
	list, err := v.api.Rules.List(v.ctx())
	for _, r := range list {
		if r.State == "enabled" && slices.ContainsFunc(r.Targets, func(t client.RuleTarget) bool { return t.Target == x.Target }) {
			text, err := json.Marshal(sampleOf(r.Pattern))
			x.Event, x.Bus = indented(text), r.Bus
			return x, err
		}
	}
	return x, err
}

func doSend(v *visit) (string, string, error) {
	opts := client.SendOptions{Bus: strings.TrimSpace(v.q("bus")), Synthetic: v.q("synthetic") != ""}
	sent, err := v.api.Events.Send(v.ctx(), []byte(v.q("event")), opts)
	if err == nil && len(sent.Events) == 0 {
		err = &api.Error{Status: http.StatusBadRequest, Message: "the list of events is empty"}
	}
	if err != nil {
		return "", "", err
	}
	return link("event", "id", sent.Events[0].ID)[len(Path):], "The event is accepted.", nil
}

// sampleOf returns an event that a pattern is about, as far as its plain values tell.
func sampleOf(pattern json.RawMessage) map[string]any {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(pattern, &fields) // a pattern that serves is JSON
	e := map[string]any{"source": "example.app", "detail-type": "SomethingHappened", "detail": map[string]any{}}
	for _, name := range []string{"source", "detail-type", "detail"} {
		if value, ok := plain(fields[name]); ok {
			e[name] = value
		}
	}
	return e
}

// plain returns the first plain value of a pattern's field, and of an object those of its fields.
func plain(field json.RawMessage) (any, bool) {
	var list []any
	if json.Unmarshal(field, &list) == nil {
		for _, v := range list {
			if _, operator := v.(map[string]any); !operator {
				return v, true
			}
		}
		return nil, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(field, &fields) != nil {
		return nil, false
	}
	object := map[string]any{}
	for name, f := range fields {
		if v, ok := plain(f); ok {
			object[name] = v
		}
	}
	return object, true
}

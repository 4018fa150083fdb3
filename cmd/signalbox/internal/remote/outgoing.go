package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"signalbox/cmd/signalbox/internal/cli"
)

// outgoing is one event on its way to the router, in any form that /v1/events
// takes as JSON.
type outgoing struct {
	bus  string // empty leaves it to the router
	json []byte
}

// splitEvents reads one event, an array of events, the Entries of a PutEvents
// request, or events one after another, as lines of JSON are.
func splitEvents(text []byte) ([]outgoing, error) {
	var events []outgoing
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		err := dec.Decode(&value)
		if err != nil && !dec.More() && len(bytes.TrimSpace(text[dec.InputOffset():])) == 0 {
			break
		}
		if err != nil {
			line := 1 + bytes.Count(text[:dec.InputOffset()], []byte("\n"))
			return nil, fmt.Errorf("events: not valid JSON, in or after line %d: %w", line, err)
		}
		found, err := eventsIn(value)
		if err != nil {
			return nil, err
		}
		events = append(events, found...)
	}
	if len(events) == 0 {
		return nil, errors.New("events: the input holds none")
	}
	return events, nil
}

// eventsIn returns the events of one value: itself, or those that it lists.
func eventsIn(value json.RawMessage) ([]outgoing, error) {
	list := []json.RawMessage{value}
	var request struct{ Entries []json.RawMessage }
	switch {
	case value[0] == '[':
		if err := json.Unmarshal(value, &list); err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
	case json.Unmarshal(value, &request) == nil && request.Entries != nil:
		list = request.Entries
	}
	events := make([]outgoing, len(list))
	for i, text := range list {
		var err error
		if events[i], err = toOutgoing(text); err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
	}
	return events, nil
}

// members returns the members of an object by their exact names; nil for any other
// value.
func members(text []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(text, &m) != nil {
		return nil
	}
	return m
}

// toOutgoing turns an entry of PutEvents into an event in the canonical envelope,
// and leaves every other event as it is.
func toOutgoing(text json.RawMessage) (outgoing, error) {
	in := members(text)
	_, hasSource := in["Source"]
	_, hasType := in["DetailType"]
	_, hasDetail := in["Detail"]
	if !hasSource && !hasType && !hasDetail {
		return outgoing{json: text}, nil
	}
	envelope := map[string]json.RawMessage{}
	var bus string
	for name, value := range in {
		var err error
		switch name {
		case "Source":
			envelope["source"] = value
		case "DetailType":
			envelope["detail-type"] = value
		case "Resources":
			envelope["resources"] = value
		case "TraceHeader":
			envelope["trace-header"] = value
		case "Detail":
			envelope["detail"], err = unquote(value)
		case "Time":
			envelope["time"], err = asTime(value)
		case "EventBusName":
			err = json.Unmarshal(value, &bus)
		default:
			err = errors.New("an entry of PutEvents has no such member")
		}
		if err != nil {
			return outgoing{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	text, err := json.Marshal(envelope)
	return outgoing{bus: bus, json: text}, err
}

// unquote returns the JSON in a string, as PutEvents wants a detail, and leaves an
// object, as people write it, as it is.
func unquote(value json.RawMessage) (json.RawMessage, error) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return value, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, errors.New("not valid JSON")
	}
	return json.RawMessage(text), nil
}

// asTime returns a time as text: the API has seconds since 1970.
func asTime(value json.RawMessage) (json.RawMessage, error) {
	var seconds float64
	if json.Unmarshal(value, &seconds) != nil {
		return value, nil
	}
	return json.Marshal(time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339))
}

// said is what flags say of an event.
type said struct{ source, detailType, detail string }

func (s *said) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.source, "source", "", "the source of the event")
	flags.StringVar(&s.detailType, "detail-type", "", "the detail-type of the event")
	flags.StringVar(&s.detail, "detail", "", "the detail of the event, a JSON object")
}

// any reports whether the flags say anything.
func (s *said) any() bool { return *s != said{} }

// override sets those members that are not empty, under the names that they have
// in the event's own form.
func (o *outgoing) override(said said, bus string) error {
	if bus != "" {
		o.bus = bus
	}
	if !said.any() {
		return nil
	}
	in := members(o.json)
	if in == nil {
		return errors.New("events: an event is a JSON object")
	}
	typeName, dataName := "detail-type", "detail"
	switch {
	case in["specversion"] != nil:
		typeName, dataName = "type", "data"
	case in["eventType"] != nil:
		typeName, dataName = "eventType", "data"
	}
	for name, text := range map[string]string{"source": said.source, typeName: said.detailType} {
		if text == "" {
			continue
		}
		value, err := json.Marshal(text)
		if err != nil {
			return err
		}
		in[name] = value
	}
	if said.detail != "" {
		if members([]byte(said.detail)) == nil {
			return cli.WrongUsage("--detail: write a JSON object, such as '{\"total\": 120}'")
		}
		in[dataName] = json.RawMessage(said.detail)
	}
	text, err := json.Marshal(in)
	o.json = text
	return err
}

// group is events that go in one request.
type group struct {
	bus    string
	events [][]byte
	size   int
}

// The bounds of one request; the router's own are no lower by default.
const (
	maxGroup      = 100
	maxGroupBytes = 512 << 10
)

// groups parts events, in their order, into requests.
func groups(events []outgoing) []group {
	var all []group
	for _, e := range events {
		last := len(all) - 1
		if last < 0 || all[last].bus != e.bus || len(all[last].events) == maxGroup || all[last].size+len(e.json) > maxGroupBytes {
			all = append(all, group{bus: e.bus})
			last++
		}
		all[last].events = append(all[last].events, e.json)
		all[last].size += len(e.json) + 1
	}
	return all
}

// body is the group as a request has it.
func (g *group) body() []byte {
	if len(g.events) == 1 {
		return g.events[0]
	}
	return append(append([]byte{'['}, bytes.Join(g.events, []byte{','})...), ']')
}

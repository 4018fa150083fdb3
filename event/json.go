package event

import (
	"bytes"
	"fmt"
)

// DecodeJSON reads a body of type application/json: one event or an array of
// them, each in the canonical envelope, as a structured CloudEvent, or as an OCI
// event, told apart by their members. The events keep nothing of body. The
// error, an *Error, is of the body as a whole; an event with a fault of its own
// is refused in the Batch.
func DecodeJSON(body []byte, limits Limits) (Batch, error) {
	return decodeMany(body, limits, decodeAny)
}

// decodeMany reads one object, or an array of them.
func decodeMany(body []byte, limits Limits, decode func([]member, Limits) (*Event, *Error)) (Batch, error) {
	body = withoutBOM(body)
	text := trimSpace(body)
	if len(text) == 0 || text[0] != '[' {
		e, err := decodeOne(body, limits, decode)
		if err != nil {
			return Batch{}, err
		}
		return Batch{Events: []*Event{e}}, nil
	}
	if fault := checkUTF8(body); fault != nil {
		return Batch{}, notJSON(fault)
	}
	// The array, an envelope and its detail: two levels more than a detail has.
	s := scanner{text: body, maxDepth: limits.depth()}
	s.space()
	if !s.array(-1) || !s.end() {
		return Batch{}, notJSON(&s.fault)
	}
	list := elements(text)
	if n := len(list); n == 0 || n > limits.batch() {
		return Batch{}, &Error{Code: CodeValidation, Message: fmt.Sprintf("a batch of %d events: send from 1 to %d", n, limits.batch())}
	}
	b := Batch{Events: make([]*Event, len(list))}
	for i, element := range list {
		e, err := decodeOne(element, limits, decode)
		if err != nil {
			b.refuse(i, err.at(fmt.Sprintf("[%d]", i)))
			continue
		}
		b.Events[i] = e
	}
	return b, nil
}

func decodeOne(text []byte, limits Limits, decode func([]member, Limits) (*Event, *Error)) (*Event, *Error) {
	members, err := parseMembers(withoutBOM(text), limits.depth())
	if err != nil {
		return nil, err
	}
	e, err := decode(members, limits)
	if err != nil {
		return nil, err
	}
	e.Detail = bytes.Clone(e.Detail)
	e.understand()
	return e, nil
}

// decodeAny decodes an envelope in the form that its members show.
func decodeAny(members []member, limits Limits) (*Event, *Error) {
	for i := range members {
		switch members[i].key {
		case "specversion":
			return decodeCloudEvent(members, limits)
		case "cloudEventsVersion", "eventType", "eventID":
			return decodeOCI(members, limits)
		}
	}
	return decodeEnvelope(members, limits)
}

// decodeEnvelope reads a canonical envelope from a producer.
func decodeEnvelope(members []member, _ Limits) (*Event, *Error) {
	e := &Event{Meta: Metadata{Format: FormatJSON}}
	if err := e.setEnvelope(members); err != nil {
		return nil, err
	}
	switch {
	case e.Source == "":
		return nil, missing("source")
	case e.DetailType == "":
		return nil, missing("detail-type")
	case e.Detail == nil:
		return nil, missing("detail")
	}
	return e, nil
}

func missing(name string) *Error {
	return invalid(name, "is required and must not be empty")
}

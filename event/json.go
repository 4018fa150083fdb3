package event

import (
	"fmt"
	"sync"
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
	return decodeArray(body, limits, decode)
}

// decodeArray reads an array of events in one pass.
func decodeArray(body []byte, limits Limits, decode func([]member, Limits) (*Event, *Error)) (Batch, error) {
	if fault := checkUTF8(body); fault != nil {
		return Batch{}, notJSON(fault)
	}
	kept := memberLists.Get().(*memberList)
	defer kept.release()
	s := scanner{text: body, maxDepth: limits.depth()}
	s.space()
	s.pos++
	s.space()
	var b Batch
	n, more, ok := 0, s.peek() != ']', true
	for ; more; n++ {
		e, err, scanned := s.element(n < limits.batch(), kept, limits, decode)
		if !scanned {
			return Batch{}, notJSON(&s.fault)
		}
		b.Events = append(b.Events, e)
		if err != nil {
			b.refuse(n, err.at(fmt.Sprintf("[%d]", n)))
		}
		if more, ok = s.more(']', "',' or ']'"); !more && !ok {
			return Batch{}, notJSON(&s.fault)
		}
	}
	if n == 0 {
		s.pos++
	}
	if !s.end() {
		return Batch{}, notJSON(&s.fault)
	}
	if n == 0 || n > limits.batch() {
		return Batch{}, &Error{Code: CodeValidation, Message: fmt.Sprintf("a batch of %d events: send from 1 to %d", n, limits.batch())}
	}
	return b, nil
}

// element skips one element of an array of events, and decodes it where wanted. scanned is
// false where the element is no JSON.
func (s *scanner) element(wanted bool, kept *memberList, limits Limits, decode func([]member, Limits) (*Event, *Error)) (e *Event, err *Error, scanned bool) {
	if !wanted {
		return nil, nil, s.value(-1)
	}
	start := s.pos
	if s.peek() != '{' {
		if !s.value(-1) {
			return nil, nil, false
		}
		_, err = parseMembers(s.text[start:s.pos], limits.depth()) // says what it is not
		return nil, err, true
	}
	members, count, ok := s.members(kept.list[:0])
	if !ok {
		return nil, nil, false
	}
	kept.list = members
	if err = checkMembers(members, count); err == nil {
		e, err = finish(members, limits, decode)
	}
	return e, err, true
}

// memberList is used for one envelope after another.
type memberList struct{ list []member }

var memberLists = sync.Pool{New: func() any { return &memberList{make([]member, 0, 16)} }}

// release gives the list back, without anything of a request.
func (l *memberList) release() {
	clear(l.list[:cap(l.list)])
	memberLists.Put(l)
}

func decodeOne(text []byte, limits Limits, decode func([]member, Limits) (*Event, *Error)) (*Event, *Error) {
	members, err := parseMembers(withoutBOM(text), limits.depth())
	if err != nil {
		return nil, err
	}
	return finish(members, limits, decode)
}

// finish decodes an envelope, and makes a copy of what is part of the request.
func finish(members []member, limits Limits, decode func([]member, Limits) (*Event, *Error)) (*Event, *Error) {
	e, err := decode(members, limits)
	if err != nil {
		return nil, err
	}
	e.keepDetail(e.Detail)
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

// OtherForms are the members that show that an event is not in the canonical envelope.
var OtherForms = []string{"specversion", "cloudEventsVersion", "eventType", "eventID"}

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

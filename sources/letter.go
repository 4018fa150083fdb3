package sources

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"signalbox/event"
)

// The error codes of the dead letters of sources. CodeUndecodable is of a message that can't
// become an event, CodeRefused of one whose event the router does not take.
const (
	CodeUndecodable = "UNDECODABLE_MESSAGE"
	CodeRefused     = "REFUSED_EVENT"
)

// The event in which the message of a dead letter is kept.
const (
	letterSource = "signalbox"
	letterType   = "SourceMessage"
)

// Letter is a message that can't be taken in, and why.
type Letter struct {
	Message *Message
	// Code is one of the Code constants.
	Code string
	Err  error
}

// letterDetail is the detail of the event in which a message is kept.
type letterDetail struct {
	Source  string            `json:"source"`
	ID      string            `json:"id,omitempty"`
	Origin  string            `json:"origin,omitempty"`
	Subject string            `json:"subject,omitempty"`
	Time    time.Time         `json:"time,omitzero"`
	Headers map[string]string `json:"headers,omitempty"`
	// Body is the body where it is text, else Base64 is.
	Body   string `json:"body,omitempty"`
	Base64 []byte `json:"body_base64,omitempty"`
}

// Event returns the event in which the message is kept, on a bus.
func (l *Letter) Event(source, bus string) (*event.Event, error) {
	m := l.Message
	d := letterDetail{Source: source, ID: m.ID, Origin: m.Origin, Subject: m.Subject, Time: m.Time, Headers: m.Headers}
	if utf8.Valid(m.Body) {
		d.Body = string(m.Body)
	} else {
		d.Base64 = m.Body
	}
	detail, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("message of source %q: %w", source, err)
	}
	e := &event.Event{Source: letterSource, DetailType: letterType, Detail: detail, Meta: event.Metadata{Bus: bus, Format: event.FormatJSON}}
	carried := event.ReadHeaders(m.get)
	carried.Mark([]*event.Event{e})
	if key := m.key(); key != "" {
		e.Meta.DedupKey = "dead/" + key // the message itself may still be taken in
	}
	return e, nil
}

// LetterMessage returns the message that an event of Letter.Event keeps.
func LetterMessage(e *event.Event) (*Message, error) {
	var d letterDetail
	if e.Source != letterSource || e.DetailType != letterType {
		return nil, fmt.Errorf("the event is of %s %s, and keeps no message of a source", e.Source, e.DetailType)
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return nil, fmt.Errorf("the event keeps no message of a source: %w", err)
	}
	m := &Message{ID: d.ID, Origin: d.Origin, Subject: d.Subject, Time: d.Time, Headers: d.Headers, Body: []byte(d.Body)}
	if d.Base64 != nil {
		m.Body = d.Base64
	}
	return m, nil
}

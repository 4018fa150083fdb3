package event

import (
	"bytes"
	"mime"
	"unicode/utf8"
)

// DecodeBody returns an event whose detail is the body of a message that says nothing of an
// event: a JSON object as it is, anything else wrapped in one, as the data of a CloudEvent
// is. Id, source and type are left to the caller. It keeps nothing of body. The error is an
// *Error: a content type of JSON, or none at all, asks for valid JSON.
func DecodeBody(contentType string, body []byte, limits Limits) (*Event, error) {
	e := &Event{Meta: Metadata{Format: FormatWebhook}}
	body = withoutBOM(body)
	text := trimSpace(body)
	switch {
	case len(text) == 0:
		e.setNoData()
	case isJSONType(contentType):
		fault := checkUTF8(body)
		if fault == nil {
			fault = checkValue(body, limits.depth())
		}
		if fault != nil {
			err := notJSON(fault)
			err.Message += " (a body that is not JSON needs a Content-Type that says so)"
			return nil, err
		}
		e.setJSONData(bytes.Clone(text), contentType)
	default:
		e.setBytes(body)
		if _, _, err := mime.ParseMediaType(contentType); err == nil && utf8.ValidString(contentType) {
			e.Meta.Extensions = []Attribute{{"datacontenttype", string(appendQuoted(nil, contentType))}}
		}
	}
	return e, nil
}

// SetType sets the type of an event, with the version that its name may hold.
func (e *Event) SetType(name string) {
	e.DetailType = name
	if e.Meta.SchemaVersion == "" {
		e.Meta.SchemaVersion = typeVersion(name)
	}
}

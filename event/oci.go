package event

import (
	"strings"
	"time"

	"signalbox/spelling"
)

// The members of an OCI event that the canonical envelope has no field for are
// kept in Meta.Extensions under their own names; "extensions" is one of them.
//
// See "Contents of an Event Message" in the documentation of Oracle Cloud
// Infrastructure Events.
var ociKeys = []string{
	"eventType", "cloudEventsVersion", "eventTypeVersion", "source", "eventTime",
	"contentType", "data", "eventID", "extensions",
}

// DecodeOCI reads an event in the envelope of Oracle Cloud Infrastructure:
// eventID, source, eventType, eventTime and data become id, source,
// detail-type, time and detail, and eventTypeVersion the schema version. Scalars
// among its extensions are understood as those of a CloudEvent are. The event
// keeps nothing of body. The error is an *Error.
func DecodeOCI(body []byte, limits Limits) (*Event, error) {
	e, err := decodeOne(body, limits, decodeOCI)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func decodeOCI(members []member, _ Limits) (*Event, *Error) {
	e := &Event{Meta: Metadata{Format: FormatOCI}}
	var data *member
	contentType, hasTime := "", false
	keep := func(m *member) {
		e.Meta.Extensions = append(e.Meta.Extensions, Attribute{m.key, string(m.raw)})
	}
	for i := range members {
		m := &members[i]
		var err *Error
		switch m.key {
		case "eventType":
			e.DetailType, err = m.text()
		case "eventID":
			e.ID, err = m.text()
		case "source":
			e.Source, err = m.text()
		case "data":
			data = m
		case "cloudEventsVersion":
			err = m.mustBe("0.1")
			keep(m)
		case "eventTypeVersion":
			e.Meta.SchemaVersion, err = m.text()
			keep(m)
		case "eventTime":
			hasTime = true
			e.Time, err = m.time()
			e.keepTime(Attribute{m.key, string(m.raw)})
		case "contentType":
			contentType, err = m.text()
			keep(m)
		case "extensions":
			if m.raw[0] != '{' && !m.isNull() {
				err = m.wrongType("an object")
			} else if !m.isNull() {
				e.Meta.understand(m.raw)
			}
			keep(m)
		default:
			err = invalid(m.key, "unknown member of an OCI event%s", spelling.Suggest(m.key, ociKeys))
		}
		if err != nil {
			return nil, err
		}
	}
	if !hasTime {
		e.Meta.Extensions = append(e.Meta.Extensions, Attribute{"eventTime", "null"})
	}
	switch {
	case e.ID == "":
		return nil, missing("eventID")
	case e.Source == "":
		return nil, missing("source")
	case e.DetailType == "":
		return nil, missing("eventType")
	}
	if data == nil {
		e.setNoData()
	} else {
		e.setJSONData(data.raw, contentType)
	}
	return e, nil
}

// ociAttributes are the attributes of an OCI event as a CloudEvent: the scalars
// among its extensions, with their names in lower case.
func (e *Event) ociAttributes() []Attribute {
	var list []Attribute
	for _, a := range e.Meta.Extensions {
		switch {
		case a.Name == "contentType" && a.Value != "null":
			list = append(list, Attribute{"datacontenttype", a.Value})
		case a.Name == "eventTime":
			list = append(list, Attribute{"time", a.Value})
		case a.Name == "extensions" && a.Value[0] == '{':
			s := scanner{text: []byte(a.Value), maxDepth: len(a.Value)}
			s.object(0, func(key, value span) {
				m := member{key: strings.ToLower(a.Value[key.from:key.to]), raw: []byte(a.Value[value.from:value.to])}
				switch m.key {
				case "specversion", "id", "source", "type", "time", "datacontenttype", "data":
					return // CloudEvents has its own meaning for these
				}
				if m.checkAttribute() == nil {
					list = append(list, Attribute{m.key, string(m.raw)})
				}
			})
		}
	}
	return list
}

// AppendOCI appends the event in the OCI envelope, the inverse of DecodeOCI. An
// event that came in otherwise gets the schema version, or 1.0, for its
// eventTypeVersion, and its metadata as extensions.
func (e *Event) AppendOCI(dst []byte) []byte {
	kept := e.ociMembers()
	dst = appendQuoted(append(dst, `{"eventType":`...), e.DetailType)
	member := func(name string, value []byte) {
		if len(value) > 0 {
			dst = append(append(appendQuoted(append(dst, ','), name), ':'), value...)
		}
	}
	member("cloudEventsVersion", kept["cloudEventsVersion"])
	member("eventTypeVersion", kept["eventTypeVersion"])
	member("source", appendQuoted(nil, e.Source))
	member("eventTime", kept["eventTime"])
	member("contentType", kept["contentType"])
	member("data", e.data())
	member("eventID", appendQuoted(nil, e.ID))
	member("extensions", kept["extensions"])
	return append(dst, '}')
}

// ociMembers are the members of the OCI envelope that are not in the canonical
// one.
func (e *Event) ociMembers() map[string][]byte {
	members := make(map[string][]byte)
	if !e.Time.IsZero() {
		members["eventTime"] = appendQuoted(nil, e.Time.UTC().Format(time.RFC3339Nano))
	}
	if e.Meta.Format == FormatOCI {
		for _, a := range e.Meta.Extensions {
			members[a.Name] = []byte(a.Value)
		}
		if string(members["eventTime"]) == "null" {
			delete(members, "eventTime")
		}
		return members
	}
	version := e.Meta.SchemaVersion
	if version == "" {
		version = "1.0"
	}
	members["cloudEventsVersion"] = []byte(`"0.1"`)
	members["eventTypeVersion"] = appendQuoted(nil, version)
	members["contentType"] = []byte(`"application/json"`)
	extensions := []byte{'{'}
	for _, a := range e.attributes() {
		switch a.Name {
		case "id", "source", "type", "time", "schemaversion":
			continue
		case "datacontenttype":
			members["contentType"] = []byte(a.Value)
			continue
		}
		if len(extensions) > 1 {
			extensions = append(extensions, ',')
		}
		extensions = append(append(appendQuoted(extensions, a.Name), ':'), a.Value...)
	}
	members["extensions"] = append(extensions, '}')
	return members
}

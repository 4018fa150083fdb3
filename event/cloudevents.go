package event

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/spelling"
)

// DecodeCloudEvent reads a CloudEvent 1.0 in the structured mode, of type
// application/cloudevents+json. Its id, source, type, time and data become id,
// source, detail-type, time and detail; all other attributes are kept in
// Meta.Extensions. Those that are called traceparent, tracestate, partitionkey,
// correlationid, causationid, synthetic, kind, schemaversion and dedupkey are
// understood as well. The event keeps nothing of body. The error is an *Error.
func DecodeCloudEvent(body []byte, limits Limits) (*Event, error) {
	e, err := decodeOne(body, limits, decodeCloudEvent)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// DecodeCloudEvents reads a batch, of type application/cloudevents-batch+json.
func DecodeCloudEvents(body []byte, limits Limits) (Batch, error) {
	body = withoutBOM(body)
	text := trimSpace(body)
	if len(text) == 0 || text[0] != '[' {
		return Batch{}, &Error{Code: CodeSerialization, Message: "the body is not a batch: expected an array of CloudEvents (one alone is of type application/cloudevents+json)"}
	}
	if text[len(text)-1] == ']' && len(trimSpace(text[1:len(text)-1])) == 0 {
		return Batch{}, nil // the specification allows a batch of none
	}
	return decodeMany(body, limits, decodeCloudEvent)
}

// decodeCloudEvent reads the members of a structured CloudEvent.
func decodeCloudEvent(members []member, _ Limits) (*Event, *Error) {
	var data, dataBase64 *member
	var attributes []Attribute
	for i := range members {
		m := &members[i]
		switch {
		case m.key == "data":
			data = m
		case m.key == "data_base64":
			if !m.isNull() {
				dataBase64 = m
			}
		case m.isNull(): // an attribute that is not set
		default:
			if err := m.checkAttribute(); err != nil {
				return nil, err
			}
			attributes = append(attributes, Attribute{Name: m.key, Value: string(m.raw)})
		}
	}
	e := new(Event)
	contentType, err := e.setCloudEvent(attributes)
	if err != nil {
		return nil, err
	}
	switch {
	case dataBase64 != nil && data != nil:
		return nil, invalid("data_base64", "is there beside data; send one of them")
	case dataBase64 != nil:
		text, err := dataBase64.text()
		if err != nil {
			return nil, err
		}
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return nil, invalid("data_base64", "is not base64: %v", err)
		}
		e.Meta.DataForm = DataBase64
		e.Detail = wrap("data_base64", dataBase64.raw)
	case data != nil:
		e.setJSONData(data.raw, contentType)
	default:
		e.setNoData()
	}
	return e, nil
}

// checkAttribute checks a context attribute: its name is of a-z and 0-9, and
// its value a string, a boolean or a 32-bit integer (CloudEvents 1.0, sections
// "Naming conventions" and "Type system").
func (m *member) checkAttribute() *Error {
	if !validAttributeName(m.key) {
		return invalid(m.key, "the name of a CloudEvents attribute has only the letters a-z and digits")
	}
	switch c := m.raw[0]; {
	case c == '"' || c == 't' || c == 'f':
		return nil
	case c == '{' || c == '[':
		return m.wrongType("a string, a boolean or an integer")
	}
	if _, err := strconv.ParseInt(string(m.raw), 10, 32); err != nil {
		return invalid(m.key, "%s is not an integer of 32 bits; send it as a string", m.raw)
	}
	return nil
}

func validAttributeName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// setCloudEvent sets everything but the data, and returns the data's content
// type. The values of attributes are JSON scalars.
func (e *Event) setCloudEvent(attributes []Attribute) (contentType string, err *Error) {
	e.Meta.Format = FormatCloudEvents
	specVersion, hasTime := "", false
	for _, a := range attributes {
		m := member{key: a.Name, raw: []byte(a.Value)}
		switch a.Name {
		case "specversion":
			specVersion, err = m.text()
			if err == nil && specVersion != "1.0" {
				err = invalid("specversion", "%q is not supported, only \"1.0\"", specVersion)
			}
		case "id":
			e.ID, err = m.text()
		case "source":
			e.Source, err = m.text()
		case "type":
			e.DetailType, err = m.text()
		case "time":
			hasTime = true
			e.Time, err = m.time()
			e.keepTime(a)
		case "subject", "dataschema", "datacontenttype":
			var text string
			if text, err = m.text(); err == nil && text == "" {
				err = invalid(a.Name, "must not be empty; leave it out")
			}
			if a.Name == "datacontenttype" {
				contentType = text
			}
			e.Meta.Extensions = append(e.Meta.Extensions, a)
		default:
			err = e.addExtension(a)
		}
		if err != nil {
			return "", err
		}
	}
	if !hasTime {
		e.Meta.Extensions = append(e.Meta.Extensions, Attribute{"time", "null"})
	}
	switch {
	case specVersion == "":
		err = missing("specversion")
	case e.ID == "":
		err = missing("id")
	case e.Source == "":
		err = missing("source")
	case e.DetailType == "":
		err = missing("type")
	}
	return contentType, err
}

// keepTime keeps the time as it was written, where the canonical envelope would
// write it in another way.
func (e *Event) keepTime(a Attribute) {
	if a.Value != `"`+string(appendTime(nil, e.Time))+`"` {
		e.Meta.Extensions = append(e.Meta.Extensions, a)
	}
}

// addExtension keeps an extension, and takes what it means.
func (e *Event) addExtension(a Attribute) *Error {
	e.Meta.Extensions = append(e.Meta.Extensions, a)
	text := a.Value
	if text[0] == '"' {
		var fault *syntaxError
		if text, fault = unquote([]byte(a.Value)); fault != nil {
			return invalid(a.Name, "%s", fault.reason)
		}
	}
	e.Meta.setAttribute(spelling.Fold(a.Name), text)
	return nil
}

// attributes are the context attributes of the event as a CloudEvent, but for
// specversion. Those of an event that came in as a CloudEvent are what they
// were. For others, what the CloudEvent's own attributes do not hold becomes
// extensions: account, region, replayname and resources (separated by commas).
// The trace headers, the synthetic mark and the other metadata are added where
// they are not there yet.
func (e *Event) attributes() []Attribute {
	list := make([]Attribute, 0, 12+len(e.Meta.Extensions))
	add := func(name, value string) {
		if value != "" && !slices.ContainsFunc(list, func(a Attribute) bool { return a.Name == name }) {
			list = append(list, Attribute{name, string(appendQuoted(nil, value))})
		}
	}
	add("id", e.ID)
	add("source", e.Source)
	add("type", e.DetailType)
	switch e.Meta.Format {
	case FormatCloudEvents:
		list = append(list, e.Meta.Extensions...)
	case FormatOCI:
		list = append(list, e.ociAttributes()...)
	default:
		list = append(list, e.Meta.Extensions...)
		add("datacontenttype", "application/json")
	}
	if !e.Time.IsZero() {
		add("time", string(e.Time.UTC().AppendFormat(nil, time.RFC3339Nano)))
	}
	if e.Meta.Format != FormatCloudEvents {
		add("account", e.Account)
		add("region", e.Region)
		add("resources", strings.Join(e.Resources, ","))
		add("schemaversion", e.Meta.SchemaVersion)
		add("kind", string(e.Meta.TreatedAs()))
		add("dedupkey", e.Meta.DedupKey)
	}
	add("replayname", e.ReplayName)
	add("traceparent", e.Meta.TraceParent)
	add("tracestate", e.Meta.TraceState)
	add("partitionkey", e.Meta.PartitionKey)
	add("correlationid", e.Meta.CorrelationID)
	add("causationid", e.Meta.CausationID)
	if e.Meta.Synthetic && !slices.ContainsFunc(list, func(a Attribute) bool { return a.Name == "synthetic" }) {
		list = append(list, Attribute{"synthetic", "true"})
	}
	// An attribute that is null says that it was not there.
	return slices.DeleteFunc(list, func(a Attribute) bool { return a.Value == "null" })
}

// AppendCloudEvent appends the event as a structured CloudEvent 1.0. It is the
// inverse of DecodeCloudEvent: an event that came in as a CloudEvent goes out
// with the same attributes and data.
func (e *Event) AppendCloudEvent(dst []byte) []byte {
	dst = append(dst, `{"specversion":"1.0"`...)
	for _, a := range e.attributes() {
		dst = append(append(appendQuoted(append(dst, ','), a.Name), ':'), a.Value...)
	}
	if data := e.data(); data != nil {
		key := `,"data":`
		if e.Meta.DataForm == DataBase64 {
			key = `,"data_base64":`
		}
		dst = append(append(dst, key...), data...)
	}
	return append(dst, '}')
}

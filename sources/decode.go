package sources

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"signalbox/event"
	"signalbox/rules/exprenv"
)

// Map makes an event of a message that is none: expressions over exprenv.Queued.
type Map struct {
	// Source is the event's source; by default it is the name of the source.
	Source string `yaml:"source" example:"'\"shop.orders\"'"`
	// DetailType is the event's type.
	DetailType string `yaml:"detail_type|detail-type" required:"true" example:"body.type"`
	// ID is the event's id; by default the router gives it one.
	ID string `yaml:"id" example:"body.id"`
	// Detail is the event's detail; by default it is the body.
	Detail string `yaml:"detail" example:"body.order"`
}

// Decoder makes events of the messages of one source. It does not change.
type Decoder struct {
	name, bus string
	limits    event.Limits
	// programs are nil for what the map leaves to the defaults; without a map mapped is false.
	mapped                         bool
	source, detailType, id, detail *exprenv.QueuedProgram
}

// newDecoder returns the decoder of a source, or what is wrong with its map.
func newDecoder(name string, c *Config) (*Decoder, []Fault) {
	d := &Decoder{name: name, bus: c.Bus, mapped: c.Map != nil}
	if c.Map == nil {
		return d, nil
	}
	var faults []Fault
	for _, e := range []struct {
		text, key string
		to        **exprenv.QueuedProgram
	}{{c.Map.Source, "source", &d.source}, {c.Map.DetailType, "detail_type", &d.detailType}, {c.Map.ID, "id", &d.id}, {c.Map.Detail, "detail", &d.detail}} {
		if e.text == "" {
			continue
		}
		var err error
		if *e.to, err = exprenv.CompileQueued(e.text); err != nil {
			faults = append(faults, Fault{[]string{"map", e.key}, err})
		}
	}
	if c.Map.DetailType == "" {
		faults = append(faults, Fault{[]string{"map", "detail_type"},
			errors.New(`is missing: write what the type of an event is, such as subject, body.type, or '"OrderCreated"'`)})
	}
	return d, faults
}

// Decode returns the event of a message. It keeps nothing of the body. The error tells people
// what is wrong with the message.
func (d *Decoder) Decode(m *Message) (*event.Event, error) {
	e, err := d.form(m)
	if err != nil {
		return nil, err
	}
	e.Meta.Bus = d.bus
	e.Meta.DedupKey = m.key()
	carried := event.ReadHeaders(m.get)
	carried.Mark([]*event.Event{e})
	return e, nil
}

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

// form decodes a message in the form that it has.
func (d *Decoder) form(m *Message) (*event.Event, error) {
	contentType := m.Headers["content-type"]
	media, _, _ := strings.Cut(contentType, ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); {
	case media == batched:
		return nil, errors.New("is a batch of CloudEvents: send each as a message of its own")
	case media == structured:
		return event.DecodeCloudEvent(m.Body, d.limits)
	case m.Headers["ce-specversion"] != "":
		return event.DecodeCloudEventHTTP(binaryHeader(m), m.Body, d.limits)
	case !d.mapped:
		return d.one(m.Body)
	}
	body, isJSON := bodyOf(media, m.Body)
	if object, ok := body.(map[string]any); isJSON && ok && isEvent(object) {
		return d.one(m.Body)
	}
	return d.mapping(m, contentType, body)
}

// binaryHeader returns the headers as the binding for HTTP has them: bindings of brokers may
// have datacontenttype beside the content type, or in its place.
func binaryHeader(m *Message) (header map[string][]string) {
	const both = "Ce-Datacontenttype"
	h := m.header()
	if h.Get("Content-Type") == "" && h.Get(both) != "" {
		h.Set("Content-Type", h.Get(both))
	}
	h.Del(both)
	return h
}

// one decodes a body that is an event in JSON.
func (d *Decoder) one(body []byte) (*event.Event, error) {
	batch, err := event.DecodeJSON(body, d.limits)
	switch {
	case err != nil && !d.mapped:
		return nil, fmt.Errorf("is neither a CloudEvent nor an envelope, and the source has no map: %w", err)
	case err != nil:
		return nil, err
	case len(batch.Events) != 1:
		return nil, fmt.Errorf("holds %d events: send each as a message of its own", len(batch.Events))
	case batch.Refused != nil:
		return nil, batch.Refused[0]
	}
	return batch.Events[0], nil
}

// isEvent reports whether an object has what only an event has: a structured CloudEvent, or
// EventBridge's envelope.
func isEvent(object map[string]any) bool {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := object[name]; !ok {
				return false
			}
		}
		return true
	}
	return has("specversion", "type", "source") || has("source", "detail-type", "detail")
}

// bodyOf returns a body as expressions take it: a JSON value, or text.
func bodyOf(media string, body []byte) (value any, isJSON bool) {
	if media == "" || media == "application/json" || strings.HasSuffix(media, "+json") || strings.HasPrefix(media, "text/") {
		if value, err := exprenv.DecodeJSON(body); err == nil {
			return value, true
		}
	}
	return strings.ToValidUTF8(string(body), "\ufffd"), false
}

// mapping makes an event of a message by the map.
func (d *Decoder) mapping(m *Message, contentType string, body any) (*event.Event, error) {
	q := &exprenv.Queued{Headers: m.Headers, Body: body, Subject: m.Subject, ID: m.ID}
	e, err := d.content(m, contentType, q)
	if err != nil {
		return nil, err
	}
	if e.Source, err = text(d.source, q, "source"); err != nil {
		return nil, err
	}
	if d.source == nil {
		e.Source = d.name
	}
	name, err := text(d.detailType, q, "detail_type")
	if err != nil {
		return nil, err
	}
	for key, value := range map[string]string{"source": e.Source, "detail_type": name} {
		if value == "" {
			return nil, fmt.Errorf("map.%s: the result is nothing", key)
		}
	}
	e.SetType(name)
	e.ID, err = text(d.id, q, "id")
	return e, err
}

// content returns an event with the detail alone.
func (d *Decoder) content(m *Message, contentType string, q *exprenv.Queued) (*event.Event, error) {
	if d.detail == nil {
		if contentType == "" && q.Body != nil {
			if _, isText := q.Body.(string); isText && !json.Valid(m.Body) {
				contentType = "application/octet-stream" // else a body must be JSON
			}
		}
		return event.DecodeBody(contentType, m.Body, d.limits)
	}
	result, err := d.detail.Run(q)
	if err != nil {
		return nil, failed("detail", d.detail, q, err)
	}
	value, err := json.Marshal(result)
	if err != nil {
		return nil, failed("detail", d.detail, q, err)
	}
	return event.DecodeBody("application/json", value, d.limits)
}

// text returns the result of an expression of the map as text; empty for none.
func text(p *exprenv.QueuedProgram, q *exprenv.Queued, key string) (string, error) {
	if p == nil {
		return "", nil
	}
	result, err := p.Run(q)
	if err != nil {
		return "", failed(key, p, q, err)
	}
	value, err := exprenv.Text(result)
	if err != nil {
		return "", failed(key, p, q, err)
	}
	return value, nil
}

func failed(key string, p *exprenv.QueuedProgram, q *exprenv.Queued, err error) error {
	if _, isText := q.Body.(string); isText {
		return fmt.Errorf("map.%s: %s: %w (the body of this message is text, which has no fields)", key, p.Source(), err)
	}
	return fmt.Errorf("map.%s: %s: %w", key, p.Source(), err)
}

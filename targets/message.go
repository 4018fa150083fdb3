package targets

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"time"

	"signalbox/event"
)

const (
	contentTypeJSON = "application/json; charset=utf-8"
	contentTypeText = "text/plain; charset=utf-8"
	// contentTypeCloudEvent is that of the structured mode, which has no charset:
	// JSON is in UTF-8.
	contentTypeCloudEvent = "application/cloudevents+json"
)

// renderer turns deliveries into messages with headers. Deliver and Preview of
// a kind share it, so that a preview is what is sent.
type renderer struct {
	format string
	// configured are the headers of the configuration, by canonical name, and
	// shown the same as a preview may show them.
	configured []field
	shown      map[string]string
	userAgent  string
	signing    [][]byte
	// messageID adds the header by which JetStream knows repeats of a message.
	messageID bool
}

// message is one rendered delivery.
type message struct {
	fields []field
	body   []byte
	// room holds the fields of most deliveries without a memory of their own.
	room [maxFields]field
}

// field is one header.
type field struct{ name, value string }

// maxFields is how many headers fit without more memory.
const maxFields = 18

func newRenderer(c Config, env Env) (*renderer, error) {
	r := &renderer{
		format:    c.Format,
		shown:     map[string]string{},
		userAgent: "Signalbox/" + env.Version,
		messageID: c.Type == TypeQueue,
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		e, err := env.Secrets.expand(c.Headers[name], c.Dir)
		if err != nil {
			return nil, err
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		r.configured = append(r.configured, field{name, e.value})
		r.shown[name] = e.masked()
		if secretHeader(name) {
			r.shown[name] = mask
		}
	}
	for _, text := range c.SigningSecrets {
		e, err := env.Secrets.expand(text, c.Dir)
		if err != nil {
			return nil, err
		}
		key, err := parseSigningSecret(e.value)
		if err != nil {
			return nil, err
		}
		r.signing = append(r.signing, key)
	}
	return r, nil
}

// maxHeaderText is how long a value that producers choose can be in a header;
// servers refuse requests whose headers grow beyond 8 KiB or so.
const maxHeaderText = 1024

// render builds the message of one attempt, made now.
func (r *renderer) render(d *Delivery, now time.Time) (*message, error) {
	m := &message{}
	m.fields = m.room[:0]
	if err := r.content(m, d); err != nil {
		return nil, err
	}
	meta := d.Meta
	if meta == nil {
		meta = &event.Metadata{}
	}
	id := headerText(d.ID)
	m.add(headerUserAgent, r.userAgent)
	m.add(headerDeliveryID, id)
	m.add(headerIdempotencyKey, id)
	if r.messageID {
		m.add(headerMsgID, id)
	}
	m.addText(headerEventID, d.EventID)
	m.addText(headerRule, d.Rule)
	m.addText(headerCorrelationID, meta.CorrelationID)
	if meta.Synthetic {
		m.add(headerSynthetic, "true")
	}
	r.trace(m, d, meta)
	for _, f := range r.configured {
		m.set(f)
	}
	r.sign(m, id, now)
	return m, nil
}

// trace sets the headers that change with each attempt. They share one string.
func (r *renderer) trace(m *message, d *Delivery, meta *event.Metadata) {
	t := newTraceContext(d)
	var buffer [192]byte
	b := strconv.AppendInt(buffer[:0], int64(d.Attempt), 10)
	attempt := len(b)
	b = t.appendTraceParent(b)
	parent := len(b)
	b = t.appendXRay(b)
	text := string(b)
	m.add(headerAttempt, text[:attempt])
	m.add(headerTraceParent, text[attempt:parent])
	m.add(headerXRay, text[parent:])
	if validTraceParent(meta.TraceParent) && validHeaderValue(meta.TraceState) {
		m.addText(headerTraceState, meta.TraceState)
	}
}

func (r *renderer) sign(m *message, id string, now time.Time) {
	if len(r.signing) == 0 {
		return
	}
	m.add(headerWebhookID, id)
	m.add(headerWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	m.add(headerWebhookSignature, signature(r.signing, id, now, m.body))
}

// content sets the body and what describes it.
func (r *renderer) content(m *message, d *Delivery) error {
	switch {
	case d.Body != nil:
		m.body = d.Body
		if json.Valid(d.Body) {
			m.add(headerContentType, contentTypeJSON)
		} else {
			m.add(headerContentType, contentTypeText)
		}
	case r.format == FormatEventBridge:
		m.body = d.Envelope
		m.add(headerContentType, contentTypeJSON)
	default:
		return r.cloudEvent(m, d)
	}
	return nil
}

func (r *renderer) cloudEvent(m *message, d *Delivery) error {
	ev, err := storedEvent(d)
	if err != nil {
		return err
	}
	if r.format == FormatCloudEvents {
		m.body = ev.AppendCloudEvent(make([]byte, 0, len(d.Envelope)+256))
		m.add(headerContentType, contentTypeCloudEvent)
		return nil
	}
	header, body := ev.CloudEventHTTP()
	for _, name := range slices.Sorted(maps.Keys(header)) {
		m.add(name, header[name][0])
	}
	m.body = body
	return nil
}

// storedEvent gives the event of a delivery, with its metadata.
func storedEvent(d *Delivery) (*event.Event, error) {
	ev, err := event.ParseEnvelope(d.Envelope)
	if err != nil {
		return nil, &Error{Code: CodeInvalidJSON, Final: true, Tries: 1, Err: fmt.Errorf("stored envelope: %w", err)}
	}
	if d.Meta != nil {
		ev.Meta = *d.Meta
	}
	return ev, nil
}

func (m *message) add(name, value string) {
	if value != "" {
		m.fields = append(m.fields, field{name, value})
	}
}

// addText adds a header of a text that may hold anything; one that is too long
// is left out.
func (m *message) addText(name, text string) {
	if len(text) <= maxHeaderText {
		m.add(name, headerText(text))
	}
}

// set adds a header in place of one of the same name.
func (m *message) set(f field) {
	for i := range m.fields {
		if m.fields[i].name == f.name {
			m.fields[i] = f
			return
		}
	}
	m.fields = append(m.fields, f)
}

// header gives the headers as net/http and NATS want them.
func (m *message) header() map[string][]string {
	out := make(map[string][]string, len(m.fields))
	for _, f := range m.fields {
		out[f.name] = []string{f.value}
	}
	return out
}

// takeHost gives the Host header of the configuration, which is no header to
// net/http; a preview still shows it.
func (r *renderer) takeHost() (host string) {
	r.configured = slices.DeleteFunc(r.configured, func(f field) bool {
		if f.name == "Host" {
			host = f.value
		}
		return f.name == "Host"
	})
	return host
}

// setBasicAuth logs in with each message, unless the configuration has a way of
// its own.
func (r *renderer) setBasicAuth(user, password string) {
	if slices.ContainsFunc(r.configured, func(f field) bool { return f.name == headerAuthorization }) {
		return
	}
	login := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	r.configured = append(r.configured, field{headerAuthorization, "Basic " + login})
	r.shown[headerAuthorization] = mask
}

// preview gives the headers as they may be shown.
func (r *renderer) preview(m *message) map[string]string {
	out := make(map[string]string, len(m.fields))
	for _, f := range m.fields {
		out[f.name] = f.value
	}
	maps.Copy(out, r.shown)
	return out
}

// secrets gives the values of the configured headers that must not be shown, to
// be hidden where a server repeats them.
func (r *renderer) secrets() []string {
	var out []string
	for _, f := range r.configured {
		if f.value != r.shown[f.name] {
			out = append(out, f.value)
		}
	}
	return out
}

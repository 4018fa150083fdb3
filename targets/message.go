package targets

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
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
	configured map[string][]string
	shown      map[string]string
	userAgent  []string
	signing    [][]byte
	// messageID adds the header by which JetStream knows repeats of a message.
	messageID bool
}

// message is one rendered delivery.
type message struct {
	header map[string][]string
	body   []byte
	// values backs the lists in header, which are all of one value.
	values []string
}

func newRenderer(c Config, env Env) (*renderer, error) {
	r := &renderer{
		format:     c.Format,
		configured: map[string][]string{},
		shown:      map[string]string{},
		userAgent:  []string{"Signalbox/" + env.Version},
		messageID:  c.Type == TypeQueue,
	}
	for name, text := range c.Headers {
		e, err := env.Secrets.expand(text, c.Dir)
		if err != nil {
			return nil, err
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		r.configured[name] = []string{e.value}
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

// sharedHeader are values that do not change from delivery to delivery.
var (
	sharedJSON       = []string{contentTypeJSON}
	sharedText       = []string{contentTypeText}
	sharedCloudEvent = []string{contentTypeCloudEvent}
	sharedTrue       = []string{"true"}
)

// maxHeaders is how many headers a delivery carries of its own at most, besides
// those of a CloudEvent.
const maxHeaders = 16

// maxHeaderText is how long a value that producers choose can be in a header;
// servers refuse requests whose headers grow beyond 8 KiB or so.
const maxHeaderText = 1024

// render builds the message of one attempt, made now.
func (r *renderer) render(d *Delivery, now time.Time) (*message, error) {
	m := &message{
		header: make(map[string][]string, maxHeaders),
		values: make([]string, 0, maxHeaders),
	}
	if err := r.content(m, d); err != nil {
		return nil, err
	}
	meta := d.Meta
	if meta == nil {
		meta = &event.Metadata{}
	}
	if r.userAgent != nil {
		m.header[headerUserAgent] = r.userAgent
	}
	m.set(headerDeliveryID, headerText(d.ID))
	m.header[headerIdempotencyKey] = m.header[headerDeliveryID]
	if r.messageID {
		m.header[headerMsgID] = m.header[headerDeliveryID]
	}
	m.setText(headerEventID, d.EventID)
	m.setText(headerRule, d.Rule)
	m.setText(headerCorrelationID, meta.CorrelationID)
	if meta.Synthetic {
		m.header[headerSynthetic] = sharedTrue
	}
	r.trace(m, d, meta)
	for name, values := range r.configured {
		m.header[name] = values
	}
	r.sign(m, d, now)
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
	m.set(headerAttempt, text[:attempt])
	m.set(headerTraceParent, text[attempt:parent])
	m.set(headerXRay, text[parent:])
	if validTraceParent(meta.TraceParent) && validHeaderValue(meta.TraceState) {
		m.setText(headerTraceState, meta.TraceState)
	}
}

func (r *renderer) sign(m *message, d *Delivery, now time.Time) {
	if len(r.signing) == 0 {
		return
	}
	m.header[headerWebhookID] = m.header[headerDeliveryID]
	m.set(headerWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	m.set(headerWebhookSignature, signature(r.signing, d.ID, now, m.body))
}

// content sets the body and what describes it.
func (r *renderer) content(m *message, d *Delivery) error {
	switch {
	case d.Body != nil:
		m.body = d.Body
		m.header[headerContentType] = sharedText
		if json.Valid(d.Body) {
			m.header[headerContentType] = sharedJSON
		}
	case r.format == FormatEventBridge:
		m.body = d.Envelope
		m.header[headerContentType] = sharedJSON
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
		m.header[headerContentType] = sharedCloudEvent
		return nil
	}
	header, body := ev.CloudEventHTTP()
	maps.Copy(m.header, header)
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

func (m *message) set(name, value string) {
	m.values = append(m.values, value)
	n := len(m.values)
	m.header[name] = m.values[n-1 : n : n]
}

// setText sets a header to a text that may hold anything; an empty one, or one
// that is too long, is left out.
func (m *message) setText(name, text string) {
	if text != "" && len(text) <= maxHeaderText {
		m.set(name, headerText(text))
	}
}

// takeHost gives the Host header of the configuration, which is no header to
// net/http; a preview still shows it.
func (r *renderer) takeHost() string {
	values := r.configured["Host"]
	delete(r.configured, "Host")
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// setBasicAuth logs in with each message, unless the configuration has a way of
// its own.
func (r *renderer) setBasicAuth(user, password string) {
	if r.configured[headerAuthorization] == nil {
		login := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		r.configured[headerAuthorization] = []string{"Basic " + login}
		r.shown[headerAuthorization] = mask
	}
}

// preview gives the headers as they may be shown.
func (r *renderer) preview(m *message) map[string]string {
	out := make(map[string]string, len(m.header))
	for name, values := range m.header {
		out[name] = strings.Join(values, ", ")
	}
	for name, shown := range r.shown {
		out[name] = shown
	}
	return out
}

// secrets gives the values of the configured headers that must not be shown, to
// be hidden where a server repeats them.
func (r *renderer) secrets() []string {
	var out []string
	for name, values := range r.configured {
		if values[0] != r.shown[name] && !slices.Contains(out, values[0]) {
			out = append(out, values[0])
		}
	}
	return out
}

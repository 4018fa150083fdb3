package remote

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
	"signalbox/hooks/signature"
	"signalbox/secret"
	"signalbox/targets"
)

const (
	ContentTypeJSON = "application/json; charset=utf-8"
	ContentTypeText = "text/plain; charset=utf-8"
	// ContentTypeCloudEvent is that of the structured mode, which has no charset:
	// JSON is in UTF-8.
	ContentTypeCloudEvent = "application/cloudevents+json"
)

// Renderer turns deliveries into messages with headers. Deliver and Preview of
// a kind share it, so that a preview is what is sent.
type Renderer struct {
	format string
	// configured are the headers of the configuration, by canonical name, and
	// shown the same as a preview may show them.
	configured []Field
	shown      map[string]string
	// secrets are what references in headers stand for, logins the values of headers that
	// are secret by their names, and the references in them.
	secrets, logins []string
	// UserAgent is sent with each message, unless it is empty.
	UserAgent string
	signing   []signature.Key
	binding   Binding
	// NoBody leaves the body out, and what describes it.
	NoBody bool
	// MessageID adds the header by which JetStream knows repeats of a message.
	MessageID bool
}

// Message is one rendered delivery.
type Message struct {
	Fields []Field
	Body   []byte
	// room holds the fields of most deliveries without a memory of their own.
	room [maxFields]Field
}

// Field is one header.
type Field struct{ Name, Value string }

// maxFields is how many headers fit without more memory.
const maxFields = 20

// NewRenderer returns what renders deliveries to the target of a configuration whose
// options are o, signed with the given secrets of Standard Webhooks.
func NewRenderer(c *targets.Config, o *Options, signingSecrets []string, env targets.Env) (*Renderer, error) {
	return newRenderer(c, o, HTTP, signingSecrets, env)
}

// NewQueueRenderer returns what renders deliveries to a queue, or whatever else is not HTTP: without
// a user agent.
func NewQueueRenderer(c *targets.Config, o *Options, b Binding, env targets.Env) (*Renderer, error) {
	r, err := newRenderer(c, o, b, nil, env)
	if err != nil {
		return nil, err
	}
	r.UserAgent = ""
	return r, nil
}

func newRenderer(c *targets.Config, o *Options, b Binding, signingSecrets []string, env targets.Env) (*Renderer, error) {
	r := &Renderer{format: o.Format, binding: b, shown: map[string]string{}, UserAgent: "Signalbox/" + env.Version}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		e, err := env.Secrets.Expand(o.Headers[name], c.Dir)
		if err != nil {
			return nil, err
		}
		canonicalName := textproto.CanonicalMIMEHeaderKey(name)
		name = b.name(canonicalName)
		f := Field{name, e.Value}
		if err := f.sendable(); err != nil {
			return nil, err
		}
		r.configured = append(r.configured, f)
		r.shown[name] = e.Masked()
		r.secrets = append(r.secrets, e.Secrets()...)
		if secretHeader(canonicalName) {
			r.shown[name] = secret.Mask
			r.logins = append(append(r.logins, e.Value), e.Secrets()...)
		}
	}
	for _, text := range signingSecrets {
		e, err := env.Secrets.Expand(text, c.Dir)
		if err != nil {
			return nil, err
		}
		key, err := signature.ParseSigning(e.Value)
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

// Render builds the Message of one attempt, made now.
func (r *Renderer) Render(d *targets.Delivery, now time.Time) (*Message, error) {
	m := &Message{}
	return m, r.RenderInto(m, d, now)
}

// RenderInto is Render in a Message that has been used before, and that nobody uses any more: who
// renders many spares the memory of each.
func (r *Renderer) RenderInto(m *Message, d *targets.Delivery, now time.Time) error {
	m.Fields, m.Body = m.room[:0], nil
	if err := r.content(m, d); err != nil {
		return err
	}
	meta := d.Meta
	if meta == nil {
		meta = &event.Metadata{}
	}
	// What follows is of characters that a header can have by the way in which it is made.
	name := &r.binding.names
	id := headerText(d.ID)
	m.add(name.userAgent, r.UserAgent)
	m.add(name.deliveryID, id)
	m.add(name.idempotencyKey, id)
	if r.MessageID {
		m.add(name.msgID, id)
	}
	m.addText(name.eventID, d.EventID)
	m.addText(name.rule, d.Rule)
	m.addText(name.correlationID, meta.CorrelationID)
	if meta.Synthetic {
		m.add(name.synthetic, "true")
	}
	m.addText(name.replay, d.Replay)
	r.attributes(m, d)
	r.way(m, d, meta)
	for _, f := range r.configured {
		m.Set(f)
	}
	r.sign(m, id, now)
	return nil
}

// attributes sets the headers of a delivery's attributes, as much of each as there is room for.
func (r *Renderer) attributes(m *Message, d *targets.Delivery) {
	for _, a := range d.Attributes {
		m.addText(r.binding.name(headerOf(a.Name)), strings.ToValidUTF8(a.Value[:min(len(a.Value), maxHeaderText)], ""))
	}
}

// sendable refuses a header that no protocol can carry.
func (f Field) sendable() error {
	if validHeaderName(f.Name) && validHeaderValue(f.Value) {
		return nil
	}
	return &targets.Error{Code: targets.CodeInvalidParameter, Final: true, Tries: 1, Err: fmt.Errorf(
		"header %q can't be sent: its name or value has a character that a header can't have", f.Name)}
}

// way sets the headers that say which attempt this is, where it stands in a trace, how many hops the
// event has made with this delivery, and which ones: whatever comes back to the router of it
// continues from there. They share one string.
func (r *Renderer) way(m *Message, d *targets.Delivery, meta *event.Metadata) {
	name, t := &r.binding.names, event.NewTraceContext(d.EventID, meta, d.ID, d.Attempt)
	var buffer [512]byte
	b := strconv.AppendInt(buffer[:0], int64(d.Attempt), 10)
	attempt := len(b)
	b = appendTraceParent(b, &t)
	parent := len(b)
	b = appendXRay(b, &t)
	xray := len(b)
	b = strconv.AppendInt(b, int64(meta.Hops+1), 10)
	hops := len(b)
	b = event.AppendPathHeader(b, meta.Path, &event.Hop{
		EventID: d.EventID, DetailType: event.TypeIn(d.Envelope), Bus: d.Bus, Rule: d.Rule, Target: d.Target,
	})
	text := string(b)
	m.add(name.attempt, text[:attempt])
	m.add(name.traceParent, text[attempt:parent])
	m.add(name.xray, text[parent:xray])
	if event.ValidTraceParent(meta.TraceParent) && validHeaderValue(meta.TraceState) {
		m.addText(name.traceState, meta.TraceState)
	}
	m.add(name.hops, text[xray:hops])
	m.add(name.path, text[hops:])
}

func (r *Renderer) sign(m *Message, id string, now time.Time) {
	if len(r.signing) == 0 {
		return
	}
	m.add(headerWebhookID, id)
	m.add(headerWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	m.add(headerWebhookSignature, signature.SignStandard(r.signing, id, now, m.Body))
}

// content sets the body and what describes it.
func (r *Renderer) content(m *Message, d *targets.Delivery) error {
	if err := r.form(m, d); err != nil || !r.NoBody {
		return err
	}
	m.Body = nil
	m.Fields = slices.DeleteFunc(m.Fields, func(f Field) bool { return f.Name == r.binding.describes })
	return nil
}

// form sets the body in the form of the target, and what describes it.
func (r *Renderer) form(m *Message, d *targets.Delivery) error {
	switch {
	case d.Body != nil:
		m.Body = d.Body
		if json.Valid(d.Body) {
			m.add(r.binding.describes, ContentTypeJSON)
		} else {
			m.add(r.binding.describes, ContentTypeText)
		}
	case r.format == FormatEventBridge:
		m.Body = d.Envelope
		m.add(r.binding.describes, ContentTypeJSON)
	default:
		return r.cloudEvent(m, d)
	}
	return nil
}

func (r *Renderer) cloudEvent(m *Message, d *targets.Delivery) error {
	ev, err := d.Event()
	if err != nil {
		return err
	}
	if r.format == FormatCloudEvents {
		m.Body = ev.AppendCloudEvent(make([]byte, 0, len(d.Envelope)+256))
		m.add(r.binding.contentType, ContentTypeCloudEvent)
		return nil
	}
	attributes, contentType, body := ev.CloudEventBinary()
	m.Body = body
	m.add(r.binding.contentType, contentType)
	for _, a := range attributes {
		f := r.binding.attribute(a)
		m.add(f.Name, f.Value)
	}
	if r.binding.both {
		m.add(r.binding.prefix+"datacontenttype", contentType)
	}
	for _, f := range m.Fields { // an event of an older store may hold anything
		if err := f.sendable(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Message) add(name, value string) {
	if value != "" {
		m.Fields = append(m.Fields, Field{name, value})
	}
}

// addText adds a header of a text that may hold anything; one that is too long
// is left out.
func (m *Message) addText(name, text string) {
	if len(text) <= maxHeaderText {
		m.add(name, headerText(text))
	}
}

// NewField returns a header of a text that may hold anything.
func NewField(name, text string) Field {
	return Field{textproto.CanonicalMIMEHeaderKey(name), headerText(text)}
}

// Sets reports whether the configuration sets a header for every delivery.
func (r *Renderer) Sets(name string) bool {
	return slices.ContainsFunc(r.configured, func(f Field) bool { return f.Name == name })
}

// Set adds a header in place of one of the same name.
func (m *Message) Set(f Field) {
	for i := range m.Fields {
		if strings.EqualFold(m.Fields[i].Name, f.Name) {
			m.Fields[i].Value = f.Value
			return
		}
	}
	m.Fields = append(m.Fields, f)
}

// Header returns the headers as net/http and NATS want them.
func (m *Message) Header() map[string][]string {
	out := make(map[string][]string, len(m.Fields))
	for _, f := range m.Fields {
		out[f.Name] = []string{f.Value}
	}
	return out
}

// TakeHost returns the Host header of the configuration, which is no header to
// net/http; a preview still shows it.
func (r *Renderer) TakeHost() (host string) {
	r.configured = slices.DeleteFunc(r.configured, func(f Field) bool {
		if f.Name == "Host" {
			host = f.Value
		}
		return f.Name == "Host"
	})
	return host
}

// SetBasicAuth logs in with each Message, unless the configuration has a way of
// its own.
func (r *Renderer) SetBasicAuth(user, password string) {
	if slices.ContainsFunc(r.configured, func(f Field) bool { return f.Name == headerAuthorization }) {
		return
	}
	login := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	r.configured = append(r.configured, Field{headerAuthorization, "Basic " + login})
	r.shown[headerAuthorization] = secret.Mask
	r.logins = append(r.logins, login, password)
}

// Preview returns the headers as they may be shown.
func (r *Renderer) Preview(m *Message) map[string]string {
	out := make(map[string]string, len(m.Fields))
	for _, f := range m.Fields {
		out[f.Name] = f.Value
	}
	maps.Copy(out, r.shown)
	return out
}

// Secrets returns what of the configured headers must not be shown, to be hidden where
// a server repeats it.
func (r *Renderer) Secrets() []string {
	out := slices.Clone(r.secrets)
	for _, f := range r.configured {
		if f.Value != r.shown[f.Name] {
			out = append(out, f.Value)
		}
	}
	return out
}

// Logins returns what of Secrets logs in, and is long enough to be nothing else.
func (r *Renderer) Logins() []string {
	return slices.DeleteFunc(slices.Clone(r.logins), func(text string) bool { return len(text) < minWord })
}

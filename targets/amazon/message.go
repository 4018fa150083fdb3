package amazon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// The bounds of SQS (SendMessageBatch) and SNS (PublishBatch).
const (
	maxAttributes = 10 // SNS passes on no more to SQS
	maxEntries    = 10
	maxID         = 128       // bytes of a message group and of a deduplication id
	maxAnswer     = 256 << 10 // bytes of the answer to ten entries
)

// maxGroupText is how long the text of group may be.
const maxGroupText = 1024

// Message is a delivery as it is sent.
type Message struct {
	Body       string
	Attributes []remote.Field
	// Trace is that of X-Ray, where it is none of the attributes.
	Trace string
	// Group and DeduplicationID are for places that keep an order.
	Group, DeduplicationID string

	size     int
	rendered *remote.Message
}

// order is which headers are left out first where there are more than fit: those at its end. What
// the configuration sets is always sent.
var order = []string{
	"x-signalbox-delivery-id", "x-signalbox-event-id", "content-type", "x-signalbox-hops", "x-signalbox-synthetic",
	"traceparent", "x-signalbox-path", "x-correlation-id", "x-signalbox-rule", "tracestate", "x-signalbox-attempt",
}

// newMessage makes a message of a rendered delivery with attributes of its own.
func (s *Service) newMessage(rendered *remote.Message, own []targets.Attribute, configured map[string]bool) (*Message, error) {
	switch {
	case len(rendered.Body) == 0:
		return nil, template.Unfit("body", fmt.Errorf("is empty, which %s does not take", s.Name))
	case !utf8.Valid(rendered.Body):
		return nil, template.Unfit("body", fmt.Errorf("is not UTF-8, which %s does not take", s.Name))
	}
	m := &Message{Body: string(rendered.Body), Attributes: make([]remote.Field, 0, maxAttributes), rendered: rendered, size: len(rendered.Body)}
	for _, a := range own {
		m.attribute(a.Name, allowed(a.Value))
	}
	m.attributes(configured)
	if s.SystemTrace {
		m.Trace = valueOf(rendered.Fields, "x-amzn-trace-id")
	}
	if m.size > s.MaxBytes {
		return nil, template.Unfit("message", fmt.Errorf("has %d bytes with its attributes; %s takes %d", m.size, s.Name, s.MaxBytes))
	}
	return m, nil
}

// allowed returns a text without the characters that the value of an attribute can't have
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
func allowed(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// attributes adds the headers, as many as there is room for.
func (m *Message) attributes(configured map[string]bool) {
	if len(configured) > 0 {
		for _, f := range m.rendered.Fields {
			if configured[f.Name] && len(m.Attributes) < maxAttributes {
				m.attribute(f.Name, f.Value)
			}
		}
	}
	for _, name := range order {
		if len(m.Attributes) < maxAttributes && !configured[name] {
			m.attribute(name, valueOf(m.rendered.Fields, name))
		}
	}
}

func valueOf(fields []remote.Field, name string) string {
	for i := range fields {
		if fields[i].Name == name {
			return fields[i].Value
		}
	}
	return ""
}

func (m *Message) attribute(name, value string) {
	if value == "" { // there are no empty ones
		return
	}
	m.Attributes = append(m.Attributes, remote.Field{Name: name, Value: value})
	m.size += len(name) + len("String") + len(value)
}

// groups returns the message group of a delivery to a FIFO queue or topic.
type groups struct {
	name template.Name
	key  *exprenv.OrderKey // where name is empty
}

func newGroups(text, orderBy string) (*groups, error) {
	g := &groups{}
	var err error
	if text != "" {
		g.name, err = template.ParseName("group", text, maxGroupText)
	} else {
		g.key, err = exprenv.CompileOrderKey(orderBy)
	}
	return g, err
}

// of returns the group of a delivery: what is in no order is alone in a group of its own.
func (g *groups) of(d *targets.Delivery) (string, error) {
	if g.key == nil {
		names, err := template.Names(d, g.name)
		if err != nil {
			return "", err
		}
		return identifier(names[0]), nil
	}
	env, err := template.EnvOf(d)
	if err != nil {
		return "", err
	}
	key, err := g.key.Of(env)
	if err != nil {
		return "", template.Unfit("order_by", err)
	}
	if key == "" {
		key = d.ID
	}
	return identifier(key), nil
}

// identifier returns a text as it can be a group or a deduplication id: a hash of one that can't.
func identifier(text string) string {
	if text != "" && len(text) <= maxID && strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// chunks returns the places of messages, some of which may be nil, as they fit into requests.
func (s *Service) chunks(messages []*Message) (out [][]int) {
	size := 0
	for i, m := range messages {
		if m == nil {
			continue
		}
		last := len(out) - 1
		if last < 0 || len(out[last]) == maxEntries || size+m.size > s.MaxBytes {
			out, size, last = append(out, nil), 0, last+1
		}
		out[last] = append(out[last], i)
		size += m.size
	}
	return slices.Clip(out)
}

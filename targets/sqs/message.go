package sqs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/rules/exprenv"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/template"
)

// The bounds of SQS (SendMessageBatch).
const (
	maxAttributes = 10
	maxEntries    = 10
	maxBytes      = 1 << 20   // of all entries together, and of each
	maxID         = 128       // bytes of a message group and of a deduplication id
	maxAnswer     = 256 << 10 // bytes of the answer to ten entries
)

// maxGroupText is how long the text of group may be.
const maxGroupText = 1024

// traceHeader is the system attribute with X-Ray's trace, which is none of the ten.
const traceHeader = "AWSTraceHeader"

// message is a delivery as it is sent.
type message struct {
	entry    types.SendMessageBatchRequestEntry
	size     int
	rendered *remote.Message
}

// order is which headers are left out first where there are more than fit: those at its end. What
// the configuration sets is always sent.
var order = []string{
	"x-signalbox-delivery-id", "x-signalbox-event-id", "content-type", "x-signalbox-hops", "x-signalbox-synthetic",
	"traceparent", "x-signalbox-path", "x-correlation-id", "x-signalbox-rule", "tracestate", "x-signalbox-attempt",
}

// newMessage makes a message of a rendered delivery.
func newMessage(d *targets.Delivery, rendered *remote.Message, configured map[string]bool) (*message, error) {
	switch {
	case len(rendered.Body) == 0:
		return nil, template.Unfit("body", errors.New("is empty, which SQS does not take"))
	case !utf8.Valid(rendered.Body):
		return nil, template.Unfit("body", errors.New("is not UTF-8, which SQS does not take"))
	}
	m := &message{rendered: rendered, entry: types.SendMessageBatchRequestEntry{
		MessageBody: aws.String(string(rendered.Body)), MessageAttributes: map[string]types.MessageAttributeValue{},
	}}
	m.size = len(rendered.Body)
	m.attributes(configured)
	if m.size > maxBytes {
		return nil, template.Unfit("message", fmt.Errorf("has %d bytes with its attributes; SQS takes %d", m.size, maxBytes))
	}
	return m, nil
}

// attributes adds the headers.
func (m *message) attributes(configured map[string]bool) {
	known := map[string]string{}
	for _, f := range m.rendered.Fields {
		known[f.Name] = f.Value
		if configured[f.Name] {
			m.attribute(f.Name, f.Value)
		}
	}
	for _, name := range order {
		if len(m.entry.MessageAttributes) < maxAttributes && !configured[name] {
			m.attribute(name, known[name])
		}
	}
	if xray := known["x-amzn-trace-id"]; xray != "" {
		m.entry.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			traceHeader: {DataType: aws.String("String"), StringValue: aws.String(xray)},
		}
	}
}

func (m *message) attribute(name, value string) {
	if value == "" { // SQS has no empty ones
		return
	}
	m.entry.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	m.size += len(name) + len("String") + len(value)
}

// groups returns the message group of a delivery to a FIFO queue.
type groups struct {
	name template.Name
	key  *exprenv.OrderKey // where name is empty
}

func newGroups(o *Options, orderBy string) (*groups, error) {
	g := &groups{}
	var err error
	if o.Group != "" {
		g.name, err = template.ParseName("group", o.Group, maxGroupText)
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
func chunks(messages []*message) (out [][]int) {
	size := 0
	for i, m := range messages {
		if m == nil {
			continue
		}
		last := len(out) - 1
		if last < 0 || len(out[last]) == maxEntries || size+m.size > maxBytes {
			out, size, last = append(out, nil), 0, last+1
		}
		out[last] = append(out[last], i)
		size += m.size
	}
	return slices.Clip(out)
}

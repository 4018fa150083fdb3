// Package telemetry makes spans of what becomes of events, and sends them over OTLP/HTTP.
package telemetry

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"signalbox/event"
)

// Kind is what a span does with a message, a SpanKind of OTLP.
type Kind int

// The kinds of spans: an event is received, and a delivery is sent.
const (
	Producer Kind = 4
	Consumer Kind = 5
)

// Span is one step of an event's way.
type Span struct {
	// Context is where the span stands in its trace.
	Context event.TraceContext
	// Parent is the id of the span that it belongs to; 0 for none.
	Parent uint64
	// Link is the traceparent of the event; empty for none.
	Link string
	Name string
	Kind Kind
	// Start and End are when it began and ended.
	Start, End time.Time
	// Error is why it has failed; empty if it has not.
	Error      string
	Attributes []Attribute
}

// Attribute is a named text or number; one that has neither tells nothing, and is left out.
type Attribute struct {
	Name, Text string
	Number     int
}

// maxText bounds a text of a span, in bytes: what stands in events may be of any length.
const maxText = 256

// text returns a text as a span can have it: protocol buffers take UTF-8 alone.
func text(s string) string {
	if len(s) > maxText {
		cut := maxText - len("…")
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// The messages of OTLP are written field by field, with the numbers that its definition has:
// https://github.com/open-telemetry/opentelemetry-proto. A span is then one piece of memory
// without pointers, and the program does not need the generated code, which tests read with.

// encode returns the span as a Span of opentelemetry.proto.trace.v1.
func (s *Span) encode() []byte {
	b := make([]byte, 0, 1024)
	b = appendBytes(b, 1, unhex(s.Context.ID[:]))
	b = appendBytes(b, 2, spanID(s.Context.Span))
	if s.Parent != 0 {
		b = appendBytes(b, 4, spanID(s.Parent))
	}
	b = appendText(b, 5, s.Name)
	b = appendVarint(b, 6, uint64(s.Kind))
	b = appendTime(b, 7, s.Start)
	end := s.End
	if end.Before(s.Start) { // a clock was set back
		end = s.Start
	}
	b = appendTime(b, 8, end)
	for _, a := range s.Attributes {
		b = a.append(b, 9)
	}
	if s.Link != "" {
		link := appendBytes(nil, 1, unhex([]byte(s.Link[3:35])))
		b = appendBytes(b, 13, appendBytes(link, 2, unhex([]byte(s.Link[36:52]))))
	}
	if s.Error != "" {
		b = appendBytes(b, 15, appendVarint(appendText(nil, 2, s.Error), 3, statusError))
	}
	b = protowire.AppendTag(b, 16, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, uint32(unhex(s.Context.Flags[:])[0]))
}

// statusError is STATUS_CODE_ERROR.
const statusError = 2

// append writes the attribute as a KeyValue.
func (a *Attribute) append(b []byte, field protowire.Number) []byte {
	if a.Text == "" && a.Number == 0 {
		return b
	}
	value, number := text(a.Text), protowire.SizeTag(3)+protowire.SizeVarint(uint64(a.Number))
	size := protowire.SizeTag(1) + protowire.SizeBytes(len(value))
	if a.Text == "" {
		size = number
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeTag(1)+protowire.SizeBytes(len(a.Name))+protowire.SizeTag(2)+protowire.SizeBytes(size)))
	b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), a.Name)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.BytesType), uint64(size)) // an AnyValue
	if a.Text == "" {
		return appendVarint(b, 3, uint64(a.Number))
	}
	return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), value)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendText(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text(v))
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendTime(b []byte, field protowire.Number, t time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(t.UnixNano()))
}

func spanID(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// unhex returns the bytes of hexadecimal digits, which an id has.
func unhex(digits []byte) []byte {
	b := make([]byte, len(digits)/2)
	_, _ = hex.Decode(b, digits)
	return b
}

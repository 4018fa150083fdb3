package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// valueSize is a guess of the length of one spliced value, in bytes.
const valueSize = 32

// render fills the template. A value that the event does not have is spliced as
// an empty string.
func (t *template) render(in Input) ([]byte, error) {
	var found [MaxPaths]span
	if len(t.lookup.under) > 0 {
		if err := t.lookup.find(in.Envelope, found[:]); err != nil {
			return nil, fmt.Errorf("input_template: %w", err)
		}
	}
	size := t.size(in, &found)
	if size > MaxBody {
		return nil, fmt.Errorf("input_template: %w", errTooLarge())
	}
	body := make([]byte, 0, size)
	for i := range t.parts {
		p := &t.parts[i]
		switch p.from {
		case fromText:
			body = append(body, p.text...)
		case fromPath:
			value, err := t.spreads[p.slot].list(found[p.slot].of(in.Envelope))
			if err != nil {
				return nil, fmt.Errorf("input_template: <%s>: %w", p.name, err)
			}
			body = t.appendValue(body, p, value)
		case fromEventJSON:
			body = append(body, in.Envelope...)
		case fromEvent:
			var err error
			if body, err = appendWithoutDetail(body, in.Envelope); err != nil {
				return nil, fmt.Errorf("input_template: <%s>: %w", p.name, err)
			}
		case fromRuleARN:
			body = appendText(body, in.RuleARN, p.quoted)
		case fromRuleName:
			body = appendText(body, in.RuleName, p.quoted)
		case fromIngested:
			body = appendText(body, in.Ingested.UTC().Format(time.RFC3339), p.quoted)
		}
	}
	if t.raw && t.isJSON {
		if err := checkJSON(body); err != nil {
			return nil, fmt.Errorf("input_template: %w at byte %d; without compat: raw the values would be escaped", ErrNotJSON, err.Offset)
		}
	}
	return body, nil
}

// size is a guess of the body's length that spares most bodies a second
// allocation.
func (t *template) size(in Input, found *[MaxPaths]span) int {
	size := t.literals
	for i := range t.parts {
		switch p := &t.parts[i]; p.from {
		case fromText:
		case fromPath:
			size += found[p.slot].end - found[p.slot].start + 2
		case fromEvent, fromEventJSON:
			size += len(in.Envelope)
		default:
			size += valueSize + len(in.RuleARN)
		}
	}
	return size
}

// appendValue splices one JSON value of the event, or nothing if value is empty.
func (t *template) appendValue(body []byte, p *part, value []byte) []byte {
	switch {
	case len(value) == 0 && p.quoted:
		return body
	case len(value) == 0:
		return append(body, `""`...)
	case t.raw && p.quoted:
		return appendUnescaped(body, value)
	case t.raw && value[0] == '"':
		body = append(body, '"')
		body = appendUnescaped(body, value)
		return append(body, '"')
	case p.quoted:
		return appendInString(body, value)
	}
	return append(body, value...)
}

// appendInString splices a JSON value into a JSON string. As in EventBridge, an
// object or array loses its quotes and the space between its parts. What stood
// between the quotes keeps its escapes, which are right for the new string too.
func appendInString(body, value []byte) []byte {
	inString := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			inString = !inString
		case c == '\\' && i+1 < len(value):
			body = append(body, c, value[i+1])
			i++
		case inString || !isSpace(c):
			body = append(body, c)
		}
	}
	return body
}

// appendUnescaped is appendInString in EventBridge's way: strings are spliced as
// the text that they stand for, and those inside an object or array lose all
// their quotes.
func appendUnescaped(body, value []byte) []byte {
	nested := value[0] != '"'
	s := scanner{text: value}
	for s.pos < len(value) {
		c := value[s.pos]
		if c != '"' {
			if !isSpace(c) {
				body = append(body, c)
			}
			s.pos++
			continue
		}
		start := s.pos
		if s.skipString() != nil {
			return append(body, value[start:]...)
		}
		text := unquote(value[start:s.pos])
		if nested {
			text = bytes.ReplaceAll(text, []byte{'"'}, nil)
		}
		body = append(body, text...)
	}
	return body
}

// unquote returns the text that a JSON string stands for.
func unquote(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return inner
	}
	return []byte(text)
}

// appendText splices a text of the router's own: a JSON string, or its inside.
func appendText(body []byte, text string, quoted bool) []byte {
	if !quoted {
		body = append(body, '"')
	}
	body = appendEscaped(body, text)
	if !quoted {
		body = append(body, '"')
	}
	return body
}

func appendEscaped(body []byte, text string) []byte {
	isPlain := !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError
	})
	if isPlain {
		return append(body, text...)
	}
	value, err := json.Marshal(text)
	if err != nil {
		return body // no string fails to encode
	}
	return append(body, value[1:len(value)-1]...)
}

// appendWithoutDetail writes the event without its detail, and with detail-type
// under the name detailType, as <aws.events.event> gives it.
func appendWithoutDetail(body, envelope []byte) ([]byte, error) {
	s := scanner{text: envelope}
	if s.space(); !s.at('{') {
		return nil, s.fail()
	}
	s.pos++
	body = append(body, '{')
	first := true
	for s.space(); !s.at('}'); s.space() {
		if s.at(',') {
			s.pos++
			s.space()
		}
		start := s.pos
		key, err := s.key()
		if err != nil {
			return nil, err
		}
		valueAt := s.pos
		if err := s.skip(); err != nil {
			return nil, err
		}
		if string(key) == "detail" {
			continue
		}
		if !first {
			body = append(body, ',')
		}
		first = false
		if string(key) == "detail-type" {
			body = append(body, `"detailType":`...)
			start = valueAt
		}
		body = append(body, envelope[start:s.pos]...)
	}
	return append(body, '}'), nil
}

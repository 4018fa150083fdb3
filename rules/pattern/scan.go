package pattern

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// scanner reads the JSON text of a pattern piece by piece. It keeps the spelling
// of numbers and the position of everything, which encoding/json does not. The
// text has been checked to be valid before the first piece is read.
type scanner struct {
	src string
	pos int
}

// checkJSON finds the first fault in the text, if any.
func checkJSON(src string) *Error {
	if !utf8.ValidString(src) {
		offset := strings.IndexFunc(src, func(r rune) bool { return r == utf8.RuneError })
		return &Error{Offset: max(offset, 0), Reason: "not valid UTF-8"}
	}
	if json.Valid([]byte(src)) {
		return nil
	}
	var raw json.RawMessage
	err := json.Unmarshal([]byte(src), &raw)
	fault := &Error{Reason: "not valid JSON"}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		fault.Reason += ": " + syntax.Error()
		fault.Offset = max(int(syntax.Offset)-1, 0)
	}
	return fault
}

// peek is the first byte of what comes next; it moves past white space.
func (s *scanner) peek() byte {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// open moves past the bracket that opens an object or array.
func (s *scanner) open() { s.peek(); s.pos++ }

// more reports whether an object or array continues, and moves past the comma before
// the next member or past the bracket that closes it.
func (s *scanner) more() bool {
	switch s.peek() {
	case ',':
		s.pos++
		return true
	case ']', '}':
		s.pos++
		return false
	}
	return true
}

// text reads a string, number or literal as it is written.
func (s *scanner) text() string {
	s.peek()
	start := s.pos
	if s.src[start] == '"' {
		for s.pos++; s.src[s.pos] != '"'; s.pos++ {
			if s.src[s.pos] == '\\' {
				s.pos++
			}
		}
		s.pos++
		return s.src[start:s.pos]
	}
	if n := strings.IndexAny(s.src[start:], ",]} \t\r\n"); n >= 0 {
		s.pos += n
	} else {
		s.pos = len(s.src)
	}
	return s.src[start:s.pos]
}

// str reads a string and decodes it.
func (s *scanner) str() string {
	raw := s.text()
	raw = raw[1 : len(raw)-1]
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return string(appendDecoded(nil, raw))
}

// key reads the name of a member and the colon after it.
func (s *scanner) key() string {
	name := s.str()
	s.peek()
	s.pos++
	return name
}

// isNumber reports whether c begins a number.
func isNumber(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

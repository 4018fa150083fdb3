package event

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// scanner walks over one JSON text (RFC 8259) without building values. The text
// must be valid UTF-8; checkUTF8 sees to that once for a whole body, so that
// strings need no second look.
type scanner struct {
	text []byte
	pos  int
	// maxDepth bounds the nesting of objects and arrays, and with it the
	// recursion of the scanner.
	maxDepth int
	fault    syntaxError
}

// syntaxError is a fault in a JSON text. Its offset counts bytes from 0.
type syntaxError struct {
	offset int
	reason string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("byte %d: %s", e.offset, e.reason)
}

// fail notes a fault at offset and returns false, so that scanning methods can
// end with it.
func (s *scanner) fail(offset int, format string, args ...any) bool {
	s.fault = syntaxError{offset: offset, reason: fmt.Sprintf(format, args...)}
	return false
}

// unexpected notes that something other than wanted stands at the position.
func (s *scanner) unexpected(wanted string) bool {
	if s.pos >= len(s.text) {
		return s.fail(s.pos, "expected %s, but the text ends here", wanted)
	}
	r, _ := utf8.DecodeRune(s.text[s.pos:])
	return s.fail(s.pos, "expected %s, found %q", wanted, r)
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek is the byte at the position, 0 at the end of the text. A NUL byte is
// legal nowhere in JSON outside of strings, so the two need not be told apart.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// end checks that nothing but white space follows.
func (s *scanner) end() bool {
	s.space()
	if s.pos < len(s.text) {
		return s.fail(s.pos, "unexpected data after the end of the JSON value")
	}
	return true
}

// value skips one value, which begins at the position. depth counts the objects
// and arrays around it.
func (s *scanner) value(depth int) bool {
	switch c := s.peek(); c {
	case '"':
		return s.str()
	case '{':
		return s.object(depth+1, nil)
	case '[':
		return s.array(depth + 1)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || c-'0' <= 9 {
			return s.number()
		}
		return s.unexpected("a JSON value")
	}
}

// span is a part of a scanned text.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// object skips one object. member, if it is not nil, is told the key (its text
// between the quotes, escapes and all) and the value of each member.
func (s *scanner) object(depth int, member func(key, value span)) bool {
	if depth > s.maxDepth {
		return s.tooDeep()
	}
	s.pos++
	s.space()
	if s.peek() == '}' {
		s.pos++
		return true
	}
	for {
		if s.peek() != '"' {
			return s.unexpected("a key in double quotes")
		}
		key := span{from: s.pos + 1}
		if !s.str() {
			return false
		}
		key.to = s.pos - 1
		if !s.colon() {
			return false
		}
		value := span{from: s.pos}
		if !s.value(depth) {
			return false
		}
		value.to = s.pos
		if member != nil {
			member(key, value)
		}
		if more, ok := s.more('}', "',' or '}'"); !more {
			return ok
		}
		if s.peek() == '}' {
			return s.fail(s.pos, "expected another key after ',', found '}' (remove the comma)")
		}
	}
}

// array skips one array.
func (s *scanner) array(depth int) bool {
	if depth > s.maxDepth {
		return s.tooDeep()
	}
	s.pos++
	s.space()
	if s.peek() == ']' {
		s.pos++
		return true
	}
	for {
		if !s.value(depth) {
			return false
		}
		if more, ok := s.more(']', "',' or ']'"); !more {
			return ok
		}
	}
}

// colon takes the colon after a key and the space around it.
func (s *scanner) colon() bool {
	s.space()
	if s.peek() != ':' {
		return s.unexpected("':' after the key")
	}
	s.pos++
	s.space()
	return true
}

// more takes what follows a member or an element: a comma (more is true), or
// the closing bracket (ok is true).
func (s *scanner) more(closing byte, wanted string) (more, ok bool) {
	s.space()
	switch s.peek() {
	case ',':
		s.pos++
		s.space()
		return true, true
	case closing:
		s.pos++
		return false, true
	}
	return false, s.unexpected(wanted)
}

func (s *scanner) tooDeep() bool {
	return s.fail(s.pos, "objects and arrays nest deeper than %d levels (send a flatter one, or raise the limit)", s.maxDepth)
}

func (s *scanner) literal(word string) bool {
	if end := s.pos + len(word); end <= len(s.text) && string(s.text[s.pos:end]) == word {
		s.pos = end
		return true
	}
	return s.fail(s.pos, "expected a JSON value, found a word that is none (true, false and null are the only ones)")
}

func (s *scanner) number() bool {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	leadingZero := s.peek() == '0'
	switch n := s.digits(); {
	case n == 0:
		return s.unexpected("a digit")
	case leadingZero && n > 1:
		return s.fail(start, "a number must not begin with 0")
	}
	if s.peek() == '.' {
		s.pos++
		if s.digits() == 0 {
			return s.unexpected("a digit after the decimal point")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if s.digits() == 0 {
			return s.unexpected("a digit in the exponent")
		}
	}
	return true
}

// digits skips decimal digits and says how many there were.
func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos - start
}

// str skips one string, which begins at the position with its quote.
func (s *scanner) str() bool {
	start := s.pos
	s.pos = plainRun(s.text, s.pos+1)
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '"':
			s.pos++
			return true
		case '\\':
			if !s.escape() {
				return false
			}
		default:
			return s.control()
		}
		s.pos = plainRun(s.text, s.pos)
	}
	return s.fail(start, "the string that begins here has no end")
}

// escape skips one escape sequence of a string.
func (s *scanner) escape() bool {
	if s.pos+1 >= len(s.text) {
		return s.fail(s.pos, "the text ends in an escape sequence")
	}
	switch s.text[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return true
	case 'u':
		if _, ok := hex4(s.text, s.pos+2); ok {
			s.pos += 6
			return true
		}
		return s.fail(s.pos, `\u must be followed by four hexadecimal digits`)
	}
	return s.fail(s.pos, `unknown escape sequence (a backslash itself is written \\)`)
}

func (s *scanner) control() bool {
	return s.fail(s.pos, `control character 0x%02x in a string (write it as \u%04x)`, s.text[s.pos], s.text[s.pos])
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special sets the high bit of those bytes of x that end a run of plain string
// text: the quote, the backslash and control characters. A borrow may set bits
// above the lowest one, so that only the lowest can be relied upon.
func special(x uint64) uint64 {
	quote := x ^ lowBits*'"'
	slash := x ^ lowBits*'\\'
	return ((quote-lowBits)&^quote | (slash-lowBits)&^slash | (x-lowBits*0x20)&^x) & highBits
}

// plainRun is the index of the first special byte of text from i on, or its
// length.
func plainRun(text []byte, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if m := special(binary.LittleEndian.Uint64(text[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}

// hex4 reads four hexadecimal digits of text at i.
func hex4(text []byte, i int) (r rune, ok bool) {
	if i+4 > len(text) {
		return 0, false
	}
	for _, c := range text[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// checkUTF8 finds the first byte of text that is not part of valid UTF-8.
func checkUTF8(text []byte) *syntaxError {
	if utf8.Valid(text) {
		return nil
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return &syntaxError{offset: i, reason: fmt.Sprintf("invalid UTF-8: 0x%02x (send the text in UTF-8)", text[i])}
		}
		i += size
	}
	return nil
}

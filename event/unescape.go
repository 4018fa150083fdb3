package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// unescapeSlack is how many bytes beyond the text unescape may overwrite.
const unescapeSlack = 8

// unescape skips the string at the position as str does, and writes its text
// into dst from n on. It returns where the text ends. dst must have room for
// the rest of the scanner's text and unescapeSlack bytes: the text of a string
// is never longer than the string. An escaped surrogate that has no partner is
// a fault, as UTF-8 cannot hold it.
func (s *scanner) unescape(dst []byte, n int) (int, bool) {
	start := s.pos
	text, i := s.text, s.pos+1
	for i+8 <= len(text) {
		// Eight bytes are copied at once, and those that turn out to be no
		// plain text are overwritten later.
		x := binary.LittleEndian.Uint64(text[i:])
		binary.LittleEndian.PutUint64(dst[n:], x)
		m := special(x)
		if m == 0 {
			i, n = i+8, n+8
			continue
		}
		run := bits.TrailingZeros64(m) >> 3
		i, n = i+run, n+run
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			// Nearly all escapes of JSON within JSON are these.
			dst[n] = text[i+1]
			i, n = i+2, n+1
		case c == '"':
			s.pos = i + 1
			return n, true
		default:
			s.pos = i
			var ok bool
			if n, ok = s.unescapeOne(dst, n); !ok {
				return n, false
			}
			i = s.pos
		}
	}
	for i < len(text) {
		switch c := text[i]; {
		case c == '"':
			s.pos = i + 1
			return n, true
		case c == '\\' || c < 0x20:
			s.pos = i
			var ok bool
			if n, ok = s.unescapeOne(dst, n); !ok {
				return n, false
			}
			i = s.pos
		default:
			dst[n] = c
			i, n = i+1, n+1
		}
	}
	return n, s.fail(start, "the string that begins here has no end")
}

// unescapeOne resolves the escape sequence at the position.
func (s *scanner) unescapeOne(dst []byte, n int) (int, bool) {
	if s.text[s.pos] != '\\' {
		return n, s.control()
	}
	at := s.pos
	if !s.escape() {
		return n, false
	}
	switch c := s.text[at+1]; c {
	case 'u':
		r, _ := hex4(s.text, at+2)
		if utf16.IsSurrogate(r) {
			if r = s.lowSurrogate(r); r == utf8.RuneError {
				return n, s.fail(at, "a surrogate without its partner is no character (send both halves of the pair)")
			}
		}
		return n + utf8.EncodeRune(dst[n:n+utf8.UTFMax], r), true
	case 'b':
		dst[n] = '\b'
	case 'f':
		dst[n] = '\f'
	case 'n':
		dst[n] = '\n'
	case 'r':
		dst[n] = '\r'
	case 't':
		dst[n] = '\t'
	default:
		dst[n] = c
	}
	return n + 1, true
}

// lowSurrogate takes the escape sequence that must follow a high surrogate, and
// returns the character of both, or utf8.RuneError.
func (s *scanner) lowSurrogate(high rune) rune {
	if s.pos+1 >= len(s.text) || s.text[s.pos] != '\\' || s.text[s.pos+1] != 'u' {
		return utf8.RuneError
	}
	low, ok := hex4(s.text, s.pos+2)
	if !ok {
		return utf8.RuneError
	}
	s.pos += 6
	return utf16.DecodeRune(high, low)
}

// unquote is the text of a JSON string that has been scanned, quotes and all.
func unquote(raw []byte) (string, *syntaxError) {
	inner := raw[1 : len(raw)-1]
	if plainRun(inner, 0) == len(inner) {
		return string(inner), nil
	}
	dst := make([]byte, len(raw)+unescapeSlack)
	s := scanner{text: raw}
	n, ok := s.unescape(dst, 0)
	if !ok {
		return "", &s.fault
	}
	return string(dst[:n]), nil
}

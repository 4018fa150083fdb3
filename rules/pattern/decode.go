package pattern

import "unicode/utf8"

// appendDecoded appends to dst what the inside of a JSON string stands for. The
// text must be valid JSON: it was checked by the scanner, and on arrival.
//
// Half of a surrogate pair stands for no character; it becomes a question mark,
// as in the reference.
func appendDecoded[T []byte | string](dst []byte, raw T) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch c = raw[i+1]; c {
		case 'u':
			r := hex4(raw[i+2:])
			i += 6
			switch {
			case r < 0xD800 || r > 0xDFFF:
				dst = utf8.AppendRune(dst, r)
			case r < 0xDC00 && followedByLowSurrogate(raw[i:]):
				low := hex4(raw[i+2:])
				i += 6
				dst = utf8.AppendRune(dst, 0x10000+(r-0xD800)<<10+(low-0xDC00))
			default:
				dst = append(dst, '?')
			}
		default:
			dst = append(dst, unescape(c))
			i += 2
		}
	}
	return dst
}

// unescape is the character that a backslash and c stand for.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func followedByLowSurrogate[T []byte | string](raw T) bool {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return false
	}
	r := hex4(raw[2:])
	return r >= 0xDC00 && r <= 0xDFFF
}

// hex4 reads the four hexadecimal digits that raw begins with.
func hex4[T []byte | string](raw T) rune {
	var r rune
	for i := range 4 {
		c := raw[i]
		switch {
		case c <= '9':
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

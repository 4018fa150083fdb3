package pattern

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// folded is a text whose case does not matter. Each of its characters stands for
// its lower-case and its upper-case form, as in the reference: not for the
// character as it is written, where that is neither (the title-case ǅ), and not
// for what the forms fold to further (ſ stands for S, but not for s).
type folded struct {
	forms []forms
	// key is foldKey of the text: every text that matches has the same key, or
	// begins or ends with it.
	key string
	// ascii means that the text is ASCII, so that an ASCII text with the right key
	// matches.
	ascii bool
}

// forms are the two forms of one character; neither begins or ends with the other.
type forms struct{ lower, upper string }

func newFolded(text string) *folded {
	f := &folded{key: string(appendFoldKey(nil, text)), ascii: isASCII(text)}
	for _, r := range text {
		f.forms = append(f.forms, forms{lowerForm(r), upperForm(r)})
	}
	return f
}

// matchPrefix returns how many bytes of text the folded text takes up at its
// beginning, or -1.
func (f *folded) matchPrefix(text []byte) int {
	n := 0
	for _, c := range f.forms {
		switch rest := text[n:]; {
		case hasPrefix(rest, c.lower):
			n += len(c.lower)
		case hasPrefix(rest, c.upper):
			n += len(c.upper)
		default:
			return -1
		}
	}
	return n
}

func (f *folded) matchSuffix(text []byte) bool {
	for i := len(f.forms) - 1; i >= 0; i-- {
		switch c := f.forms[i]; {
		case hasSuffix(text, c.lower):
			text = text[:len(text)-len(c.lower)]
		case hasSuffix(text, c.upper):
			text = text[:len(text)-len(c.upper)]
		default:
			return false
		}
	}
	return true
}

func (f *folded) matchWhole(text []byte) bool { return f.matchPrefix(text) == len(text) }

// lowerForm is the lower case of one character, by itself.
func lowerForm(r rune) string {
	if r == 'İ' {
		return "i̇"
	}
	return string(unicode.ToLower(r))
}

// upperForm is the upper case of one character, by itself.
func upperForm(r rune) string {
	if special, ok := specialUpper[r]; ok {
		return special
	}
	return string(unicode.ToUpper(r))
}

// appendFoldKey appends a form of the text that is the same for all texts that
// differ in case alone. It works character by character, so that the key of a
// text begins with the key of its beginning and ends with the key of its end.
func appendFoldKey[T []byte | string](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := decodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, c)
			i++
			continue
		}
		i += n
		for _, l := range lowerForm(r) {
			for _, u := range upperForm(l) {
				dst = utf8.AppendRune(dst, unicode.ToLower(u))
			}
		}
	}
	return dst
}

func decodeRune[T []byte | string](text T) (rune, int) {
	var buf [utf8.UTFMax]byte
	n := copy(buf[:], text[:min(len(text), utf8.UTFMax)])
	return utf8.DecodeRune(buf[:n])
}

func isASCII[T []byte | string](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func hasPrefix(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}

func hasSuffix(text []byte, suffix string) bool {
	return len(text) >= len(suffix) && string(text[len(text)-len(suffix):]) == suffix
}

// glob is a wildcard: literal texts with anything between them.
type glob struct {
	parts []string
}

// match reports whether text fits: it begins with the first part, ends with the
// last, and holds the others between, in order. Taking each of those where it
// first occurs is enough, so the time is at most len(text) times the parts.
func (g *glob) match(text []byte) bool {
	first, last := g.parts[0], g.parts[len(g.parts)-1]
	if len(g.parts) == 1 {
		return string(text) == first
	}
	if len(text) < len(first)+len(last) || !hasPrefix(text, first) || !hasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range g.parts[1 : len(g.parts)-1] {
		i := bytes.Index(text, []byte(part))
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

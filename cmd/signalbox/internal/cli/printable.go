package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable is what commands print through: control characters of events, of answers
// and of names reach a terminal as escapes, in JSON's spelling, never raw.
type printable struct {
	w io.Writer
	// rest is the beginning of a character whose other bytes come with the next Write.
	rest []byte
}

// NewPrintable returns what prints through to a stream.
func NewPrintable(w io.Writer) *printable { return &printable{w: w} }

// Write escapes and passes on.
func (p *printable) Write(text []byte) (int, error) {
	whole := append(p.rest, text...)
	end := len(whole)
	for i := 1; i < utf8.UTFMax && i <= len(whole); i++ {
		if utf8.RuneStart(whole[len(whole)-i]) {
			if !utf8.FullRune(whole[len(whole)-i:]) {
				end = len(whole) - i
			}
			break
		}
	}
	p.rest = append([]byte(nil), whole[end:]...)
	if _, err := io.WriteString(p.w, Escaped(string(whole[:end]), "\n\t")); err != nil {
		return 0, err
	}
	return len(text), nil
}

// unprintable reports whether a character controls a terminal, ends a line for some
// readers, turns the direction of writing, or is a mark of byte order.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r == '\ufeff'
}

// Escaped returns a text with what is unprintable, and bytes that are no characters, as
// escapes, but for those to keep.
func Escaped(text, keep string) string {
	var b strings.Builder
	done := 0
	for i, r := range text {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(text[i:])
		}
		broken := r == utf8.RuneError && size == 1
		if !broken && !unprintable(r) || strings.ContainsRune(keep, r) {
			continue
		}
		b.WriteString(text[done:i])
		if broken {
			fmt.Fprintf(&b, `\x%02x`, text[i])
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		done = i + size
	}
	if done == 0 {
		return text
	}
	return b.String() + text[done:]
}

// StreamOf returns the stream below a printable one.
func StreamOf(stream any) any {
	if p, ok := stream.(*printable); ok {
		return p.w
	}
	return stream
}

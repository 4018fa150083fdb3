package cli

import (
	"bytes"
	"testing"
)

func TestPrintable(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain text", "a ü 日\n\tb", "a ü 日\n\tb"},
		{"the colours of a terminal", "\x1b[31mred\x1b[0m", `\u001b[31mred\u001b[0m`},
		{"a title of a window", "\x1b]0;evil\a", `\u001b]0;evil\u0007`},
		{"C1 controls", "\u009b31m", `\u009b31m`},
		{"a line that overwrites itself", "bad\rgood\b", `bad\u000dgood\u0008`},
		{"the direction of writing", "a\u202eb", `a\u202eb`},
		{"other ends of lines, and a mark of byte order", "a\u2028b\u2029c\ufeff", `a\u2028b\u2029c\ufeff`},
		{"DEL and NUL", "\x7f\x00", `\u007f\u0000`},
		{"no characters", "a\xffb\x9b", `a\xffb\x9b`},
		{"JSON stays JSON", "{\"a\":\"\u0085\"}", `{"a":"\u0085"}`},
		{"the mark of a broken character", "\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var at1, whole bytes.Buffer
			p := &printable{w: &at1}
			for i := range len(tt.text) { // in pieces, as buffers cut it
				if n, err := p.Write([]byte{tt.text[i]}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			(&printable{w: &whole}).Write([]byte(tt.text))
			if whole.String() != tt.want || at1.String() != tt.want {
				t.Errorf("got %q and in pieces %q, want %q", whole.String(), at1.String(), tt.want)
			}
		})
	}
}

// A cell stays one cell on one line, whatever it holds.
func TestGridCellsHoldNoLines(t *testing.T) {
	var out bytes.Buffer
	g := NewGrid("A", "B")
	g.Row("x\nfake  row", "y\tz")
	if err := g.print(&out, false); err != nil {
		t.Fatal(err)
	}
	if want := "A                 B\nx\\u000afake  row  y\\u0009z\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

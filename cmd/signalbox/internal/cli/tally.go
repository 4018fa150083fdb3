package cli

import (
	"fmt"
	"io"
)

// Megabytes writes a number of bytes for people.
func Megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// Tally shows how many bytes of a long work are done, on a terminal only.
type Tally struct {
	w     io.Writer
	what  string
	shown int64 // in bytes
}

// NewTally returns a tally that draws on w if that is a terminal.
func NewTally(w io.Writer, what string) *Tally {
	if !IsTerminal(w) {
		return &Tally{}
	}
	return &Tally{w: StreamOf(w).(io.Writer), what: what}
}

// tallyStep is how many bytes lie between two lines.
const tallyStep = 16 << 20

// Show shows that n bytes are done.
func (t *Tally) Show(n int64) {
	if t.w == nil || n < t.shown+tallyStep {
		return
	}
	t.shown = n
	fmt.Fprintf(t.w, "\r%s %s ", Megabytes(n), t.what)
}

// End moves on to the next line.
func (t *Tally) End() {
	if t.shown > 0 {
		fmt.Fprintln(t.w)
	}
}

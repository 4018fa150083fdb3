package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// IsTerminal reports whether a person sits at the other end.
func IsTerminal(stream any) bool {
	f, ok := StreamOf(stream).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Confirm asks a question that must be answered with yes.
func Confirm(in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprintf(out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Progress draws a bar on a terminal, and nothing anywhere else.
type Progress struct {
	w     io.Writer
	drawn bool
}

// NewProgress returns a bar on w if that is a terminal.
func NewProgress(w io.Writer) *Progress {
	if !IsTerminal(w) {
		return &Progress{}
	}
	return &Progress{w: StreamOf(w).(io.Writer)}
}

// barWidth is the length of a full bar, in characters.
const barWidth = 30

// Show draws how much is done.
func (p *Progress) Show(done, total int) {
	if p.w == nil || total == 0 {
		return
	}
	filled := barWidth * done / total
	fmt.Fprintf(p.w, "\r[%s%s] %d/%d", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), done, total)
	p.drawn = true
}

// End moves on to the next line.
func (p *Progress) End() {
	if p.drawn {
		fmt.Fprintln(p.w)
	}
}

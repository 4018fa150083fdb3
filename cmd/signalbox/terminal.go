package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// isTerminal reports whether a person sits at the other end.
func isTerminal(stream any) bool {
	f, ok := streamOf(stream).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks a question that must be answered with yes.
func confirm(in io.Reader, out io.Writer, question string) (bool, error) {
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

// progress draws a bar on a terminal, and nothing anywhere else.
type progress struct {
	w     io.Writer
	drawn bool
}

func newProgress(w io.Writer) *progress {
	if !isTerminal(w) {
		return &progress{}
	}
	return &progress{w: streamOf(w).(io.Writer)}
}

// barWidth is the length of a full bar, in characters.
const barWidth = 30

func (p *progress) show(done, total int) {
	if p.w == nil || total == 0 {
		return
	}
	filled := barWidth * done / total
	fmt.Fprintf(p.w, "\r[%s%s] %d/%d", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), done, total)
	p.drawn = true
}

// end moves on to the next line.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.w)
	}
}

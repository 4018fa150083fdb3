package document

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a file, or a warning about it.
type Problem struct {
	Pos Position
	// Path leads to the faulty value: `rule "big": pattern.detail.total`.
	Path string
	// Message is what is wrong and how to fix it.
	Message string
	// Err is the cause, if there is one to unwrap.
	Err error
}

// Error returns position, path and message.
func (p *Problem) Error() string {
	var b strings.Builder
	if at := p.Pos.String(); at != "" {
		b.WriteString(at + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

func problem(pos Position, format string, args ...any) *Problem {
	return &Problem{Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Problems collects the faults of several files. The zero value is empty.
type Problems struct {
	list []*Problem
}

// Add notes a fault at a place.
func (ps *Problems) Add(pos Position, path Path, format string, args ...any) {
	p := problem(pos, format, args...)
	p.Path = path.String()
	ps.list = append(ps.list, p)
}

// AddError notes an error: the problems of an Errors one by one, a *Problem as
// it is, any other with the file alone as its place.
func (ps *Problems) AddError(file string, err error) {
	var all Errors
	var one *Problem
	switch {
	case errors.As(err, &all):
		ps.list = append(ps.list, all...)
	case errors.As(err, &one):
		ps.list = append(ps.list, one)
	default:
		ps.list = append(ps.list, &Problem{Pos: Position{File: file}, Message: err.Error(), Err: err})
	}
}

// Take adds the faults of others.
func (ps *Problems) Take(others *Problems) { ps.list = append(ps.list, others.list...) }

// Since returns the faults that were noted after the first n.
func (ps *Problems) Since(n int) []*Problem { return slices.Clone(ps.list[n:]) }

// Has reports whether a fault was noted at this path of this place.
func (ps *Problems) Has(pos Position, path Path) bool {
	text := path.String()
	return slices.ContainsFunc(ps.list, func(p *Problem) bool { return p.Pos == pos && p.Path == text })
}

// Len is how many faults were noted.
func (ps *Problems) Len() int { return len(ps.list) }

// Sorted returns the faults by file, line and column, each once.
func (ps *Problems) Sorted() []*Problem {
	sorted := slices.Clone(ps.list)
	slices.SortStableFunc(sorted, func(a, b *Problem) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
	return slices.CompactFunc(sorted, func(a, b *Problem) bool {
		return a.Pos == b.Pos && a.Path == b.Path && a.Message == b.Message
	})
}

// Err is nil if there are no faults, else all of them as Errors.
func (ps *Problems) Err() error {
	if len(ps.list) == 0 {
		return nil
	}
	return Errors(ps.Sorted())
}

// Errors is every fault of a load, sorted by place.
type Errors []*Problem

// Error returns one fault a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, p := range e {
		errs[i] = p
	}
	return errs
}

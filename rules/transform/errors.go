package transform

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong with a Spec.
type Error struct {
	// Path leads to the faulty field from the target entry: keys as strings.
	Path []any
	// Offset is the byte offset of the fault in the field's text.
	Offset int
	// Reason is what is wrong.
	Reason string
	// Hint is how to fix it; it may be empty.
	Hint string
}

func (e *Error) Error() string {
	var b strings.Builder
	for i, key := range e.Path {
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, key)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errors is all that is wrong with a Spec, at least one.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors, for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// Package pattern is the pattern language of EventBridge: compile, match,
// explain. It is pure: no I/O, no clock.
//
// A pattern goes through four forms, each in its own files: text, checked tree
// (parse.go, operator.go), compiled set (set.go, index.go), match (walk.go,
// verify.go). docs/patterns.md shows how they fit together.
package pattern

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// The bounds of one pattern, with MaxCost. A pattern beyond them is an error at load, so that
// no pattern can make an event expensive.
const (
	// MaxDepth is how deep objects may nest in a pattern.
	MaxDepth = 1000
	// MaxCombinations is how many combinations the $or of one pattern may have
	// when they are multiplied out.
	MaxCombinations = 1000
	// MaxFields is how many fields one combination may name.
	MaxFields = 256
	// MaxWildcards is how many `*` one wildcard may hold.
	MaxWildcards = 64
)

// Pattern is one parsed and checked pattern, immutable.
type Pattern struct {
	src      string
	conjs    []conjunction
	warnings []Warning

	// single is the set of this pattern alone, built when Match or Explain first
	// needs it.
	once   sync.Once
	single *Set
}

// conjunction is one combination of fields that must all hold. A pattern without
// $or has one; a pattern matches when any of its conjunctions does.
type conjunction []condition

// condition is what one field must satisfy: any of its tests.
type condition struct {
	// path is the dotted path of the field.
	path  string
	tests []test
	// offset is where the list of tests begins in the pattern's source.
	offset int
}

// acceptsAbsence reports whether the condition holds for a field that is not there.
func (c *condition) acceptsAbsence() bool {
	for i := range c.tests {
		if c.tests[i].op == opAbsent {
			return true
		}
	}
	return false
}

// Error is why a pattern does not compile.
type Error struct {
	// Path leads to the faulty value: object keys as strings, array indexes as ints.
	Path []any
	// Offset is the byte offset of the faulty value in the pattern's source, Line and
	// Column the same place counted from 1; a column is a character.
	Offset       int
	Line, Column int
	// Reason is what is wrong, without "Event pattern is not valid. Reason: ".
	Reason string
	// Hint is how to fix it, such as `did you mean "numeric"?`; it may be empty.
	Hint string
}

// Error returns two lines: the message of the EventBridge API, and the place with the
// hint in parentheses.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Event pattern is not valid. Reason: %s\n at line %d, column %d", e.Reason, e.Line, e.Column)
	if len(e.Path) > 0 {
		b.WriteString(", ")
		b.WriteString(formatPath(e.Path))
	}
	if e.Hint != "" {
		b.WriteString(" (")
		b.WriteString(e.Hint)
		b.WriteString(")")
	}
	return b.String()
}

// formatPath writes a path as people do: detail.total[0].numeric.
func formatPath(path []any) string {
	var b strings.Builder
	for i, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return b.String()
}

// Options change how patterns are read. The zero value is EventBridge's way.
type Options struct {
	// Strict turns duplicate keys, dead leaves and dotted-key ambiguity, which are
	// otherwise warnings, into errors.
	Strict bool
	// Extensions allows the operators that EventBridge does not have: all-of, and
	// equals-ignore-case inside wildcard. They never change what a pattern of
	// EventBridge means.
	Extensions bool
}

// Parse reads and checks one pattern. The error is an *Error.
func Parse(src []byte, opts Options) (*Pattern, error) {
	p := &parser{scanner: scanner{src: string(src)}, opts: opts}
	conjs, err := p.parse()
	if fault, ok := errors.AsType[*Error](err); ok {
		before := p.src[:fault.Offset]
		fault.Line = 1 + strings.Count(before, "\n")
		fault.Column = 1 + utf8.RuneCountInString(before[1+strings.LastIndexByte(before, '\n'):])
		return nil, fault
	}
	return &Pattern{src: p.src, conjs: compact(conjs), warnings: p.warnings}, nil
}

// compact lays the parts of a pattern without $or side by side. There can be very many
// patterns, and each list by itself takes up to twice its length.
func compact(conjs []conjunction) []conjunction {
	if len(conjs) != 1 {
		return conjs // whose combinations share lists
	}
	n := 0
	for _, c := range conjs[0] {
		n += len(c.tests)
	}
	tests := make([]test, 0, n)
	conj := append(make(conjunction, 0, len(conjs[0])), conjs[0]...)
	for i := range conj {
		from := len(tests)
		tests = append(tests, conj[i].tests...)
		conj[i].tests = slices.Clip(tests[from:])
	}
	return []conjunction{conj}
}

// Source is the text that the pattern was parsed from.
func (p *Pattern) Source() []byte { return []byte(p.src) }

// ErrEvent is the error of an event that is not one JSON object.
var ErrEvent = errors.New("event is not a JSON object")

// Match reports whether the pattern matches an event: the JSON text of an object.
// There is an error, ErrEvent by errors.Is, if the event is not one JSON object.
func (p *Pattern) Match(event []byte) (bool, error) {
	if err := checkEvent(event); err != nil {
		return false, err
	}
	var found [1]int
	return len(p.set().Match(event, found[:0])) > 0, nil
}

// set is the pattern compiled alone.
func (p *Pattern) set() *Set {
	p.once.Do(func() { p.single = compile([]*Pattern{p}) })
	return p.single
}

// checkEvent returns an error if the text is not one JSON object.
func checkEvent(event []byte) error {
	if !json.Valid(event) {
		var any json.RawMessage
		err := json.Unmarshal(event, &any)
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if i := skipSpace(event, 0); event[i] != '{' {
		return ErrEvent
	}
	return nil
}

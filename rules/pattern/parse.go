package pattern

import (
	"fmt"
	"slices"
	"strings"
)

// parser reads one pattern. Its faults travel as panics of *Error, which parse
// turns into a result, so that the grammar below stays readable.
type parser struct {
	scanner
	opts     Options
	path     []any // where the parser is, for errors
	warnings []Warning
}

func (p *parser) parse() (conjs []conjunction, err error) {
	if fault := checkJSON(p.src); fault != nil {
		return nil, fault
	}
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *Error:
			conjs, err = nil, fault
		default:
			panic(fault)
		}
	}()
	if p.peek() != '{' {
		p.fail("Filter is not an object", "")
	}
	p.object(&conjs, nil, false)
	for i := range conjs {
		slices.SortFunc(conjs[i], func(a, b condition) int { return strings.Compare(a.path, b.path) })
	}
	if cost := costOf(conjs); cost > MaxCost {
		p.pos = 0
		p.fail(fmt.Sprintf("the pattern costs up to %d steps an event, the limit is %d", cost, MaxCost), "split it into several rules")
	}
	return conjs, nil
}

// fail ends the parse with an error about what comes next.
func (p *parser) fail(reason, hint string) { p.failAt(p.pos, reason, hint) }

func (p *parser) failAt(offset int, reason, hint string) {
	panic(&Error{Path: slices.Clone(p.path), Offset: offset, Reason: reason, Hint: hint})
}

// object reads the fields of an object whose names lie below base, and adds them
// to every one of conjs.
func (p *parser) object(conjs *[]conjunction, base []string, inOr bool) {
	if len(base) > MaxDepth {
		p.fail(fmt.Sprintf("more than %d objects inside each other", MaxDepth), "")
	}
	start := p.pos
	p.open()
	names := 0
	var seen []string
	for ; p.more(); names++ {
		p.peek()
		offset := p.pos
		name := p.key()
		p.path = append(p.path, name)
		if slices.Contains(seen, name) {
			p.warn(Warning{Code: WarnDuplicateKey, Path: formatPath(p.path), Offset: offset,
				Message: "the key is there twice; conditions of one field do not add up, the last wins"})
		}
		seen = append(seen, name)
		p.field(conjs, base, name, offset, inOr)
		p.path = p.path[:len(p.path)-1]
	}
	if names == 0 {
		p.failAt(start, "Empty objects are not allowed", "name a field, or leave the object out")
	}
}

func (p *parser) field(conjs *[]conjunction, base []string, name string, offset int, inOr bool) {
	next := p.peek()
	switch {
	case name == "$or":
		p.or(conjs, base)
	case inOr && slices.Contains(reservedInOr, name):
		p.failAt(offset, name+" is Ruler reserved fieldName which cannot be used inside $or.", "")
	case next == '{':
		p.checkDots(name, offset)
		p.object(conjs, append(base, name), inOr)
	case next == '[':
		p.checkDots(name, offset)
		p.condition(conjs, joinPath(base, name))
	default:
		at := p.pos
		p.failAt(at, fmt.Sprintf("%q must be an object or an array", name), fmt.Sprintf("write [%s]", p.text()))
	}
}

// joinPath is the dotted path of a field. As in the reference, an empty name at
// the top leaves no trace in the paths of the fields right below it.
func joinPath(base []string, name string) string {
	parent := strings.Join(base, ".")
	if parent == "" {
		return name
	}
	return parent + "." + name
}

func (p *parser) checkDots(name string, offset int) {
	if strings.Contains(name, ".") {
		p.warn(Warning{Code: WarnDottedKey, Path: formatPath(p.path), Offset: offset,
			Message: fmt.Sprintf("the key %q also stands for the nested fields of that path", name)})
	}
}

// or reads the alternatives of $or. Each is added to a copy of what stood before
// it in the pattern; what comes after it is added to all of them.
func (p *parser) or(conjs *[]conjunction, base []string) {
	if p.peek() != '[' {
		p.fail("It must be an Array followed with $or.", "")
	}
	before := *conjs
	if len(before) == 0 {
		before = []conjunction{nil}
	}
	var after []conjunction
	start := p.pos
	p.open()
	n := 0
	for ; p.more(); n++ {
		p.path = append(p.path, n)
		if p.peek() != '{' {
			p.fail("Only JSON object is allowed in array of $or relationship.", "")
		}
		branch := make([]conjunction, len(before))
		for i := range before {
			branch[i] = slices.Clone(before[i])
		}
		p.object(&branch, base, true)
		after = append(after, branch...)
		if len(after) > MaxCombinations {
			p.failAt(start, fmt.Sprintf("$or makes more than %d combinations", MaxCombinations), "split it into several rules")
		}
		p.path = p.path[:len(p.path)-1]
	}
	if n < 2 {
		p.failAt(start, "There must have at least 2 Objects in $or relationship.", "")
	}
	*conjs = after
}

// condition reads the tests of one field, the innermost array of a pattern.
func (p *parser) condition(conjs *[]conjunction, path string) {
	c := condition{path: path, offset: p.pos}
	p.open()
	for n := 0; p.more(); n++ {
		p.path = append(p.path, n)
		c.tests = append(c.tests, p.test())
		p.path = p.path[:len(p.path)-1]
	}
	if len(c.tests) == 0 {
		p.failAt(c.offset, "Empty arrays are not allowed", "")
	}
	c.tests = slices.Clip(c.tests)
	p.checkTests(&c)
	if len(*conjs) == 0 {
		*conjs = []conjunction{nil}
	}
	overridden := false
	for i := range *conjs {
		overridden = (*conjs)[i].set(c) || overridden
		if len((*conjs)[i]) > MaxFields {
			p.failAt(c.offset, fmt.Sprintf("more than %d fields in one pattern", MaxFields), "split it into several rules")
		}
	}
	if overridden {
		p.warn(Warning{Code: WarnDuplicatePath, Path: path, Offset: c.offset,
			Message: "the field has a condition already, which this one replaces: the two do not add up"})
	}
}

// set adds a condition; of two for one field the last wins.
func (conj *conjunction) set(c condition) (overridden bool) {
	for i := range *conj {
		if (*conj)[i].path == c.path {
			(*conj)[i] = c
			return true
		}
	}
	*conj = append(*conj, c)
	return false
}

// warn records what is doubtful, or fails where the pattern must be strict.
func (p *parser) warn(w Warning) {
	if p.opts.Strict {
		p.failAt(w.Offset, w.Message, "")
	}
	p.warnings = append(p.warnings, w)
}

// reservedInOr are the names that the reference keeps for operators, now or
// later, and so refuses for fields inside $or.
var reservedInOr = []string{
	"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists",
	"wildcard", "numeric", "cidr", "=", "<", "<=", ">", ">=", "regex",
	"not-wildcard", "not-equals-ignore-case", "date-after", "date-on-or-after",
	"date-before", "date-on-or-before", "in-date-range", "ip-address-in-range",
	"ip-address-not-in-range",
}

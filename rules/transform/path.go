package transform

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// step is one step of a path: into an object by key, into an array by index, or into
// all of an array's items.
type step struct {
	key     string
	index   int
	inArray bool
	all     bool
}

// parsePath reads the part of JSONPath that leads to one value ($, $.a.b, $.a['b']
// and $.a[0]) or to a value of each item of an array ($.a[*].b).
func parsePath(text string) ([]step, *Error) {
	if len(text) > MaxPath {
		return nil, &Error{Offset: MaxPath, Reason: tooLong(len(text), MaxPath)}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Reason: "not valid UTF-8"}
	}
	if !strings.HasPrefix(text, "$") {
		return nil, &Error{Reason: "a path must begin with $", Hint: "the event's detail is $.detail"}
	}
	p := pathParser{text: text, pos: 1}
	var steps []step
	for p.pos < len(text) {
		s, err := p.step()
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

type pathParser struct {
	text string
	pos  int
}

func (p *pathParser) step() (step, *Error) {
	switch p.text[p.pos] {
	case '.':
		p.pos++
		return p.name()
	case '[':
		p.pos++
		return p.bracket()
	}
	return step{}, p.fail(p.pos, "expected . or [", "a path is written like $.detail.items[0]['unit price']")
}

// name reads the key after a dot. The characters that have a meaning in
// JSONPath must be written in brackets.
func (p *pathParser) name() (step, *Error) {
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] != '.' && p.text[p.pos] != '[' {
		if c := p.text[p.pos]; c <= ' ' || strings.IndexByte(`*?@$(){}]'",:<>\`, c) >= 0 {
			return step{}, p.unexpected(c)
		}
		p.pos++
	}
	if p.pos == start {
		return step{}, p.fail(start, "a key is missing after .", "a path leads to one value: .. is not taken")
	}
	return step{key: p.text[start:p.pos]}, nil
}

func (p *pathParser) bracket() (step, *Error) {
	if p.pos == len(p.text) {
		return step{}, p.fail(p.pos, "[ is not closed", "")
	}
	if c := p.text[p.pos]; c == '\'' || c == '"' {
		return p.quotedKey(c)
	}
	if strings.HasPrefix(p.text[p.pos:], "*]") {
		p.pos += 2
		return step{all: true}, nil
	}
	return p.arrayIndex()
}

// quotedKey reads ['key'] or ["key"]; a backslash takes the next character as
// it is.
func (p *pathParser) quotedKey(quote byte) (step, *Error) {
	open := p.pos - 1
	p.pos++
	var key strings.Builder
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == quote:
			p.pos++
			return step{key: key.String()}, p.closeBracket(open)
		case c == '\\' && p.pos+1 < len(p.text):
			p.pos++
			key.WriteByte(p.text[p.pos])
		default:
			key.WriteByte(c)
		}
	}
	return step{}, p.fail(open, "the quoted key is not closed", "")
}

func (p *pathParser) arrayIndex() (step, *Error) {
	open, start := p.pos-1, p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	if p.pos == start {
		return step{}, p.unexpected(p.text[p.pos])
	}
	n, err := strconv.Atoi(p.text[start:p.pos])
	if err != nil {
		return step{}, p.fail(start, "the index is too large", "")
	}
	return step{index: n, inArray: true}, p.closeBracket(open)
}

func (p *pathParser) closeBracket(open int) *Error {
	if p.pos == len(p.text) || p.text[p.pos] != ']' {
		return p.fail(open, "[ is not closed by ]", "")
	}
	p.pos++
	return nil
}

func (p *pathParser) unexpected(c byte) *Error {
	hint := "write a key with such characters in brackets: $.detail['unit price']"
	switch c {
	case '*', '?', ':', '@', '(', '-':
		hint = "of wildcards only [*] is taken, and no slices and filters; use transform with an expression such as map(detail.items, .sku)"
	}
	return p.fail(p.pos, "unexpected "+strconv.QuoteRune(rune(c)), hint)
}

func (p *pathParser) fail(offset int, reason, hint string) *Error {
	return &Error{Offset: offset, Reason: reason, Hint: hint}
}

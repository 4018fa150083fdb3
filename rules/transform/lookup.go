package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// span is where a value stands in an envelope.
type span struct{ start, end int }

// exists reports whether the span is a value's: no value is empty.
func (s span) exists() bool { return s.end > s.start }

func (s span) of(text []byte) []byte { return text[s.start:s.end] }

// node is one place in the tree of all paths of a transform, so that one scan
// of an envelope finds the values of all of them.
type node struct {
	members []member
	items   []item
	// slots are the numbers of the paths that end here; under, also of those
	// that end below.
	slots []int
	under []int
}

type member struct {
	key  []byte
	next *node
}

type item struct {
	index int
	next  *node
}

// add puts a path into the tree under the number slot.
func (n *node) add(path []step, slot int) {
	n.under = append(n.under, slot)
	if len(path) == 0 {
		n.slots = append(n.slots, slot)
		return
	}
	n.child(path[0]).add(path[1:], slot)
}

func (n *node) child(s step) *node {
	if s.inArray {
		i := slices.IndexFunc(n.items, func(it item) bool { return it.index == s.index })
		if i < 0 {
			i = len(n.items)
			n.items = append(n.items, item{index: s.index, next: &node{}})
		}
		return n.items[i].next
	}
	i := slices.IndexFunc(n.members, func(m member) bool { return string(m.key) == s.key })
	if i < 0 {
		i = len(n.members)
		n.members = append(n.members, member{key: []byte(s.key), next: &node{}})
	}
	return n.members[i].next
}

// find writes the spans of the values of all paths to found, by their numbers.
// Of the values of a repeated key the last one counts, as it does for most JSON
// parsers. The text must be valid JSON; that it is cut off is noticed.
func (n *node) find(text []byte, found []span) error {
	s := scanner{text: text}
	s.space()
	return n.scan(&s, found)
}

// scan finds the values at and below one value, which it reads to its end.
func (n *node) scan(s *scanner, found []span) error {
	for _, slot := range n.under {
		found[slot] = span{}
	}
	start := s.pos
	var err error
	switch {
	case s.at('{') && len(n.members) > 0:
		err = n.scanObject(s, found)
	case s.at('[') && len(n.items) > 0:
		err = n.scanArray(s, found)
	default:
		err = s.skip()
	}
	if err != nil {
		return err
	}
	for _, slot := range n.slots {
		found[slot] = span{start, s.pos}
	}
	return nil
}

func (n *node) scanObject(s *scanner, found []span) error {
	s.pos++
	for s.space(); !s.at('}'); s.space() {
		if s.at(',') {
			s.pos++
			s.space()
		}
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := n.member(key).pass(s, found); err != nil {
			return err
		}
	}
	s.pos++
	return nil
}

// pass reads one value to its end: for nil it skips it, else it scans it.
func (n *node) pass(s *scanner, found []span) error {
	if n == nil {
		return s.skip()
	}
	return n.scan(s, found)
}

func (n *node) member(key []byte) *node {
	for i := range n.members {
		if bytes.Equal(n.members[i].key, key) {
			return n.members[i].next
		}
	}
	return nil
}

func (n *node) scanArray(s *scanner, found []span) error {
	s.pos++
	index := 0
	for s.space(); !s.at(']'); s.space() {
		if s.at(',') {
			s.pos++
			index++
			s.space()
		}
		if err := n.item(index).pass(s, found); err != nil {
			return err
		}
	}
	s.pos++
	return nil
}

func (n *node) item(index int) *node {
	for i := range n.items {
		if n.items[i].index == index {
			return n.items[i].next
		}
	}
	return nil
}

// errCutOff is the error of an envelope that is not JSON. Events are checked on arrival, so
// it is a fault of the caller.
var errCutOff = errors.New("the event is not valid JSON")

// scanner reads valid JSON without decoding it.
type scanner struct {
	text []byte
	pos  int
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.text) && s.text[s.pos] == c }

func (s *scanner) space() {
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// key reads a member's key and the colon after it, up to the value.
func (s *scanner) key() ([]byte, error) {
	start := s.pos
	if err := s.skipString(); err != nil {
		return nil, err
	}
	key := s.text[start+1 : s.pos-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		var plain string
		if err := json.Unmarshal(s.text[start:s.pos], &plain); err != nil {
			return nil, s.fail()
		}
		key = []byte(plain)
	}
	s.space()
	if !s.at(':') {
		return nil, s.fail()
	}
	s.pos++
	s.space()
	return key, nil
}

// skip passes over one value.
func (s *scanner) skip() error {
	if s.pos == len(s.text) {
		return s.fail()
	}
	switch s.text[s.pos] {
	case '"':
		return s.skipString()
	case '{', '[':
		return s.skipNested()
	}
	start := s.pos
	for s.pos < len(s.text) && !endsScalar(s.text[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		return s.fail()
	}
	return nil
}

func endsScalar(c byte) bool { return c == ',' || c == '}' || c == ']' || isSpace(c) }

// skipNested passes over an object or array without recursion, so that no depth
// of nesting can exhaust the stack.
func (s *scanner) skipNested() error {
	depth := 0
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '"':
			if err := s.skipString(); err != nil {
				return err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return nil
		}
	}
	return s.fail()
}

func (s *scanner) skipString() error {
	if !s.at('"') {
		return s.fail()
	}
	s.pos++
	return s.stringEnd()
}

// stringEnd passes over the rest of a string and its closing quote.
func (s *scanner) stringEnd() error {
	for {
		n := quoteOrEscape(s.text[s.pos:])
		if n < 0 {
			s.pos = len(s.text)
			return s.fail()
		}
		s.pos += n
		if s.text[s.pos] == '"' {
			s.pos++
			return nil
		}
		if s.pos += 2; s.pos > len(s.text) {
			s.pos = len(s.text)
			return s.fail()
		}
	}
}

func (s *scanner) fail() error {
	return fmt.Errorf("%w at byte %d", errCutOff, s.pos)
}

// quoteOrEscape finds the first quote or backslash. Most strings are short, so
// that a plain loop beats two calls of bytes.IndexByte.
func quoteOrEscape(text []byte) int {
	for i, c := range text {
		if c == '"' || c == '\\' {
			return i
		}
	}
	return -1
}

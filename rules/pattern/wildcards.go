package pattern

import (
	"slices"
	"strconv"
)

// mostPrefixes is how many beginnings of a field's wildcards may match one text at
// once in EventBridge: *a*a has *, *a, *a* and *a*a, which all match aa. It refuses
// patterns with more as too complex.
const mostPrefixes = 10

// tooComplex reports whether EventBridge refuses a condition for its wildcards.
func (c *condition) tooComplex() bool {
	if !slices.ContainsFunc(c.tests, func(t test) bool { return t.op == opGlob || t.op == opAnythingBut }) {
		return false
	}
	s := wildcardSearch{known: map[string]bool{}}
	for i := range c.tests {
		t := &c.tests[i]
		s.add(t)
		if t.op == opAnythingBut {
			for j := range t.more.tests {
				s.add(&t.more.tests[j])
			}
		}
	}
	return len(s.starts) > 0 && s.exceeds(mostPrefixes)
}

// The steps of a wildcard that are no bytes: one that passes over any text, and the
// place behind the last one.
const (
	anyText = -1
	behind  = -2
)

// wildcardSearch looks for a text that as many beginnings of wildcards match as
// possible. It reads all wildcards at once, in every way that a text can go on.
type wildcardSearch struct {
	// steps are the wildcards one after the other, each in quotes; starts are where
	// they begin.
	steps  []int
	starts []int
	known  map[string]bool // wildcards and states that were met
}

func (s *wildcardSearch) add(t *test) {
	if t.op != opGlob || s.known[t.text] {
		return
	}
	s.known[t.text] = true
	s.starts = append(s.starts, len(s.steps))
	s.steps = append(s.steps, '"')
	for i, part := range t.more.glob.parts {
		if i > 0 {
			s.steps = append(s.steps, anyText)
		}
		for j := range len(part) {
			s.steps = append(s.steps, int(part[j]))
		}
	}
	s.steps = append(s.steps, '"', behind)
}

// exceeds reports whether some text is matched by more than limit beginnings. It gives
// up, with false, where too many texts would have to be tried.
func (s *wildcardSearch) exceeds(limit int) bool {
	const mostStates = 1000
	const otherByte = 256 // that no wildcard names
	bytes := []int{otherByte}
	for _, step := range s.steps {
		if step >= 0 && !slices.Contains(bytes, step) {
			bytes = append(bytes, step)
		}
	}
	for pending := [][]int{s.starts}; len(pending) > 0 && len(s.known) < mostStates; {
		state := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		for _, b := range bytes {
			next := s.next(state, b)
			if len(next) > limit {
				return true
			}
			if key := keyOf(next); !s.known[key] {
				s.known[key] = true
				pending = append(pending, next)
			}
		}
	}
	return false
}

// next returns the places that are reached from those of a state by one byte, sorted.
func (s *wildcardSearch) next(state []int, b int) (next []int) {
	reach := func(at int) {
		for next = append(next, at); s.steps[at] == anyText; next = append(next, at) {
			at++
		}
	}
	for _, at := range state {
		if at > 0 && s.steps[at-1] == anyText {
			reach(at)
		}
		if s.steps[at] == b {
			reach(at + 1)
		}
	}
	slices.Sort(next)
	return slices.Compact(next)
}

func keyOf(state []int) string {
	var key []byte
	for _, at := range state {
		key = append(strconv.AppendInt(key, int64(at), 36), ' ')
	}
	return string(key)
}

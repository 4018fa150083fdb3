package rules

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/bits"

	"signalbox/rules/pattern"
)

// heads are what the rules of steps ask of the types and the sources of events, compiled
// together: each type is held against all of them at once.
type heads struct{ types, sources *asks }

// newHeads returns the heads of the rules of steps.
func newHeads(steps []Step) *heads {
	h := &heads{types: newAsks("detail-type", len(steps)), sources: newAsks("source", len(steps))}
	for i, step := range steps {
		var members map[string]json.RawMessage
		if json.Unmarshal(step.Rule.Pattern.Source(), &members) != nil {
			continue // which asks for nothing: no loop is missed
		}
		h.types.add(i, members)
		h.sources.add(i, members)
	}
	h.types.compile()
	h.sources.compile()
	return h
}

// takers returns the numbers of the steps whose rules can match what a step makes, in order:
// events of these types, or, where they are nil, what its own rule matches.
func (h *heads) takers(i int, types []string) iter.Seq[int] {
	if types == nil {
		return func(yield func(int) bool) {
			for j := range h.types.exact {
				if h.types.meet(i, j) && h.sources.meet(i, j) && !yield(j) {
					return
				}
			}
		}
	}
	all := newNumbers(len(h.types.exact))
	for _, t := range types {
		for w, word := range h.types.takers(t) {
			all[w] |= word
		}
	}
	return all.each
}

// asks is what the rules of steps ask of one member of an event.
type asks struct {
	key string
	// patterns are those for the member alone; nil where a rule does not ask for it.
	patterns []*pattern.Pattern
	// exact are the values that a pattern names, if it takes no others; else nil.
	exact [][]string
	// set holds the patterns that there are, and of which steps they are.
	set   *pattern.Set
	steps []int
	// free are the steps whose rules do not ask for the member.
	free numbers
	// known is who takes a value.
	known map[string]numbers
}

func newAsks(key string, n int) *asks {
	return &asks{key: key, patterns: make([]*pattern.Pattern, n), exact: make([][]string, n), free: newNumbers(n), known: map[string]numbers{}}
}

// add notes what the rule of a step asks for.
func (a *asks) add(i int, members map[string]json.RawMessage) {
	if members[a.key] == nil {
		return
	}
	p, err := pattern.Parse(fmt.Appendf(nil, `{%q:%s}`, a.key, members[a.key]), pattern.Options{Extensions: true})
	if err != nil {
		return
	}
	a.patterns[i] = p
	var items []any
	if json.Unmarshal(members[a.key], &items) != nil {
		return
	}
	values := []string{}
	for _, item := range items {
		value, ok := item.(string)
		if !ok {
			return
		}
		values = append(values, value)
	}
	a.exact[i] = values
}

func (a *asks) compile() {
	var all []*pattern.Pattern
	for i, p := range a.patterns {
		if p == nil {
			a.free.add(i)
			continue
		}
		all = append(all, p)
		a.steps = append(a.steps, i)
	}
	a.set, _ = pattern.Compile(all) // which has no error for what was parsed
}

// takers returns the steps whose rules take a value.
func (a *asks) takers(value string) numbers {
	if known, ok := a.known[value]; ok {
		return known
	}
	takers := append(numbers(nil), a.free...)
	text, err := json.Marshal(map[string]string{a.key: value})
	if err == nil { // always: it is a string
		for _, i := range a.set.Match(text, nil) {
			takers.add(a.steps[i])
		}
	}
	a.known[value] = takers
	return takers
}

// meet reports whether an event can have a value that the rules of two steps take; where
// neither names its values, it is taken for granted.
func (a *asks) meet(i, j int) bool {
	if a.patterns[i] == nil || a.patterns[j] == nil {
		return true
	}
	for _, pair := range [2][2]int{{i, j}, {j, i}} {
		values := a.exact[pair[0]]
		if values == nil {
			continue
		}
		for _, v := range values {
			if a.takers(v).has(pair[1]) {
				return true
			}
		}
		return false
	}
	return true
}

// numbers is a set of small numbers.
type numbers []uint64

func newNumbers(most int) numbers { return make(numbers, (most+63)/64) }

func (n numbers) add(i int) { n[i/64] |= 1 << (i % 64) }

func (n numbers) has(i int) bool { return n[i/64]>>(i%64)&1 == 1 }

// each calls yield with every number, in order.
func (n numbers) each(yield func(int) bool) {
	for w, word := range n {
		for ; word != 0; word &= word - 1 {
			if !yield(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

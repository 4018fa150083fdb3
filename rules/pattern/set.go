package pattern

import "sync"

// Set is many patterns compiled into one matcher, immutable, safe for
// concurrent use.
//
// Every conjunction waits at one of its fields, the one where fewest events are
// likely to find it (see pivot). A value of that field that passes the test makes
// the conjunction a candidate; the rest of it is then held against the values
// that the walk has kept. Where many wait for the same test they do so as a group.
// So the work follows the event and the candidates, not the number of patterns.
type Set struct {
	conjs  []compiledConjunction
	groups []group // numbered on from the conjunctions
	fields []field
	root   *node
	// always are the conjunctions that an event without any of their fields can
	// match: there is no value for them to wait for.
	always []int32
	// nested means that some conjunction has several fields, so that the elements
	// of arrays must be told apart.
	nested bool

	patterns int
	scratch  sync.Pool // of *matcher
}

// compiledConjunction is a conjunction with its fields by number.
type compiledConjunction struct {
	pattern int32
	pivot   int32 // the condition that it waits at, or -1
	conds   []compiledCondition
}

type compiledCondition struct {
	field int32
	// absent means that the condition holds for a field that is not there.
	absent bool
	tests  []test
}

// field is one path that patterns name.
type field struct {
	path string
	// kept means that values must be kept: some candidate will ask for them.
	kept  bool
	index index
}

// Compile builds a Set. A pattern's number in the set is its index in patterns.
// There is no error that a parsed pattern can cause today; the result is there
// for bounds on whole sets.
func Compile(patterns []*Pattern) (*Set, error) { return compile(patterns), nil }

func compile(patterns []*Pattern) *Set {
	set := &Set{patterns: len(patterns)}
	c := &compiler{set: set, byPath: map[string]int32{}}
	c.number(patterns)
	for i := range set.conjs {
		c.uses.count(&set.conjs[i])
	}
	c.place()
	set.root = buildTree(set.fields)
	set.scratch.New = func() any { return newMatcher(set) } // and not c, which is big
	return set
}

// compiler builds one set.
type compiler struct {
	set    *Set
	byPath map[string]int32
	uses   uses
}

// number numbers the paths and lists the conjunctions.
func (c *compiler) number(patterns []*Pattern) {
	total, conds := 0, 0
	for _, p := range patterns {
		total += len(p.conjs)
		for _, conj := range p.conjs {
			conds += len(conj)
		}
	}
	c.set.conjs = make([]compiledConjunction, 0, total)
	all := make([]compiledCondition, 0, conds)
	c.uses.tests = make(map[testKey]int, conds)
	for i, p := range patterns {
		for _, conj := range p.conjs {
			first := len(all)
			for _, cond := range conj {
				all = append(all, compiledCondition{field: c.fieldNumber(cond.path), absent: cond.acceptsAbsence(), tests: cond.tests})
			}
			c.set.conjs = append(c.set.conjs, compiledConjunction{pattern: int32(i), conds: all[first:len(all):len(all)]})
			c.set.nested = c.set.nested || len(conj) > 1
		}
	}
}

func (c *compiler) fieldNumber(path string) int32 {
	n, ok := c.byPath[path]
	if !ok {
		n = int32(len(c.set.fields))
		c.byPath[path] = n
		c.set.fields = append(c.set.fields, field{path: path})
	}
	return n
}

const noField = -1

// testKey names a test of a field. Those that lie in no table by their text have none.
type testKey struct {
	field int32
	op    op
	text  string
}

func (t *test) key(field int32) testKey {
	if t.open() && !t.hasGram() {
		return testKey{field, t.op, ""}
	}
	return testKey{field, t.op, t.text}
}

// uses counts the conjunctions that use a test. Those of a group also note the ranges of
// each field; of a whole set, ranges is nil: an exact test that many share makes a group,
// which is better than ranges that overlap.
type uses struct {
	tests  map[testKey]int
	ranges map[int32]*overlaps
}

func (u *uses) count(conj *compiledConjunction) {
	for _, cond := range conj.conds {
		for i := range cond.tests {
			t := cond.tests[i].anchor()
			u.tests[t.key(cond.field)]++
			if t.op == opRange && u.ranges != nil {
				if u.ranges[cond.field] == nil {
					u.ranges[cond.field] = &overlaps{}
				}
				u.ranges[cond.field].add(&t.more.rng)
			}
		}
	}
}

// weight guesses how many conjunctions a test brings up together with its own
// when a value passes it: those with the same text; or half of those with a range
// that can hold it too; or all, where almost every value passes.
func (u *uses) weight(field int32, t *test) int {
	t = t.anchor()
	uses := u.tests[t.key(field)]
	switch t.op {
	case opRange:
		if u.ranges != nil {
			uses = u.ranges[field].with(&t.more.rng)
		}
		return uses/2 + 2
	case opString, opAddress, opNumber, opNumberText, opEqualsFold:
		return uses
	case opPrefix, opSuffix, opPrefixFold, opSuffixFold, opGlob, opGlobFold:
		return uses + 256>>min(len(t.text), 8) // short ones are passed by many values
	case opTrue, opFalse, opNull, opCIDR:
		return uses + 2
	}
	return uses + 4
}

// pivot picks the condition that a conjunction waits at: the one that brings it
// up least, of those that a field must be there for, except for the given field.
// It is -1 if there is none.
func (u *uses) pivot(conj *compiledConjunction, except int32) (best, least int) {
	best = -1
	for i, cond := range conj.conds {
		if cond.absent || cond.field == except {
			continue
		}
		weight := 0
		for j := range cond.tests {
			weight += u.weight(cond.field, &cond.tests[j])
		}
		if best < 0 || weight < least {
			best, least = i, weight
		}
	}
	return best, least
}

// place lets every conjunction wait at its pivot.
func (c *compiler) place() {
	waiting := make([][]waiter, len(c.set.fields))
	for i := range c.set.conjs {
		conj := &c.set.conjs[i]
		pivot, _ := c.uses.pivot(conj, noField)
		conj.pivot = int32(pivot)
		if pivot < 0 {
			c.set.always = append(c.set.always, int32(i))
		}
		for j, cond := range conj.conds {
			if len(conj.conds) > 1 || pivot < 0 {
				c.set.fields[cond.field].kept = true
			}
			if j != pivot {
				continue
			}
			who := int32(i) << 1
			if len(conj.conds) == 1 {
				who = conj.pattern<<1 | 1
			}
			for k := range cond.tests {
				waiting[cond.field] = append(waiting[cond.field], waiter{test: &cond.tests[k], who: who})
			}
		}
	}
	for i := range waiting {
		c.set.fields[i].index = newIndex(c.gather(int32(i), waiting[i]))
	}
}

// waiter is a test and who waits for it: a conjunction or a group, or, marked in the lowest
// bit, a pattern that is matched when the test is passed.
type waiter struct {
	test *test
	who  int32
}

// Match appends to dst the numbers of the patterns that match the event, in
// ascending order. The event must be one valid JSON object, which is checked on arrival.
func (s *Set) Match(event []byte, dst []int) []int {
	m := s.scratch.Get().(*matcher)
	dst = m.match(event, dst)
	s.scratch.Put(m)
	return dst
}

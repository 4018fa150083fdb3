package pattern

import "slices"

// chooser decides whether values can be chosen for all conditions of a
// conjunction, no two of them from different elements of one array.
//
// The elements of arrays that hold values (frames) form a tree. For each frame,
// from the innermost out, it works out which sets of conditions can be satisfied
// together inside: one element of each array may be chosen, and sibling arrays
// are independent. A set that lacks what can be had nowhere else is dropped at
// once, so that mostly one set is left, and the time grows with the number of
// values, not with the product of arrays.
type chooser struct {
	frames          []frameChoice
	merged, product []mask
}

// frameChoice is what the chooser knows of a frame.
type frameChoice struct {
	kid, next int32 // the first frame inside, and the next beside; those of one array are neighbours
	own       mask  // what its own values satisfy
	inside    mask  // what any value inside satisfies
	elsewhere mask  // what can be satisfied outside of its array, together with it
	options   []mask
}

// mostOptions is how many sets of conditions are followed at once. There can be
// more only where an event repeats the keys of arrays; then some choices go
// untried, and a pattern may fail to match, but never match wrongly.
const mostOptions = 64

// mask is a set of the conditions of one conjunction.
type mask [MaxFields / 64]uint64

func (s *mask) add(i int) { s[i>>6] |= 1 << (i & 63) }

func (s mask) or(t mask) mask {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (s mask) and(t mask) mask {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

func (s mask) without(t mask) mask {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

// within reports whether every condition of s is in t.
func (s *mask) within(t *mask) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

func (c *chooser) choose(m *matcher, conj *compiledConjunction) bool {
	c.readValues(m, conj)
	c.link(m)
	c.lookElsewhere(m)
	for f := len(c.frames) - 1; f >= 0; f-- {
		c.combine(m, int32(f))
	}
	var all mask
	for i := range conj.conds {
		all.add(i)
	}
	return slices.Contains(c.frames[0].options, all)
}

// readValues notes which conditions the values of each frame satisfy.
func (c *chooser) readValues(m *matcher, conj *compiledConjunction) {
	c.frames = slices.Grow(c.frames[:0], len(m.frames))[:len(m.frames)]
	for i := range c.frames {
		c.frames[i] = frameChoice{options: c.frames[i].options[:0]}
	}
	for i := range conj.conds {
		cond := &conj.conds[i]
		if cond.absent && m.firstLeaf(cond.field) == 0 {
			c.frames[0].own.add(i)
		}
		for at := m.firstLeaf(cond.field); at != 0; at = m.leaves[at].next {
			if l := &m.leaves[at]; cond.matches(l) {
				c.frames[l.frame].own.add(i)
			}
		}
	}
}

// link makes a tree of the frames. They come in the order of the event, parents
// before what is inside of them.
func (c *chooser) link(m *matcher) {
	for i := len(c.frames) - 1; i >= 0; i-- {
		f := &c.frames[i]
		f.inside = f.inside.or(f.own)
		if i == 0 {
			return
		}
		parent := &c.frames[m.frames[i].parent]
		parent.inside = parent.inside.or(f.inside)
		f.next, parent.kid = parent.kid, int32(i)
	}
}

// lookElsewhere works out what each frame need not supply: what its parents have,
// or other arrays of its parents.
func (c *chooser) lookElsewhere(m *matcher) {
	for i := range c.frames {
		f := &c.frames[i]
		var once, twice mask // what at least one of its arrays, or two, can supply
		for kid := f.kid; kid != 0; {
			var array mask
			array, kid = c.suppliedByArray(m, kid)
			twice = twice.or(once.and(array))
			once = once.or(array)
		}
		for kid := f.kid; kid != 0; {
			array, end := c.suppliedByArray(m, kid)
			elsewhere := f.elsewhere.or(f.own).or(twice).or(once.without(array))
			for ; kid != end; kid = c.frames[kid].next {
				c.frames[kid].elsewhere = elsewhere
			}
		}
	}
}

// suppliedByArray is what the elements of the array that begins with a frame can
// satisfy, and the frame after them.
func (c *chooser) suppliedByArray(m *matcher, first int32) (supplied mask, end int32) {
	for end = first; end != 0 && m.frames[end].array == m.frames[first].array; end = c.frames[end].next {
		supplied = supplied.or(c.frames[end].inside)
	}
	return supplied, end
}

// combine lists what can be satisfied together inside a frame: by its own values
// and one choice from each of its arrays.
func (c *chooser) combine(m *matcher, number int32) {
	f := &c.frames[number]
	f.options = append(f.options, f.own)
	for kid := f.kid; kid != 0; {
		kid = c.choices(m, kid)
		c.product = c.product[:0]
		for _, a := range f.options {
			for _, b := range c.merged {
				c.product = addOption(c.product, a.or(b))
			}
		}
		f.options = append(f.options[:0], c.product...)
	}
}

// choices lists, in merged, what each choice in the array that begins with a
// frame satisfies: one of its elements, or none. It returns the frame after them.
func (c *chooser) choices(m *matcher, first int32) (end int32) {
	supplied, end := c.suppliedByArray(m, first)
	required := supplied.without(c.frames[first].elsewhere)
	c.merged = c.merged[:0]
	for kid := first; kid != end; kid = c.frames[kid].next {
		for _, o := range c.frames[kid].options {
			if required.within(&o) {
				c.merged = addOption(c.merged, o)
			}
		}
	}
	if required == (mask{}) {
		c.merged = addOption(c.merged, mask{})
	}
	return end
}

// addOption adds a set of conditions to a list, unless another holds as many.
func addOption(list []mask, o mask) []mask {
	for i := range list {
		if o.within(&list[i]) {
			return list
		}
	}
	list = slices.DeleteFunc(list, func(p mask) bool { return p.within(&o) })
	if len(list) == mostOptions {
		return list
	}
	return append(list, o)
}

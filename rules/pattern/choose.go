package pattern

import "slices"

// chooser decides whether values can be chosen for all conditions of a
// conjunction, no two of them from different elements of one array.
//
// The elements of arrays that hold values (frames) form a tree. For each frame,
// from the innermost out, it works out which sets of conditions can be satisfied
// together inside: one element of each array may be chosen, and sibling arrays
// are independent. So the time grows with the values and with the number of
// combinations of conditions (which is small), not with the product of arrays.
type chooser struct {
	kids    []int32  // by frame: the first frame inside of it, linked by nextKid
	nextKid []int32  // frames are in the order of the event; kids are in reverse
	direct  []option // by frame: what its own values give
	options [][]option
	merged  []option
	product []option
}

// option is a set of conditions that can be satisfied together, and the price:
// the fields that are then not absent. Bit i stands for condition i.
type option struct {
	satisfied, present mask
}

// mask is a set of the conditions of one conjunction.
type mask [MaxFields / 64]uint64

func (s *mask) add(i int) { s[i>>6] |= 1 << (i & 63) }

func (s mask) or(t mask) mask {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (s *mask) has(i int) bool { return s[i>>6]&(1<<(i&63)) != 0 }

// within says whether every condition of s is in t.
func (s *mask) within(t *mask) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

func (c *chooser) choose(m *matcher, conj *compiledConjunction) bool {
	c.reset(len(m.frames))
	for i := range conj.conds {
		cond := &conj.conds[i]
		seen := &m.fields[cond.field]
		if seen.epoch != m.epoch {
			continue
		}
		for at := seen.first; at != 0; at = m.leaves[at].next {
			l := &m.leaves[at]
			if cond.absent {
				c.direct[l.frame].present.add(i)
			}
			if cond.matches(l) {
				c.direct[l.frame].satisfied.add(i)
			}
		}
	}
	for f := len(m.frames) - 1; f > 0; f-- {
		c.options[f] = c.inside(m, int32(f), c.options[f][:0])
		parent := m.frames[f].parent
		c.nextKid[f] = c.kids[parent]
		c.kids[parent] = int32(f)
	}
	c.options[0] = c.inside(m, 0, c.options[0][:0])
	return slices.ContainsFunc(c.options[0], func(o option) bool {
		for i := range conj.conds {
			if !o.satisfied.has(i) && (!conj.conds[i].absent || o.present.has(i)) {
				return false
			}
		}
		return true
	})
}

func (c *chooser) reset(frames int) {
	c.kids = slices.Grow(c.kids[:0], frames)[:frames]
	c.nextKid = slices.Grow(c.nextKid[:0], frames)[:frames]
	c.direct = slices.Grow(c.direct[:0], frames)[:frames]
	clear(c.kids)
	clear(c.direct)
	for len(c.options) < frames {
		c.options = append(c.options, nil)
	}
}

// inside lists what can be satisfied inside a frame: what its own values give,
// with one choice from each of its arrays.
func (c *chooser) inside(m *matcher, f int32, list []option) []option {
	list = append(list, c.direct[f])
	for kid := c.kids[f]; kid != 0; {
		// The frames of one array follow one another.
		array := m.frames[kid].array
		var whole option // the array, with none of its elements chosen
		c.merged = c.merged[:0]
		for ; kid != 0 && m.frames[kid].array == array; kid = c.nextKid[kid] {
			for _, o := range c.options[kid] {
				if o.satisfied != (mask{}) {
					c.merged = addOption(c.merged, o)
				}
			}
			whole.present = whole.present.or(c.everything(kid))
		}
		c.merged = addOption(c.merged, whole)
		c.product = c.product[:0]
		for _, a := range list {
			for _, b := range c.merged {
				c.product = addOption(c.product, option{a.satisfied.or(b.satisfied), a.present.or(b.present)})
			}
		}
		list = append(list[:0], c.product...)
	}
	c.direct[f].present = c.presentInside(f)
	return list
}

// presentInside is the fields that have a value anywhere inside a frame.
func (c *chooser) presentInside(f int32) mask {
	all := c.direct[f].present
	for kid := c.kids[f]; kid != 0; kid = c.nextKid[kid] {
		all = all.or(c.everything(kid))
	}
	return all
}

func (c *chooser) everything(f int32) mask { return c.direct[f].present }

// addOption adds an option to a list, unless another satisfies as much at no
// higher price.
func addOption(list []option, o option) []option {
	for i := range list {
		if o.satisfied.within(&list[i].satisfied) && list[i].present.within(&o.present) {
			return list
		}
	}
	list = slices.DeleteFunc(list, func(p option) bool {
		return p.satisfied.within(&o.satisfied) && o.present.within(&p.present)
	})
	return append(list, o)
}

package pattern

// A group stands for many conjunctions that wait for one and the same test, such as
// the rules for one source. A value that passes it brings up all of them, so they
// wait once more, each at the best of its other fields, in indexes of the group's
// own. When the walk is over, these are asked for the values that it has kept.
type group []groupField

type groupField struct {
	field int32
	index index
}

const (
	// largeGroup is how many conjunctions must share a test to become a group.
	largeGroup = 32
	// mostAlternatives is how many tests a condition may have that conjunctions wait
	// at in groups: one that waits for several tests is in as many groups, with all
	// tests of the second condition in each.
	mostAlternatives = 4
)

// gather puts groups in place of the waiters of a field that share a test with many.
func (c *compiler) gather(field int32, waiters []waiter) []waiter {
	if len(waiters) < largeGroup {
		return waiters
	}
	shared := map[testKey][]waiter{}
	rest := waiters[:0]
	for _, w := range waiters {
		key := w.test.anchor().key(field)
		if w.who&1 != 0 || key.text == "" || c.uses.tests[key] < largeGroup {
			rest = append(rest, w)
			continue
		}
		shared[key] = append(shared[key], w)
	}
	for _, members := range shared {
		rest = append(rest, c.divide(field, members)...)
	}
	return rest
}

// divide makes a group of those that have another field which brings up fewer of them,
// and returns it and the rest; there is none where that is most of them.
func (c *compiler) divide(field int32, members []waiter) (rest []waiter) {
	if len(members) < largeGroup {
		return members
	}
	local := uses{map[testKey]int{}, map[int32]*overlaps{}}
	for _, w := range members {
		local.count(&c.set.conjs[w.who>>1])
	}
	waiting := map[int32][]waiter{}
	for _, w := range members {
		conj := &c.set.conjs[w.who>>1]
		pivot, weight := local.pivot(conj, field)
		if pivot < 0 || weight >= len(members) || len(conj.conds[pivot].tests) > mostAlternatives {
			rest = append(rest, w)
			continue
		}
		cond := &conj.conds[pivot]
		for i := range cond.tests {
			waiting[cond.field] = append(waiting[cond.field], waiter{&cond.tests[i], w.who})
		}
	}
	if len(rest) > len(members)/2 {
		return members
	}
	var g group
	for field, waiters := range waiting {
		g = append(g, groupField{field, newIndex(waiters)})
	}
	c.set.groups = append(c.set.groups, g)
	number := int32(len(c.set.conjs) + len(c.set.groups) - 1)
	return append(rest, waiter{members[0].test.anchor(), number << 1})
}

// search looks up the values kept in the indexes of a group.
func (m *matcher) search(g group) {
	for i := range g {
		for at := m.firstLeaf(g[i].field); at != 0; at = m.leaves[at].next {
			m.find(&g[i].index, &m.leaves[at])
		}
	}
}

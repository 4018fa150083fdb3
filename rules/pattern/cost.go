package pattern

// MaxCost is the greatest cost that a pattern may have.
const MaxCost = 100_000

// HighCost is the cost from which Lint speaks of it.
const HighCost = 1000

// Cost bounds the work that the pattern can cause for one event, in steps of
// about the time of one comparison, if the event gives each of its fields one
// value: all tests of all combinations ($or multiplied out). Most events cause
// far less, as a set looks tests up instead of trying them.
func (p *Pattern) Cost() int { return costOf(p.conjs) }

func costOf(conjs []conjunction) int {
	total := 0
	for _, conj := range conjs {
		for i := range conj {
			total += costOfTests(conj[i].tests)
		}
	}
	return total
}

func costOfTests(tests []test) int {
	total := 0
	for i := range tests {
		total += tests[i].cost()
	}
	return total
}

func (t *test) cost() int {
	switch t.op {
	case opAnythingBut, opAllOf:
		return 1 + costOfTests(t.more.tests)
	case opGlob, opGlobFold:
		return 2 * len(t.more.glob.parts) // each part is searched for once
	case opEqualsFold, opPrefixFold, opSuffixFold, opRange, opAddress, opCIDR:
		return 2
	}
	return 1
}

package pattern

// verify checks a candidate against the values that the walk has kept.
func (m *matcher) verify(number int32) {
	conj := &m.set.conjs[number]
	if m.matched[conj.pattern] == m.epoch {
		return
	}
	if m.holds(conj) {
		m.hit(conj.pattern)
	}
}

// holds reports whether values of the event can be chosen for all conditions, so
// that no two of them lie in different elements of one array.
func (m *matcher) holds(conj *compiledConjunction) bool {
	if len(m.frames) == 1 { // nothing lies in arrays, so the pivot has been met
		for i := range conj.conds {
			if int32(i) != conj.pivot && m.state(&conj.conds[i]) == stateFails {
				return false
			}
		}
		return true
	}
	// Most often each condition has a value outside of all arrays, or but one of
	// them needs a value inside of one. Then there is nothing to choose.
	inside, absence := 0, false
	for i := range conj.conds {
		switch m.state(&conj.conds[i]) {
		case stateFails:
			return false
		case stateChoose:
			inside++
		case stateAbsent:
			absence = true
		}
	}
	switch {
	case absence:
		return m.searchAbsence(conj)
	case inside <= 1:
		return true
	}
	return m.choice.choose(m, conj)
}

// firstLeaf is the first value of a field that was kept, or 0.
func (m *matcher) firstLeaf(field int32) int32 {
	if seen := &m.fields[field]; seen.epoch == m.epoch {
		return seen.first
	}
	return 0
}

// state is what can be said of a condition by itself.
type state uint8

const (
	stateFails  state = iota // no value passes, and it may not be absent
	stateHolds               // a value outside of all arrays passes, or there is none and there need not be
	stateChoose              // a value inside an array passes
	stateAbsent              // it may be absent, and all of its values lie in arrays
)

func (m *matcher) state(cond *compiledCondition) state {
	best := stateFails
	first := m.firstLeaf(cond.field)
	if first == 0 && cond.absent {
		return stateHolds
	}
	outside := false
	for at := first; at != 0; at = m.leaves[at].next {
		l := &m.leaves[at]
		outside = outside || l.frame == 0
		if best == stateChoose && l.frame != 0 || !cond.matches(l) {
			continue
		}
		if l.frame == 0 {
			return stateHolds
		}
		best = stateChoose
	}
	if cond.absent && !outside {
		return stateAbsent
	}
	return best
}

func (c *compiledCondition) matches(l *leaf) bool {
	return anyMatches(c.tests, l)
}

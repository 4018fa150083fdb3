package pattern

// mostSteps bounds the search for a conjunction that wants a field absent from an
// element of an array: a step is to look at one value, or to go up one level. A search that runs
// into it fails.
const mostSteps = 1_000_000

// absenceSearch tries the values of a conjunction, one condition after the other.
type absenceSearch struct {
	m     *matcher
	conds []compiledCondition
	// frames are those of the values chosen; absent are the fields to be absent.
	frames, absent []int32
	steps          int
}

// searchAbsence decides a conjunction with fields that may be absent, where they
// have values in arrays. A field is absent if each of its values lies in another
// element of some array than one of the values chosen. So what counts is which
// values are chosen, and how few: the chooser, which knows sets of conditions
// alone, can't tell. Such conditions are rare, and this search is plain.
func (m *matcher) searchAbsence(conj *compiledConjunction) bool {
	s := &m.absence
	s.m, s.conds, s.frames, s.absent, s.steps = m, conj.conds, s.frames[:0], s.absent[:0], 0
	return s.try(0)
}

// try looks for values for the conditions from the given one on.
func (s *absenceSearch) try(i int) bool {
	if i == len(s.conds) {
		return s.allAbsent()
	}
	cond := &s.conds[i]
	last := int32(-1)
	for at := s.m.firstLeaf(cond.field); at != 0; at = s.m.leaves[at].next {
		l := &s.m.leaves[at]
		if l.frame == last || !cond.matches(l) || !s.fits(l.frame) {
			continue
		}
		last = l.frame // others of the same frame would do no better
		s.frames = append(s.frames, l.frame)
		found := s.try(i + 1)
		s.frames = s.frames[:len(s.frames)-1]
		if found || s.steps > mostSteps {
			return found
		}
	}
	if !cond.absent {
		return false
	}
	s.absent = append(s.absent, cond.field)
	found := s.try(i + 1)
	s.absent = s.absent[:len(s.absent)-1]
	return found
}

// allAbsent reports whether no value of the fields to be absent fits those chosen.
func (s *absenceSearch) allAbsent() bool {
	for _, field := range s.absent {
		for at := s.m.firstLeaf(field); at != 0; at = s.m.leaves[at].next {
			if s.fits(s.m.leaves[at].frame) {
				return false
			}
		}
	}
	return s.steps <= mostSteps
}

// fits reports whether a frame lies in the same elements as those chosen, of the
// arrays that they share.
func (s *absenceSearch) fits(frame int32) bool {
	s.steps++
	if s.steps > mostSteps {
		return true // every search ends when nothing is absent
	}
	for _, chosen := range s.frames {
		if !s.consistent(chosen, frame) {
			return false
		}
	}
	return true
}

// consistent reports whether no array holds two frames in different elements. It
// goes up from both to where they meet; parents have lower numbers.
func (s *absenceSearch) consistent(f, g int32) bool {
	var belowF, belowG int32
	frames := s.m.frames
	for ; f != g; s.steps++ {
		if f > g {
			belowF, f = f, frames[f].parent
		} else {
			belowG, g = g, frames[g].parent
		}
	}
	return belowF == 0 || belowG == 0 || frames[belowF].array != frames[belowG].array
}

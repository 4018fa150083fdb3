package pattern

import "slices"

// find looks up a value in the index of its field.
func (m *matcher) find(x *index, l *leaf) {
	m.collect(x, l, x.present)
	m.collect(x, l, x.asked)
	switch l.kind {
	case kindString:
		m.findString(x, l)
	case kindNumber:
		m.findNumber(x, l)
	default:
		m.collect(x, l, x.literals[l.kind])
	}
}

// collect notes those who wait in a run of entries, as far as their tests hold.
func (m *matcher) collect(x *index, l *leaf, s span) {
	for i := s.from; i < s.to; i++ {
		e := &x.entries[i]
		if m.noted(e.who) || e.check != nil && !e.check.matches(l) {
			continue
		}
		if who := e.who >> 1; e.who&1 != 0 {
			m.hit(who)
		} else {
			m.candidate[who] = m.epoch
			m.pending = append(m.pending, who)
		}
	}
}

// noted says whether a waiter has been noted for this event already.
func (m *matcher) noted(who int32) bool {
	if who&1 != 0 {
		return m.matched[who>>1] == m.epoch
	}
	return m.candidate[who>>1] == m.epoch
}

// hit notes that a pattern matches.
func (m *matcher) hit(pattern int32) {
	if m.matched[pattern] != m.epoch {
		m.matched[pattern] = m.epoch
		m.out = append(m.out, int(pattern))
	}
}

func (m *matcher) findString(x *index, l *leaf) {
	if x.filter.mayHold(l.text) {
		m.collect(x, l, x.strings[string(l.text)])
	}
	if x.networks.spans != nil {
		m.findNetworks(x, l)
	}
	if x.prefixes.keys != nil {
		m.findAffixes(x, &x.prefixes, l, l.text)
	}
	if x.suffixes.keys != nil {
		m.turned = append(m.turned[:0], l.text...)
		slices.Reverse(m.turned)
		m.findAffixes(x, &x.suffixes, l, m.turned)
	}
	if !x.fold {
		return
	}
	m.lower = appendFoldKey(m.lower[:0], l.text)
	if x.foldWhole != nil {
		m.collect(x, l, x.foldWhole[string(m.lower)])
	}
	m.findAffixes(x, &x.foldBegin, l, m.lower)
	if x.foldEnd.keys != nil {
		slices.Reverse(m.lower)
		m.findAffixes(x, &x.foldEnd, l, m.lower)
	}
}

func (m *matcher) findAffixes(x *index, a *affixes, l *leaf, text []byte) {
	for i := a.last(text); i >= 0; i = a.parent[i] {
		if hasPrefix(text, a.keys[i]) {
			m.collect(x, l, a.spans[i])
		}
	}
}

func (m *matcher) findNetworks(x *index, l *leaf) {
	addr, ok := parseAddress(l.text)
	if !ok {
		return
	}
	lengths := x.networks.v6
	if addr.Is4() {
		lengths = x.networks.v4
	}
	for _, bits := range lengths {
		prefix, _ := addr.Prefix(bits)
		if s, ok := x.networks.spans[prefix]; ok {
			m.collect(x, l, s)
		}
	}
}

func (m *matcher) findNumber(x *index, l *leaf) {
	if x.texts != nil {
		m.collect(x, l, x.texts[string(l.text)])
	}
	if x.numbers == nil && x.ranges.ranges == nil {
		return
	}
	value := l.number()
	if x.numbers != nil {
		if s, ok := x.numbers[value]; ok && m.fresh(x, s) && l.comparable() {
			m.collect(x, l, s)
		}
	}
	m.findRanges(x, l, value, 0, len(x.ranges.ranges))
}

// fresh says whether anyone waits in a run of entries who has not been noted for
// this event yet.
func (m *matcher) fresh(x *index, s span) bool {
	for i := s.from; i < s.to; i++ {
		if !m.noted(x.entries[i].who) {
			return true
		}
	}
	return false
}

// findRanges looks for a number among the ranges from one to another.
func (m *matcher) findRanges(x *index, l *leaf, value float64, from, to int) {
	for from < to {
		mid := int(uint(from+to) >> 1)
		if x.ranges.highest[mid] < value {
			return
		}
		r := &x.ranges.ranges[mid]
		m.findRanges(x, l, value, from, mid)
		if r.low > value {
			return
		}
		if s := x.ranges.spans[mid]; r.contains(value) && m.fresh(x, s) && l.comparable() {
			m.collect(x, l, s)
		}
		from = mid + 1
	}
}

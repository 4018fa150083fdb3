package pattern

import "slices"

// find looks up a value in the index of its field.
func (m *matcher) find(x *index, l *leaf) {
	m.collect(x, l, x.present)
	m.collect(x, l, x.asked)
	if l.kind == kindString && x.filter.mayHold(l.text) {
		m.collect(x, l, x.strings[string(l.text)])
	}
	if x.rare == nil {
		return
	}
	switch l.kind {
	case kindString:
		m.findString(x, x.rare, l)
	case kindNumber:
		m.findNumber(x, x.rare, l)
	default:
		m.collect(x, l, x.rare.literals[l.kind])
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

// noted reports whether a waiter has been noted for this event already.
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

func (m *matcher) findString(x *index, r *rareTables, l *leaf) {
	if r.networks.spans != nil {
		m.findNetworks(x, &r.networks, l)
	}
	if r.prefixes.keys != nil {
		m.findAffixes(x, &r.prefixes, l, l.text)
	}
	if r.suffixes.keys != nil {
		m.turned = append(m.turned[:0], l.text...)
		slices.Reverse(m.turned)
		m.findAffixes(x, &r.suffixes, l, m.turned)
	}
	if r.grams.spans != nil {
		m.findGrams(x, &r.grams, l)
	}
	if !r.fold {
		return
	}
	m.lower = appendFoldKey(m.lower[:0], l.text)
	if r.foldWhole != nil {
		m.collect(x, l, r.foldWhole[string(m.lower)])
	}
	m.findAffixes(x, &r.foldBegin, l, m.lower)
	if r.foldEnd.keys != nil {
		slices.Reverse(m.lower)
		m.findAffixes(x, &r.foldEnd, l, m.lower)
	}
}

func (m *matcher) findAffixes(x *index, a *affixes, l *leaf, text []byte) {
	for i := a.last(text); i >= 0; i = a.parent[i] {
		if hasPrefix(text, a.keys[i]) {
			m.collect(x, l, a.spans[i])
		}
	}
}

func (m *matcher) findNetworks(x *index, n *networks, l *leaf) {
	addr, ok := parseAddress(l.text)
	if !ok {
		return
	}
	lengths := n.v6
	if addr.Is4() {
		lengths = n.v4
	}
	for _, bits := range lengths {
		prefix, _ := addr.Prefix(bits)
		if s, ok := n.spans[prefix]; ok {
			m.collect(x, l, s)
		}
	}
}

func (m *matcher) findNumber(x *index, r *rareTables, l *leaf) {
	if r.texts != nil {
		m.collect(x, l, r.texts[string(l.text)])
	}
	if r.numbers == nil && r.ranges.ranges == nil {
		return
	}
	value := l.number()
	if r.numbers != nil {
		if s, ok := r.numbers[value]; ok && m.fresh(x, s) && l.comparable() {
			m.collect(x, l, s)
		}
	}
	m.findRanges(x, &r.ranges, l, value, 0, len(r.ranges.ranges))
}

// fresh reports whether anyone waits in a run of entries who has not been noted for
// this event yet.
func (m *matcher) fresh(x *index, s span) bool {
	for i := s.from; i < s.to; i++ {
		if !m.noted(x.entries[i].who) {
			return true
		}
	}
	return false
}

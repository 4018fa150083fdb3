package pattern

import "slices"

// Covers reports whether every event that b matches is one that a matches too. It is
// sound: true is certain. It may miss: false can also mean that it is not known.
func Covers(a, b *Pattern) bool {
	for i := range b.conjs {
		if !slices.ContainsFunc(a.conjs, func(c conjunction) bool { return c.covers(b.conjs[i]) }) {
			return false
		}
	}
	return true
}

// covers reports whether d implies conj.
func (conj conjunction) covers(d conjunction) bool {
	absence := false
	for i := range conj {
		j := slices.IndexFunc(d, func(other condition) bool { return other.path == conj[i].path })
		if j < 0 || !conj[i].covers(&d[j]) {
			return false
		}
		absence = absence || conj[i].acceptsAbsence()
	}
	// What is absent from one element of an array may be there in another. A
	// further condition in d may pin the element, so absence there says little.
	return !absence || len(conj) == len(d)
}

func (c *condition) covers(d *condition) bool {
	for i := range d.tests {
		if !slices.ContainsFunc(c.tests, func(t test) bool { return t.covers(&d.tests[i]) }) {
			return false
		}
	}
	return true
}

// covers reports whether every value that passes u passes t.
func (t *test) covers(u *test) bool {
	if t.op == opAbsent || u.op == opAbsent {
		return t.op == u.op
	}
	if t.op == opPresent || t.op == u.op && t.text == u.text && t.num == u.num && t.more == nil && u.more == nil {
		return true
	}
	if t.op == opAllOf {
		return !slices.ContainsFunc(t.more.tests, func(part test) bool { return !part.covers(u) })
	}
	if l, ok := u.onlyValue(); ok {
		return t.matches(&l)
	}
	switch u.op {
	case opAllOf:
		return slices.ContainsFunc(u.more.tests, func(part test) bool { return t.covers(&part) })
	case opAnythingBut:
		return t.op == opAnythingBut && coversAll(u.more.tests, t.more.tests)
	}
	if t.op == opAnythingBut {
		return t.more.disjoint(u)
	}
	return t.op == u.op && t.sameOpCovers(u) || t.op == opCIDR && u.op == opAddress && t.containsNetwork(u)
}

// coversAll reports whether every value that passes one of narrow passes one of wide.
func coversAll(wide, narrow []test) bool {
	for i := range narrow {
		if !slices.ContainsFunc(wide, func(w test) bool { return w.covers(&narrow[i]) }) {
			return false
		}
	}
	return true
}

func (t *test) sameOpCovers(u *test) bool {
	switch t.op {
	case opPrefix:
		return beginsWith(u.text, t.text)
	case opSuffix:
		return hasSuffix([]byte(u.text), t.text)
	case opRange:
		a, b := &t.more.rng, &u.more.rng
		low := a.low < b.low || a.low == b.low && (!a.lowOpen || b.lowOpen)
		high := a.high > b.high || a.high == b.high && (!a.highOpen || b.highOpen)
		return low && high
	case opAddress, opCIDR:
		return t.containsNetwork(u)
	}
	return t.text == u.text
}

func (t *test) containsNetwork(u *test) bool {
	return t.more.prefix.Bits() <= u.more.prefix.Bits() && t.more.prefix.Contains(u.more.prefix.Addr())
}

// onlyValue is the one value that passes a test, if there is but one.
func (t *test) onlyValue() (leaf, bool) {
	text := []byte(t.text)
	switch t.op {
	case opString:
		return leaf{kind: kindString, text: text}, true
	case opNumber:
		return leaf{kind: kindNumber, text: text, value: t.num, known: knownComparable}, true
	case opNumberText:
		return leaf{kind: kindNumber, text: text, known: knownIncomparable}, true
	case opTrue:
		return leaf{kind: kindTrue, text: text}, true
	case opFalse:
		return leaf{kind: kindFalse, text: text}, true
	case opNull:
		return leaf{kind: kindNull, text: text}, true
	}
	return leaf{}, false
}

// disjoint reports whether no value that passes u is among what anything-but
// forbids: surely so where one is about numbers and the other about strings.
func (o *operand) disjoint(u *test) bool {
	if u.op == opPresent {
		return false
	}
	return !slices.ContainsFunc(o.tests, func(but test) bool { return (but.op == opNumber) == (u.op == opRange) })
}

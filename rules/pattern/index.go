package pattern

import (
	"net/netip"
	"slices"
)

// index finds the tests of one field that a value passes. Where the operand is
// exact it is a hash table; where it fixes how a string begins or ends, a sorted
// table of beginnings or endings; ranges lie in a tree of their bounds. Only the
// tests that fit none of these are asked one by one.
type index struct {
	entries []entry
	strings map[string]span
	filter  filter // of strings
	asked   span   // tests to be asked for every value
	present span
	// rare holds the other tables; nil where the field needs none. A big set can
	// have very many fields.
	rare *rareTables
}

type rareTables struct {
	numbers   map[float64]span
	texts     map[string]span // numbers known by their text alone
	networks  networks
	ranges    rangeTree
	prefixes  affixes
	suffixes  affixes
	foldWhole map[string]span
	foldBegin affixes
	foldEnd   affixes
	grams     grams
	literals  [kindNull + 1]span // true, false, null

	fold bool // some table wants the value without its case
}

// entry is one waiter in a table. A nil check means that being found there
// proves the test; else it must still be asked.
type entry struct {
	check *test
	who   int32
}

// span is a run of entries.
type span struct{ from, to int32 }

// newIndex sorts the waiters of a field into the tables.
func newIndex(waiters []waiter) index {
	var x index
	sorted := make(map[table]map[any][]entry)
	open := newGramUses(waiters)
	for _, w := range waiters {
		table, key, check := w.test.shelf()
		if gram, ok := open.rarest(w.test); ok {
			table, key = tableGrams, gram
		}
		if sorted[table] == nil {
			sorted[table] = make(map[any][]entry)
		}
		sorted[table][key] = append(sorted[table][key], entry{check, w.who})
	}
	x.strings = spans[string](&x, sorted[tableStrings])
	x.filter = newFilter(x.strings)
	x.asked = spans[bool](&x, sorted[tableAsked])[true]
	x.present = spans[bool](&x, sorted[tablePresent])[true]
	delete(sorted, tableStrings)
	delete(sorted, tableAsked)
	delete(sorted, tablePresent)
	if len(sorted) > 0 {
		x.rare = newRareTables(&x, sorted)
	}
	return x
}

func newRareTables(x *index, sorted map[table]map[any][]entry) *rareTables {
	r := &rareTables{
		numbers:   spans[float64](x, sorted[tableNumbers]),
		texts:     spans[string](x, sorted[tableTexts]),
		foldWhole: spans[string](x, sorted[tableFoldWhole]),
		prefixes:  newAffixes(spans[string](x, sorted[tablePrefixes])),
		suffixes:  newAffixes(spans[string](x, sorted[tableSuffixes])),
		foldBegin: newAffixes(spans[string](x, sorted[tableFoldBegin])),
		foldEnd:   newAffixes(spans[string](x, sorted[tableFoldEnd])),
		networks:  newNetworks(spans[netip.Prefix](x, sorted[tableNetworks])),
		ranges:    newRangeTree(spans[numberRange](x, sorted[tableRanges])),
		grams:     newGrams(spans[gram](x, sorted[tableGrams])),
	}
	for k, s := range spans[kind](x, sorted[tableLiterals]) {
		r.literals[k] = s
	}
	r.fold = len(r.foldWhole)+len(r.foldBegin.keys)+len(r.foldEnd.keys) > 0
	return r
}

// spans lays the entries of a table one after the other.
func spans[K comparable](x *index, sorted map[any][]entry) map[K]span {
	if len(sorted) == 0 {
		return nil
	}
	table := make(map[K]span, len(sorted))
	for key, entries := range sorted {
		from := int32(len(x.entries))
		x.entries = append(x.entries, entries...)
		table[key.(K)] = span{from, int32(len(x.entries))}
	}
	return table
}

type table uint8

const (
	tableStrings table = iota
	tableNumbers
	tableTexts
	tableNetworks
	tableRanges
	tablePrefixes
	tableSuffixes
	tableFoldWhole
	tableFoldBegin
	tableFoldEnd
	tableGrams
	tableLiterals
	tableAsked
	tablePresent
)

// shelf returns in which table a test is found, under which key, and the test
// itself where being found there does not prove it.
func (t *test) shelf() (table, any, *test) {
	switch t.op {
	case opString:
		return tableStrings, t.text, nil
	case opNumber:
		return tableNumbers, t.num + 0, nil
	case opNumberText:
		return tableTexts, t.text, nil
	case opTrue:
		return tableLiterals, kindTrue, nil
	case opFalse:
		return tableLiterals, kindFalse, nil
	case opNull:
		return tableLiterals, kindNull, nil
	case opAddress, opCIDR:
		return tableNetworks, t.more.prefix, nil
	case opRange:
		return tableRanges, t.more.rng, nil
	case opPrefix:
		return tablePrefixes, t.text, nil
	case opSuffix:
		return tableSuffixes, reverse(t.text), nil
	case opEqualsFold:
		return tableFoldWhole, t.more.fold.key, t
	case opPrefixFold:
		return tableFoldBegin, t.more.fold.key, t
	case opSuffixFold:
		return tableFoldEnd, reverse(t.more.fold.key), t
	case opGlob, opGlobFold:
		return t.globShelf()
	case opPresent:
		return tablePresent, true, nil
	case opAllOf:
		table, key, _ := t.anchor().shelf()
		return table, key, t
	}
	return tableAsked, true, t
}

// globShelf finds a wildcard by its beginning or its end, whichever is longer.
func (t *test) globShelf() (table, any, *test) {
	parts := t.more.glob.parts
	first, last := parts[0], parts[len(parts)-1]
	begin, end := tablePrefixes, tableSuffixes
	if t.op == opGlobFold {
		begin, end = tableFoldBegin, tableFoldEnd
	}
	switch {
	case t.open():
		return tableAsked, true, t
	case len(first) >= len(last):
		return begin, first, t
	}
	return end, reverse(last), t
}

// anchor returns the test of an all-of that the fewest values pass, by the order of the
// operators; of other tests themselves.
func (t *test) anchor() *test {
	if t.op != opAllOf {
		return t
	}
	all := t.more.tests
	best := 0
	for i := range all {
		if all[i].op < all[best].op {
			best = i
		}
	}
	return all[best].anchor()
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// affixes finds which of many texts another text begins with.
type affixes struct {
	keys   []string
	parent []int32 // the longest other key that a key begins with, or -1
	spans  []span
}

func newAffixes(table map[string]span) affixes {
	var a affixes
	for key := range table {
		a.keys = append(a.keys, key)
	}
	slices.Sort(a.keys)
	var open []int32 // the keys that the current one may begin with
	for i, key := range a.keys {
		for len(open) > 0 && !beginsWith(key, a.keys[open[len(open)-1]]) {
			open = open[:len(open)-1]
		}
		parent := int32(-1)
		if len(open) > 0 {
			parent = open[len(open)-1]
		}
		a.parent = append(a.parent, parent)
		a.spans = append(a.spans, table[key])
		open = append(open, int32(i))
	}
	return a
}

func beginsWith(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// last is the last key, in order, that is not greater than text, or -1. Every key
// that text begins with is that one or one of its parents.
func (a *affixes) last(text []byte) int32 {
	low, high := 0, len(a.keys)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if a.keys[mid] <= string(text) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return int32(low) - 1
}

// networks finds the IP networks that an address lies in.
type networks struct {
	spans  map[netip.Prefix]span
	v4, v6 []int // the lengths of the prefixes that there are
}

func newNetworks(table map[netip.Prefix]span) networks {
	n := networks{spans: table}
	for prefix := range table {
		bits := &n.v6
		if prefix.Addr().Is4() {
			bits = &n.v4
		}
		if !slices.Contains(*bits, prefix.Bits()) {
			*bits = append(*bits, prefix.Bits())
		}
	}
	return n
}

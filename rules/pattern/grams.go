package pattern

import (
	"encoding/binary"
	"slices"
)

// grams finds wildcards that are open at both ends by four bytes of one of their
// parts, where a field has too many of them to ask each. All runs of four bytes in a
// value are looked up.
type grams struct {
	spans map[gram]span
	all   span
	// bits is a filter before the table: a hash of each gram (a Bloom filter of one hash).
	bits  []uint64
	shift int // what is left of a hash are the bits of a place
}

type gram uint32

const (
	gramSize = 4
	// manyOpen is how many wildcards open at both ends a field has grams for.
	manyOpen = 16
	// mostGrams is how many grams of one value are looked up; where there are more,
	// all wildcards are asked, as a long value could repeat a gram at every place.
	mostGrams = 8
)

// open reports whether the test is a wildcard whose ends are both open.
func (t *test) open() bool {
	if t.op != opGlob && t.op != opGlobFold {
		return false
	}
	parts := t.more.glob.parts
	return len(parts) > 1 && parts[0] == "" && parts[len(parts)-1] == ""
}

// hasGram reports whether some part of a wildcard is long enough.
func (t *test) hasGram() bool {
	return t.op == opGlob && slices.ContainsFunc(t.more.glob.parts, func(part string) bool { return len(part) >= gramSize })
}

// gramsOf calls f with the grams of a wildcard that is open at both ends.
func (t *test) gramsOf(f func(gram)) {
	if t.op != opGlob || !t.open() {
		return
	}
	for _, part := range t.more.glob.parts {
		for i := range len(part) - gramSize + 1 {
			f(gramAt([]byte(part[i : i+gramSize])))
		}
	}
}

func gramAt(text []byte) gram { return gram(binary.LittleEndian.Uint32(text)) }

// gramUses counts how many wildcards have a gram.
type gramUses map[gram]int

// newGramUses returns nil where there are too few to be worth a table.
func newGramUses(waiters []waiter) gramUses {
	if len(waiters) < manyOpen {
		return nil
	}
	uses, open := gramUses{}, 0
	for _, w := range waiters {
		if w.test.open() {
			open++
			w.test.gramsOf(func(g gram) { uses[g]++ })
		}
	}
	if open < manyOpen {
		return nil
	}
	return uses
}

// rarest returns the gram of a wildcard that the fewest others have; false if it has none.
func (u gramUses) rarest(t *test) (best gram, ok bool) {
	if u == nil {
		return 0, false
	}
	t.gramsOf(func(g gram) {
		if !ok || u[g] < u[best] {
			best, ok = g, true
		}
	})
	return best, ok
}

func newGrams(spans map[gram]span) grams {
	if len(spans) == 0 {
		return grams{}
	}
	const bitsPerGram = 16
	g := grams{spans: spans, shift: 32}
	for n := 1; n < len(spans)*bitsPerGram || n < 64; n *= 2 {
		g.shift--
	}
	g.bits = make([]uint64, 1<<(32-g.shift)/64)
	first := true
	for gram, s := range spans {
		at := g.place(gram)
		g.bits[at/64] |= 1 << (at % 64)
		if first {
			g.all, first = s, false
		}
		g.all = span{min(g.all.from, s.from), max(g.all.to, s.to)}
	}
	return g
}

func (g *grams) place(gram gram) uint32 { return uint32(gram) * 0x9E3779B1 >> g.shift }

// findGrams looks up a text by all of its grams. The spans of a table lie side by side.
func (m *matcher) findGrams(x *index, g *grams, l *leaf) {
	found := 0
	for i := 0; i+gramSize <= len(l.text); i++ {
		gram := gramAt(l.text[i:])
		at := g.place(gram)
		if g.bits[at/64]>>(at%64)&1 == 0 {
			continue
		}
		s, ok := g.spans[gram]
		if !ok {
			continue
		}
		if found++; found > mostGrams {
			m.collect(x, l, g.all)
			return
		}
		m.collect(x, l, s)
	}
}

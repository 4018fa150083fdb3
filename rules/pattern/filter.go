package pattern

import "math/bits"

// filter rules out most strings that are not in a table, without a look into it. A table
// of many rules is too big for the processor's cache, and most strings of an event are in
// none. (It is a Bloom filter with both bits of a key in one word.)
type filter struct {
	words []uint64 // a power of two of them
}

const filterBitsPerKey = 16

func newFilter[V any](table map[string]V) filter {
	if len(table) == 0 {
		return filter{}
	}
	n := 1 << bits.Len(uint(len(table)*filterBitsPerKey/64))
	f := filter{words: make([]uint64, n)}
	for key := range table {
		at, both := f.place([]byte(key))
		f.words[at] |= both
	}
	return f
}

// mayHold reports whether text may be in the table; false is certain.
func (f *filter) mayHold(text []byte) bool {
	if f.words == nil {
		return false
	}
	at, both := f.place(text)
	return f.words[at]&both == both
}

// place is the word of a text, and its two bits there. It looks at the first and
// the last eight bytes alone: long names of one kind differ there.
func (f *filter) place(text []byte) (at uint64, both uint64) {
	var first, last uint64
	if n := len(text); n >= 8 {
		first, last = load(text, 0), load(text, n-8)
	} else {
		first = firstWordOf(text)
	}
	h := (first ^ bits.RotateLeft64(last, 23) ^ uint64(len(text))) * 0x9E3779B97F4A7C15
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	return h >> 16 & uint64(len(f.words)-1), 1<<(h>>52&63) | 1<<(h>>58)
}

package pattern

import (
	"cmp"
	"slices"
)

// rangeTree finds the ranges that hold a number. The ranges are sorted by their
// lower bound; the middle of each part of the list is the root of a tree, which
// knows the greatest upper bound below it.
type rangeTree struct {
	ranges  []numberRange
	highest []float64
	spans   []span
}

func newRangeTree(table map[numberRange]span) rangeTree {
	var t rangeTree
	for r := range table {
		t.ranges = append(t.ranges, r)
	}
	slices.SortFunc(t.ranges, func(a, b numberRange) int { return cmp.Compare(a.low, b.low) })
	for _, r := range t.ranges {
		t.spans = append(t.spans, table[r])
	}
	t.highest = make([]float64, len(t.ranges))
	t.fill(0, len(t.ranges))
	return t
}

func (t *rangeTree) fill(from, to int) float64 {
	if from >= to {
		return everything.low
	}
	mid := int(uint(from+to) >> 1)
	t.highest[mid] = max(t.ranges[mid].high, t.fill(from, mid), t.fill(mid+1, to))
	return t.highest[mid]
}

// findRanges looks for a number among the ranges from one to another.
func (m *matcher) findRanges(x *index, t *rangeTree, l *leaf, value float64, from, to int) {
	for from < to {
		mid := int(uint(from+to) >> 1)
		if t.highest[mid] < value {
			return
		}
		r := &t.ranges[mid]
		m.findRanges(x, t, l, value, from, mid)
		if r.low > value {
			return
		}
		if s := t.spans[mid]; r.contains(value) && m.fresh(x, s) && l.comparable() {
			m.collect(x, l, s)
		}
		from = mid + 1
	}
}

// overlaps counts how many of the ranges of a field overlap one of them.
type overlaps struct {
	lows, highs []float64
	sorted      bool
}

func (o *overlaps) add(r *numberRange) {
	o.lows, o.highs, o.sorted = append(o.lows, r.low), append(o.highs, r.high), false
}

// with returns how many overlap a range: all but those that end before it or begin after it.
func (o *overlaps) with(r *numberRange) int {
	if !o.sorted {
		slices.Sort(o.lows)
		slices.Sort(o.highs)
		o.sorted = true
	}
	before, _ := slices.BinarySearch(o.highs, r.low)
	notAfter, _ := slices.BinarySearch(o.lows, r.high)
	return max(notAfter-before, 1)
}

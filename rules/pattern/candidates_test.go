package pattern

import (
	"fmt"
	"slices"
	"testing"
)

// operatorCases are tests that differ by a number, and a value that passes the i-th.
var operatorCases = []struct {
	name        string
	test, value func(i int) string
	// all says that as many tests pass as there are, or a part of them, so that work grows with them.
	all bool
}{
	{"string", spell(`"v-%03d-z"`), spell(`"v-%03d-z"`), false},
	{"number", spell(`%d`), spell(`%d`), false},
	{"range", func(i int) string { return fmt.Sprintf(`{"numeric":[">=",%d,"<",%d]}`, i, i+1) }, spell(`%d`), false},
	{"threshold", spell(`{"numeric":[">",%d]}`), spell(`%d`), true},
	{"prefix", spell(`{"prefix":"v-%03d-"}`), spell(`"v-%03d-z"`), false},
	{"suffix", spell(`{"suffix":"-%03d-z"}`), spell(`"v-%03d-z"`), false},
	{"equals-ignore-case", spell(`{"equals-ignore-case":"V-%03d-Z"}`), spell(`"v-%03d-z"`), false},
	{"prefix, any case", spell(`{"prefix":{"equals-ignore-case":"V-%03d-"}}`), spell(`"v-%03d-z"`), false},
	{"suffix, any case", spell(`{"suffix":{"equals-ignore-case":"-%03d-Z"}}`), spell(`"v-%03d-z"`), false},
	{"wildcard", spell(`{"wildcard":"v-%03d-*"}`), spell(`"v-%03d-z"`), false},
	{"wildcard, inner part", spell(`{"wildcard":"v-*%03d-*z"}`), spell(`"v-%03d-z"`), true},
	{"wildcard, open at both ends", spell(`{"wildcard":"*-%03d-*"}`), spell(`"v-%03d-z"`), false},
	{"address", spell(`"10.1.0.%d"`), spell(`"10.1.0.%d"`), false},
	{"cidr", spell(`{"cidr":"2001:db8:%d::/48"}`), spell(`"2001:db8:%d::7"`), false},
	{"exists", func(int) string { return `{"exists":true}` }, spell(`%d`), true},
	{"absent", func(int) string { return `{"exists":false}` }, spell(`%d`), true},
	{"anything-but", spell(`{"anything-but":%d}`), spell(`%d`), true},
	{"all-of", spell(`{"all-of":[{"anything-but":"x"},{"prefix":"v-%03d-"}]}`), spell(`"v-%03d-z"`), false},
}

func spell(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

// TestCandidates: of rules that differ in one test alone, an event has not all as
// candidates, whether few or many sources have such rules.
func TestCandidates(t *testing.T) {
	const n = 100
	for _, sources := range []int{1, 10, 40} {
		for _, c := range operatorCases {
			var patterns []*Pattern
			for s := range sources {
				for i := range n {
					patterns = append(patterns, mustParse(t, fmt.Sprintf(`{"source":["shop.%d"],"detail-type":["Order"],"detail":{"v":[%s]}}`, s, c.test(i))))
				}
			}
			m := newMatcher(compile(patterns))
			event := fmt.Appendf(nil, `{"source":"shop.0","detail-type":"Order","detail":{"v":%s}}`, c.value(n/2))
			matched := m.match(event, nil)
			t.Logf("%3d sources, %-28s %3d candidates, %3d matches", sources, c.name, len(m.pending), len(matched))
			if !c.all && (len(m.pending) > min(sources+2, largeGroup) || !slices.Equal(matched, []int{n / 2})) {
				t.Errorf("%d sources, %s: %d candidates, matches %v", sources, c.name, len(m.pending), matched)
			}
		}
	}
}

// BenchmarkRanges matches events of one source against rules that differ in a
// range of numbers alone, in each of 20 sources.
func BenchmarkRanges(b *testing.B) {
	for _, kind := range []string{"apart", "nested"} {
		for _, n := range []int{5, 50, 500} {
			var sources, events [][]byte
			for s := range 20 {
				for i := range n {
					low, high := i*10, i*10+10
					if kind == "nested" { // a number near the top is in one of them
						low, high = -i, i*10+10
					}
					sources = append(sources, fmt.Appendf(nil, `{"source":["shop.%d"],"detail-type":["Order"],"detail":{"total":[{"numeric":[">=",%d,"<",%d]}]}}`, s, low, high))
				}
			}
			for i := range 1000 {
				value := i * 7 % (n * 10)
				if kind == "nested" {
					value = n*10 - 1 - i%10
				}
				events = append(events, fmt.Appendf(nil, `{"detail-type":"Order","source":"shop.%d","detail":{"items":[1,2,3],"total":%d}}`, i%20, value))
			}
			b.Run(fmt.Sprintf("%s/rules=%d", kind, 20*n), func(b *testing.B) { benchmarkMatch(b, sources, events) })
		}
	}
}

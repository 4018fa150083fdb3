package pattern

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestManyAgreeWithOracle holds sets against the oracle in which groups, grams and big
// trees of ranges come into being: many patterns share a test or a field.
func TestManyAgreeWithOracle(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(23, 24))}
	const patterns, events, rounds = 400, 10, 3
	matches, groups, withGrams := 0, 0, 0
	for range rounds {
		var list []*Pattern
		for len(list) < patterns {
			list = append(list, mustParse(t, g.similar()))
		}
		set := compile(list)
		groups += len(set.groups)
		for i := range set.fields {
			if rare := set.fields[i].index.rare; rare != nil && rare.grams.spans != nil {
				withGrams++
			}
		}
		for range events {
			event := []byte(g.similarEvent())
			var want []int
			for i, p := range list {
				if oracleMatch(p.Source(), event) {
					want = append(want, i)
				}
			}
			if got := set.Match(event, nil); !slices.Equal(got, want) {
				t.Fatalf("event %s\nset matches %v, want %v", event, got, want)
			}
			matches += len(want)
		}
	}
	t.Logf("%d of %d pairs match, %d groups, %d tables of grams", matches, patterns*events*rounds, groups, withGrams)
	if matches < patterns*events*rounds/50 || groups < rounds || withGrams < rounds {
		t.Error("the test tests too little")
	}
}

// similar is a pattern much like all others.
func (g *generator) similar() string {
	members := []string{`"a":["` + g.pick("w", "x", "y") + `"` + g.pick("", "", "", "", "", `,"z"`) + `]`}
	test := func() string { return "[" + g.some(2, ",", g.similarTest) + "]" }
	if g.IntN(8) > 0 {
		members = append(members, `"b":`+g.pick(test(), test(), test(), `{"c":`+test()+`,"d":`+test()+`}`))
	}
	if g.IntN(4) == 0 {
		members = append(members, `"e":`+test())
	}
	g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + "}"
}

func (g *generator) similarTest() string {
	switch g.IntN(8) {
	case 0, 1, 2, 3, 4, 5:
		low := g.IntN(40) - 20
		return fmt.Sprintf(`{"numeric":["%s",%d,"%s",%s]}`, g.pick(">", ">="), low, g.pick("<", "<="), g.pick(fmt.Sprint(low+1+g.IntN(30)), fmt.Sprintf("%d.5", 21+g.IntN(9)), "1e300"))
	case 6:
		return fmt.Sprintf(`{"wildcard":"*%s*%s*"}`, g.letters(4), g.letters(2))
	}
	return g.test()
}

func (g *generator) letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "ab"[g.IntN(2)]
	}
	return string(b)
}

// similarEvent is an event for patterns of similar: with values, arrays of them, and
// arrays of objects.
func (g *generator) similarEvent() string {
	value := func() string {
		switch g.IntN(4) {
		case 0:
			return g.str()
		case 1:
			return `"` + g.letters(4+g.IntN(30)) + `"`
		case 2:
			return g.number()
		}
		return g.pick(fmt.Sprint(g.IntN(60)-30), fmt.Sprintf("%d.0", g.IntN(60)-30), fmt.Sprintf("%de-1", g.IntN(600)-300))
	}
	list := func(make func() string) string { return "[" + g.some(3, ",", make) + "]" }
	object := func() string { return `{"c":` + value() + `,"d":` + g.pick(value(), list(value)) + `}` }
	b := g.pick(value(), list(value), object(), list(object))
	return `{"a":` + g.pick(`"x"`, `"y"`, `["x","z"]`) + `,"b":` + b + `,"e":` + g.pick(value(), list(value)) + `}`
}

// TestRangesAgreeWithOracle tries ranges of every kind, many of them inside each other,
// with numbers of every spelling.
func TestRangesAgreeWithOracle(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(25, 26))}
	bounds := []string{"-1.7976931348623157e308", "-1e300", "-3.5", "-1", "-2.5e-323", "0", "2.5e-323", "0.1", "1", "1.5", "2", "100", "9007199254740992", "1e300", "1.7976931348623157e308"}
	var list []*Pattern
	for i, low := range bounds {
		for _, high := range bounds[i+1:] {
			list = append(list, mustParse(t, fmt.Sprintf(`{"n":[{"numeric":["%s",%s,"%s",%s]}]}`, g.pick(">", ">="), low, g.pick("<", "<="), high)))
			list = append(list, mustParse(t, fmt.Sprintf(`{"s":["x"],"n":[{"numeric":["%s",%s,"%s",%s]}]}`, g.pick(">", ">="), low, g.pick("<", "<="), high)))
		}
		if i > 0 && i < len(bounds)-1 {
			list = append(list, mustParse(t, fmt.Sprintf(`{"n":[{"numeric":["%s",%s]}]}`, g.pick("<", "<=", ">", ">=", "="), low)))
		}
	}
	set := compile(list)
	for _, number := range append(slices.Clone(bounds), append(randomNumbers, "-0.0", "-0e0", "1E0", "0.99999999999999999", "1e-400", "-1e400", "1.0000000000000001", "9007199254740991.5", "1e309", "17976931348623157e292")...) {
		for _, event := range []string{`{"s":"x","n":%s}`, `{"n":["%[1]s",%[1]s]}`, `{"s":["x","y"],"n":[{"m":1},%s,true]}`} {
			event := fmt.Appendf(nil, event, number)
			var want []int
			for i, p := range list {
				if oracleMatch(p.Source(), event) {
					want = append(want, i)
				}
			}
			if got := set.Match(event, nil); !slices.Equal(got, want) {
				t.Errorf("event %s\nset matches %v, want %v", event, got, want)
			}
		}
	}
}

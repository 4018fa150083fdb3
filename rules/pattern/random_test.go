package pattern

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// generator makes patterns and events that often match each other: few names,
// few values, and every operator and shape of JSON.
type generator struct{ *rand.Rand }

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) some(most int, sep string, make func() string) string {
	var list []string
	for range 1 + g.IntN(most) {
		list = append(list, make())
	}
	return strings.Join(list, sep)
}

var (
	randomNames   = []string{"a", "b", "c", "a.b", "b.c", "long-name", "long-name-2", "", "Ü"}
	randomStrings = []string{"", "a", "ab", "abc", "aba", "ABA", "b", "ß", "SS", "s", "ſ", "Ünï", "x*y", `x\\y`, "10.0.0.1",
		"10.0.0.77", "::1", "0:0::1", "::ffff:a00:1", "2001:db8::1", "😀", `\u0061b`, `q\"q`, `l\nm`, "İ", "k", "K", "ǅ", "a long text that is over eight bytes"}
	randomNumbers = []string{"0", "-0", "1", "1.0", "1e0", "10e-1", "2", "-3.5", "100", "1e2", "0.1", "1e400", "12345678901234567890",
		"9007199254740993", "9007199254740992", "3.14159265358979323846", "3.141592653589793", "1.7976931348623157e308", "-122.42916360922355"}
)

func (g *generator) name() string {
	name := g.pick(randomNames...)
	if g.IntN(12) == 0 && name != "" {
		return fmt.Sprintf(`"\u%04x%s"`, []rune(name)[0], string([]rune(name)[1:]))
	}
	return `"` + name + `"`
}

func (g *generator) str() string    { return `"` + g.pick(randomStrings...) + `"` }
func (g *generator) number() string { return g.pick(randomNumbers...) }

func (g *generator) space() string { return g.pick("", "", "", " ", "\n\t ") }

func (g *generator) event(depth int) string {
	if depth > 0 && g.IntN(30) == 0 {
		return "{}"
	}
	return "{" + g.space() + g.some(4, g.space()+","+g.space(), func() string {
		return g.name() + g.space() + ":" + g.space() + g.value(depth)
	}) + g.space() + "}"
}

func (g *generator) value(depth int) string {
	n := g.IntN(12)
	if depth >= 4 {
		n = g.IntN(7)
	}
	switch n {
	case 0, 1, 2:
		return g.str()
	case 3, 4:
		return g.number()
	case 5:
		return g.pick("true", "false", "null")
	case 6:
		return g.pick("[]", "{}", "[ ]", "[[]]", "[{}]")
	case 7, 8, 9:
		return "[" + g.some(4, ",", func() string { return g.value(depth + 1) }) + "]"
	}
	return g.event(depth + 1)
}

func (g *generator) pattern(depth int, inOr bool) string {
	members := []string{}
	for range 1 + g.IntN(3) {
		switch n := g.IntN(8); {
		case n == 0 && depth < 3:
			members = append(members, fmt.Sprintf(`"$or":[%s,%s]`, g.pattern(depth+1, true), g.pattern(depth+1, true)))
		case n < 4 && depth < 3:
			members = append(members, g.name()+":"+g.pattern(depth+1, inOr))
		default:
			members = append(members, g.name()+":["+g.some(2, ",", g.test)+"]")
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *generator) list(make func() string) string {
	if g.IntN(2) == 0 {
		return make()
	}
	return "[" + g.some(3, ",", make) + "]"
}

func (g *generator) comparable() string {
	for {
		if n := g.number(); !slices.Contains([]string{"1e400", "12345678901234567890", "9007199254740993", "3.14159265358979323846"}, n) {
			return n
		}
	}
}

func (g *generator) nonEmpty() string {
	for {
		if s := g.str(); s != `""` {
			return s
		}
	}
}

func (g *generator) wildcard() string {
	return g.pick(`"*"`, `""`, `"a*"`, `"*a"`, `"*b*"`, `"a*b*a"`, `"a*a"`, `"*n\\\\*"`, `"x\\*y"`, `"x*y"`, `"a*e*t"`, `"*Ü*"`, `"Ü*ï"`)
}

func (g *generator) test() string {
	ignoring := func(name string) string {
		return fmt.Sprintf(`{"%s":{"equals-ignore-case":%s}}`, name, g.str())
	}
	switch g.IntN(22) {
	case 0, 1, 2:
		return g.str()
	case 3, 4:
		return g.number()
	case 5:
		return g.pick("true", "false", "null")
	case 6:
		return `{"exactly":` + g.str() + "}"
	case 7:
		return `{"prefix":` + g.str() + "}"
	case 8:
		return `{"suffix":` + g.str() + "}"
	case 9:
		return ignoring("prefix")
	case 10:
		return ignoring("suffix")
	case 11:
		return `{"equals-ignore-case":` + g.str() + "}"
	case 12:
		return `{"wildcard":` + g.wildcard() + "}"
	case 13:
		if g.IntN(2) == 0 {
			return fmt.Sprintf(`{"numeric":["=",%s]}`, g.comparable())
		}
		return fmt.Sprintf(`{"numeric":["%s",%s]}`, g.pick("<", "<=", ">", ">="), g.pick("0", "1", "2", "-3.5", "1e2", "9007199254740992", "-122.42916360922355"))
	case 14:
		return fmt.Sprintf(`{"numeric":["%s",%s,"%s",%s]}`, g.pick(">", ">="), g.pick("-4", "0", "0.1"), g.pick("<", "<="), g.pick("1", "2", "1e2"))
	case 15:
		return `{"cidr":"` + g.pick("10.0.0.0/24", "10.0.0.64/26", "0.0.0.0/0", "::/0", "2001:db8::/32", "10.0.0.1/31") + `"}`
	case 16, 17:
		return `{"exists":` + g.pick("true", "false") + "}"
	case 18:
		return `{"anything-but":` + g.list(g.str) + "}"
	case 19:
		return `{"anything-but":` + g.list(g.comparable) + "}"
	case 20:
		return `{"anything-but":{"wildcard":` + g.list(g.wildcard) + "}}"
	}
	return fmt.Sprintf(`{"anything-but":{"%s":%s}}`, g.pick("prefix", "suffix", "equals-ignore-case"), g.list(g.nonEmpty))
}

// TestMatchAgreesWithOracle holds the engine against the oracle: each pattern
// alone, and all of them in one set.
func TestMatchAgreesWithOracle(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(1, 2))}
	const patterns, events, rounds = 12, 12, 30
	matches := 0
	for range rounds {
		var list []*Pattern
		for len(list) < patterns {
			src := g.pattern(0, false)
			p, err := Parse([]byte(src), Options{})
			if err != nil {
				t.Fatalf("pattern %s: %v", src, err)
			}
			list = append(list, p)
		}
		set, err := Compile(list)
		if err != nil {
			t.Fatal(err)
		}
		for range events {
			event := []byte(g.event(0))
			var want []int
			for i, p := range list {
				matched := oracleMatch(p.Source(), event)
				if matched {
					want = append(want, i)
				}
				got, err := p.Match(event)
				if err != nil || got != matched {
					t.Fatalf("pattern %s\nevent %s\ngot %v, %v; want %v", p.Source(), event, got, err, matched)
				}
			}
			matches += len(want)
			if got := set.Match(event, nil); !slices.Equal(got, want) {
				t.Fatalf("event %s\nset matches %v, want %v", event, got, want)
			}
		}
	}
	if matches < patterns*events*rounds/50 {
		t.Errorf("only %d of %d pairs match: they test too little", matches, patterns*events*rounds)
	}
	t.Logf("%d of %d pairs match", matches, patterns*events*rounds)
}

// TestMatchConcurrently shares one set among goroutines.
func TestMatchConcurrently(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(19, 20))}
	var list []*Pattern
	var events [][]byte
	for range 20 {
		list = append(list, mustParse(t, g.pattern(1, false)))
		events = append(events, []byte(g.event(0)))
	}
	set, err := Compile(list)
	if err != nil {
		t.Fatal(err)
	}
	var wants [][]int
	for _, event := range events {
		wants = append(wants, set.Match(event, nil))
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				event := events[i%len(events)]
				if got := set.Match(event, nil); !slices.Equal(got, wants[i%len(events)]) {
					t.Errorf("event %s: got %v, want %v", event, got, wants[i%len(events)])
				}
			}
		})
	}
	all.Wait()
}

func TestMatchAppends(t *testing.T) {
	set, err := Compile([]*Pattern{mustParse(t, `{"a":[2]}`), mustParse(t, `{"b":[1]}`), mustParse(t, `{"a":[1]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Match([]byte(`{"a":1,"b":1}`), []int{7, 3}); !slices.Equal(got, []int{7, 3, 1, 2}) {
		t.Errorf("got %v; want what was there, then 1 and 2", got)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	set, err := Compile([]*Pattern{
		mustParse(t, `{"source":["shop"],"detail":{"items":{"sku":[{"prefix":"s-"}],"qty":[{"numeric":[">",1]}]}}}`),
		mustParse(t, `{"detail":{"note":[{"equals-ignore-case":"ÜNÏ\n"},{"wildcard":"*x*"}],"total":[{"anything-but":3}]}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	event := []byte(`{"source":"shop","detail":{"note":"ünï\n","total":12.7500000000000001,"items":[{"sku":"s-1","qty":1},{"sku":"s-2","qty":2}]}}`)
	m, dst := newMatcher(set), []int(nil) // what Match takes from its pool
	allocs := testing.AllocsPerRun(1000, func() { dst = m.match(event, dst[:0]) })
	if allocs >= 1 || !slices.Equal(dst, []int{0, 1}) {
		t.Errorf("%v allocations, matches %v", allocs, dst)
	}
}

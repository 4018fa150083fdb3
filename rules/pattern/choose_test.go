package pattern

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestArrayConsistency(t *testing.T) {
	tests := []struct {
		name, pattern, event string
		want                 bool
	}{
		{"one element", `{"a":{"x":[1],"y":[2]}}`, `{"a":[{"x":1,"y":2}]}`, true},
		{"two elements", `{"a":{"x":[1],"y":[2]}}`, `{"a":[{"x":1},{"y":2}]}`, false},
		{"sibling arrays", `{"a":{"x":[1]},"b":{"y":[2]}}`, `{"a":[{},{"x":1}],"b":[{"y":2},{}]}`, true},
		{"beside the array", `{"a":{"x":[1]},"b":[2]}`, `{"a":[{"x":1}],"b":[1,2]}`, true},
		{"nested", `{"a":{"x":[1],"b":{"y":[2]}}}`, `{"a":[{"x":1,"b":[{"y":1}]},{"x":2,"b":[{"y":2}]}]}`, false},
		{"nested, one branch", `{"a":{"x":[1],"b":{"y":[2]}}}`, `{"a":[{"x":1,"b":[{"y":1},{"y":2}]}]}`, true},
		{"arrays in arrays", `{"a":{"x":[1],"y":[2]}}`, `{"a":[[{"x":1},{"y":2}],[{"x":1,"y":2}]]}`, true},
		{"arrays in arrays, apart", `{"a":{"x":[1],"y":[2]}}`, `{"a":[[{"x":1}],[{"y":2}]]}`, false},
		{"plain elements are in no element", `{"a":[1],"a.x":[2]}`, `{"a":[1,{"x":2}]}`, true},
		{"a key that comes twice", `{"a":{"x":[1],"y":[2]}}`, `{"a":[{"x":1}],"a":[{"y":2}]}`, true},
		{"absent from the element", `{"a":{"x":[1],"y":[{"exists":false}]}}`, `{"a":[{"x":1},{"x":2,"y":3}]}`, true},
		{"absent, whatever the order of names", `{"a":{"x":[{"exists":false}],"y":[1]}}`, `{"a":[{"y":1},{"y":2,"x":3}]}`, true},
		{"absent from no element", `{"a":{"x":[1],"y":[{"exists":false}]}}`, `{"a":[{"x":1,"y":2},{"x":2}]}`, false},
		{"absent without an element", `{"a":{"y":[{"exists":false}]},"b":[1]}`, `{"a":[{"y":2},{}],"b":1}`, false},
		{"absent or a value", `{"a":{"x":[1],"y":[5,{"exists":false}]}}`, `{"a":[{"x":1,"y":4},{"x":1,"y":5}]}`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := mustParse(t, test.pattern).Match([]byte(test.event))
			if err != nil || got != test.want {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
			if oracle := oracleMatch([]byte(test.pattern), []byte(test.event)); oracle != test.want {
				t.Errorf("the oracle says %v", oracle)
			}
		})
	}
}

// arrayGenerator makes events of arrays in arrays, and patterns that hold many
// conditions against them.
type arrayGenerator struct{ *rand.Rand }

func (g arrayGenerator) value(depth int) string {
	switch n := g.IntN(8); {
	case n < 2 || depth == 0:
		return fmt.Sprint(g.IntN(3))
	case n < 6:
		return "[" + g.members(4, func() string { return g.value(depth - 1) }) + "]"
	}
	return g.object(depth - 1)
}

func (g arrayGenerator) object(depth int) string {
	return "{" + g.members(4, func() string { return fmt.Sprintf(`"%c":%s`, 'a'+rune(g.IntN(3)), g.value(depth)) }) + "}"
}

func (g arrayGenerator) members(most int, make func() string) string {
	var list []string
	for range g.IntN(most + 1) {
		list = append(list, make())
	}
	return strings.Join(list, ",")
}

func (g arrayGenerator) pattern() string {
	var list []string
	for range 2 + g.IntN(4) {
		path := string('a' + rune(g.IntN(3)))
		for range g.IntN(3) {
			path += "." + string('a'+rune(g.IntN(3)))
		}
		test := []string{"0", "1", "0,1", `{"exists":false}`, `1,{"exists":false}`, `{"exists":true}`, `{"anything-but":1}`}[g.IntN(7)]
		list = append(list, fmt.Sprintf(`"%s":[%s]`, path, test))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func TestArraysAgreeWithOracle(t *testing.T) {
	g := arrayGenerator{rand.New(rand.NewPCG(9, 10))}
	matches, matchesInside := 0, 0
	for range 5_000 {
		src, event := g.pattern(), g.object(5)
		if len(event) > 400 {
			continue // the oracle tries everything
		}
		got, err := mustParse(t, src).Match([]byte(event))
		if want := oracleMatch([]byte(src), []byte(event)); err != nil || got != want {
			t.Fatalf("pattern %s\nevent %s\ngot %v, %v; want %v", src, event, got, err, want)
		}
		if got {
			matches++
			if strings.Contains(event, "[{") {
				matchesInside++
			}
		}
	}
	if matchesInside < 100 {
		t.Errorf("only %d matches, %d with objects in arrays: they test too little", matches, matchesInside)
	}
}

// TestMatchIsBounded: what is bad for a matcher costs no more than its size.
func TestMatchIsBounded(t *testing.T) {
	var fields, values []string
	for i := range 40 {
		fields = append(fields, fmt.Sprintf(`"f%d":[1]`, i))
	}
	r := rand.New(rand.NewPCG(11, 12))
	for range 2000 {
		var members []string
		for i := range 40 {
			members = append(members, fmt.Sprintf(`"f%d":%d`, i, r.IntN(2)))
		}
		values = append(values, "{"+strings.Join(members, ",")+"}")
	}
	elements := strings.Join(values, ",")
	tests := []struct{ name, pattern, event string }{
		{"many conditions on one array", `{"a":{` + strings.Join(fields, ",") + `}}`, `{"a":[` + elements + `]}`},
		{"sibling arrays", `{"a":{` + strings.Join(fields[:20], ",") + `},"b":{` + strings.Join(fields[20:], ",") + `}}`,
			`{"a":[` + elements + `],"b":[` + elements + `]}`},
		{"keys that come again", `{"a":{` + strings.Join(fields, ",") + `}}`,
			`{` + strings.Repeat(`"a":[`+strings.Join(values[:100], ",")+`],`, 20) + `"b":1}`},
		{"deep arrays", `{"a":{"x":[1],"y":[2]}}`, `{"a":` + strings.Repeat("[", 5000) + `{"x":1}` + strings.Repeat("]", 5000) + `}`},
		{"a wildcard that nearly fits", `{"a":[{"wildcard":"*a` + strings.Repeat("a*a", 30) + `*b"}]}`, `{"a":"` + strings.Repeat("a", 100_000) + `"}`},
		{"unending prefixes", `{"a":[{"prefix":"` + strings.Repeat("a", 100_000) + `"},{"prefix":"b"}]}`, `{"a":"` + strings.Repeat("a", 99_999) + `"}`},
		{"a long list of forbidden values", `{"a":[{"anything-but":[` + strings.Repeat(`"x",`, 50_000) + `"y"]}]}`, `{"a":[` + strings.Repeat(`"x",`, 50_000) + `"y"]}`},
		{"absence in elements", `{"a":{"x":[1],"b":{"p":[{"exists":false}],"q":[{"exists":false}],"r":[1]}}}`,
			`{"a":[` + strings.Repeat(`{"x":0,"b":[{"p":1},{"q":1},{"r":0}]},`, 5000) + `{}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := mustParse(t, test.pattern)
			start := time.Now()
			if _, err := p.Match([]byte(test.event)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > time.Minute { // without bounds it would not end at all
				t.Errorf("took %v for %d bytes", took, len(test.event))
			}
		})
	}
}

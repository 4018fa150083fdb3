package pattern

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	tests := []struct {
		pattern string
		want    []string
		strict  bool // it is an error where strict
	}{
		{`{"source":["shop"],"detail":{"total":[{"numeric":[">",100]}]}}`, nil, false},
		{`{"detail":{"a":[1],"a":[2]}}`, []string{
			"duplicate-key detail.a: the key is there twice; conditions of one field do not add up, the last wins",
			"duplicate-path detail.a: the field has a condition already, which this one replaces: the two do not add up"}, true},
		{`{"detail":{"b":[1]},"detail.b":[2]}`, []string{
			`dotted-key detail.b: the key "detail.b" also stands for the nested fields of that path`,
			"duplicate-path detail.b: the field has a condition already, which this one replaces: the two do not add up"}, true},
		{`{"detail":{"a":["abc",{"prefix":"a"}]}}`, []string{`dead-leaf detail.a: "abc" has no effect beside prefix "a"`}, true},
		{`{"detail":{"a":["x","x"]}}`, []string{`dead-leaf detail.a: "x" has no effect beside "x"`}, true},
		{`{"detail":{"a":[{"exists":true}],"a.b":[1]}}`, []string{
			"exists-object detail.a: exists looks for a value, and detail.a is an object: name a field inside of it",
			`dotted-key detail.a.b: the key "a.b" also stands for the nested fields of that path`}, true},
		{`{"detail":[{"exists":true}]}`, []string{"exists-object detail: exists looks for a value, and detail is an object: name a field inside of it"}, false},
		{`{"detail":["x"]}`, []string{"never-matches detail: detail is always an object: name a field inside of it"}, false},
		{`{"account":[123456789012]}`, []string{"never-matches account: account of an envelope is always a string: put the value in quotes"}, false},
		{`{"source":{"x":[1]}}`, []string{"never-matches source.x: source of an envelope is a string, without fields inside"}, false},
		{`{"detail":{"a":{"b":[1]},"$or":[{"c":[1,1]},{"d":[2]}]}}`, []string{"dead-leaf detail.c: 1 has no effect beside 1"}, true},
		{`{"detail":{"a":[` + strings.Repeat(`{"anything-but":["x","y"]},`, HighCost) + `"z"]}}`, []string{
			fmt.Sprintf("cost : the pattern costs up to %d steps an event", 3*HighCost+1)}, false},
		{`{"detailType":["Object Created"]}`, []string{`unknown-field detailType: no event has a field "detailType" at its top: did you mean "detail-type"?`}, false},
		{`{"sorce":["x"],"Source":["x"]}`, []string{
			`unknown-field sorce: no event has a field "sorce" at its top: did you mean "source"?`,
			`unknown-field Source: no event has a field "Source" at its top: did you mean "source"?`}, false},
		{`{"bucket":{"name":["x"]}}`, []string{`unknown-field bucket.name: no event has a field "bucket" at its top: fields of your own are below detail`}, false},
		{`{"$or":[{"soruce":["x"]},{"replay-name":[{"exists":false}]}]}`, []string{`unknown-field soruce: no event has a field "soruce" at its top: did you mean "source"?`}, false},
		{`{"source":["${SRC}"],"detail":{"a":[{"anything-but":{"prefix":"x-${file:/a}"}}]}}`, []string{
			"reference source: ${SRC} is text here, as patterns hold no references: write the value itself",
			"reference detail.a: ${file:/a} is text here, as patterns hold no references: write the value itself"}, false},
		{`{"source":["$","{x}","$ {x}","${}"]}`, nil, false},
		{`{"detail":{"arn":[{"wildcard":"*:*:*:*:*:event-bus/*"}]}}`, []string{
			"wildcards detail.arn: EventBridge refuses these wildcards as too complex: use fewer *, or repeat less after one, or split the rule"}, false},
	}
	for _, test := range tests {
		name := test.pattern[:min(len(test.pattern), 60)]
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, w := range mustParse(t, test.pattern).Lint() {
				got = append(got, fmt.Sprintf("%s %s: %s", w.Code, w.Path, w.Message))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if _, err := Parse([]byte(test.pattern), Options{Strict: true}); (err != nil) != test.strict {
				t.Errorf("strict: got error %v", err)
			}
		})
	}
}

// What EventBridge took and refused, as people report it.
func TestTooComplex(t *testing.T) {
	scans := []string{"*/datasync/*.bif", "*/datasync/*.tif", "*/datasync/*.tiff", "*/datasync/*.svs"}
	tests := []struct {
		wildcards []string
		want      bool
	}{
		{[]string{"*:*:*:*:*:event-bus/*"}, true},
		{[]string{"arn:aws:events:*:*:event-bus/*"}, false},
		{scans, true},
		{scans[:2], false},
		{[]string{"*.bif", "*.tiff", "*.tif", "*.svs"}, false},
		{[]string{scans[0], scans[0], scans[0], scans[0]}, false}, // once, in truth
		{[]string{"*a*a*a*a*a"}, false},                           // 10 beginnings match aaaaa
		{[]string{"*a*a*a*a*a*"}, true},
		{[]string{"*ab*cd*ef*gh*ij*kl"}, false}, // fewer repeating sequences
		{[]string{strings.Repeat("*a", MaxWildcards)}, true},
		{[]string{"no star at all"}, false},
		{[]string{`\\*\\*\\*\\*\\*\\*`}, false},
	}
	for _, tt := range tests {
		for _, form := range []string{`[{"wildcard":"%s"}]`, `[{"anything-but":{"wildcard":["%s"]}}]`} {
			sep := `"},{"wildcard":"`
			if strings.Contains(form, "anything-but") {
				sep = `","`
			}
			src := fmt.Sprintf(`{"detail":{"a":`+form+`}}`, strings.Join(tt.wildcards, sep))
			p := mustParse(t, src)
			got := slices.ContainsFunc(p.Lint(), func(w Warning) bool { return w.Code == WarnWildcards })
			if got != tt.want {
				t.Errorf("%s: too complex %v, want %v", src, got, tt.want)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		wide, narrow string
		want         bool
	}{
		{`{"a":["x"]}`, `{"a":["x"],"b":[1]}`, true},
		{`{"a":["x"],"b":[1]}`, `{"a":["x"]}`, false},
		{`{"a":["x","y"]}`, `{"a":["y"]}`, true},
		{`{"a":[{"prefix":"x"}]}`, `{"a":["xyz",{"prefix":"xy"}]}`, true},
		{`{"a":[{"suffix":"z"}]}`, `{"a":[{"suffix":"yz"}]}`, true},
		{`{"a":[{"exists":true}]}`, `{"a":[{"anything-but":"x"}]}`, true},
		{`{"a":[{"exists":false}]}`, `{"a":[{"exists":false}],"b":[1]}`, false},
		{`{"a":[{"exists":false}]}`, `{"a":[{"exists":false}]}`, true},
		{`{"a":[{"numeric":[">",1]}]}`, `{"a":[{"numeric":[">=",2,"<",5]},3]}`, true},
		{`{"a":[{"numeric":[">",1]}]}`, `{"a":[{"numeric":[">=",1]}]}`, false},
		{`{"a":[{"anything-but":["x"]}]}`, `{"a":[{"anything-but":["x","y"]}]}`, true},
		{`{"a":[{"anything-but":{"prefix":"x"}}]}`, `{"a":[{"anything-but":"x"}]}`, false},
		{`{"a":[{"anything-but":[1]}]}`, `{"a":[{"prefix":"x"}]}`, true},
		{`{"a":[{"anything-but":[1]}]}`, `{"a":[{"exists":true}]}`, false},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"a":["10.1.2.3",{"cidr":"10.1.0.0/16"}]}`, true},
		{`{"a":[{"wildcard":"a*z"}]}`, `{"a":["abz"]}`, true},
		{`{"a":[{"equals-ignore-case":"AB"}]}`, `{"a":["ab",{"equals-ignore-case":"AB"}]}`, true},
		{`{"a":[{"prefix":"x"}]}`, `{"a":[{"all-of":[{"suffix":"y"},{"prefix":"xx"}]}]}`, true},
		{`{"$or":[{"a":[1]},{"b":[1]}]}`, `{"b":[1],"c":[2]}`, true},
	}
	for _, test := range tests {
		if got := Covers(mustParse(t, test.wide), mustParse(t, test.narrow)); got != test.want {
			t.Errorf("%s covers %s: got %v", test.wide, test.narrow, got)
		}
	}
}

// TestCoversIsSound: no event matches the narrow pattern and not the wide one.
func TestCoversIsSound(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(13, 14))}
	covered, matched := 0, 0
	for range 10_000 {
		a, b := mustParse(t, `{"a":[`+g.some(3, ",", g.test)+`]}`), mustParse(t, `{"a":[`+g.some(2, ",", g.test)+`]}`)
		if !Covers(a, b) {
			continue
		}
		covered++
		for range 20 {
			event := []byte(`{"a":` + g.value(3) + `}`)
			narrow, err := b.Match(event)
			if err != nil {
				t.Fatal(err)
			}
			wide, _ := a.Match(event)
			if narrow {
				matched++
			}
			if narrow && !wide {
				t.Fatalf("%s covers %s, but not for %s", a.Source(), b.Source(), event)
			}
		}
	}
	if covered < 200 || matched < 200 {
		t.Errorf("%d covered pairs and %d matches test too little", covered, matched)
	}
}

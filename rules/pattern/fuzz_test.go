package pattern

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func addSeeds(f *testing.F) {
	for i, v := range readVectors(f, "testdata/vectors.jsonl") {
		if i%20 == 0 {
			src, event := v.texts()
			f.Add(src, event)
		}
	}
	f.Add([]byte(`{"a":[{"all-of":[{"prefix":"x"},{"suffix":"y"}]},{"wildcard":{"equals-ignore-case":"X*"}}]}`), []byte(`{"a":"xy"}`))
	f.Add([]byte(`{"a":{"b":[1],"c":[{"exists":false}]}}`), []byte(`{"a":[{"b":1,"c":2},[{"b":1}]]}`))
}

// FuzzMatch: no pattern or event makes the engine panic, a pattern alone and in
// a set say the same, and both agree with the oracle and with Explain.
func FuzzMatch(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src, event []byte) {
		p, err := Parse(src, Options{})
		if err != nil {
			return
		}
		p.Lint()
		if !Covers(p, p) {
			t.Errorf("%s does not cover itself", src)
		}
		matched, err := p.Match(event)
		checkExplanation(t, p, event)
		if err != nil {
			return
		}
		other := mustParse(t, `{"a":[1,{"prefix":"x"}],"b":[{"exists":false}]}`)
		set, err := Compile([]*Pattern{other, p, other})
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Match(event, nil); slices.Contains(got, 1) != matched || slices.Contains(got, 0) != slices.Contains(got, 2) {
			t.Errorf("pattern %s event %s: alone %v, in a set %v", src, event, matched, got)
		}
		checkAmongMany(t, p, event, matched)
		if oracleKnows(src) && oracleKnows(event) && len(event) < 500 && oracleMatch(src, event) != matched {
			t.Errorf("pattern %s event %s: got %v, the oracle says otherwise", src, event, matched)
		}
	})
}

// checkAmongMany puts the pattern into a set many times over, each time with a further
// range, so that it waits in groups: those match whose range holds the number.
func checkAmongMany(t *testing.T, p *Pattern, event []byte, matched bool) {
	at := bytes.IndexByte(event, '{') + 1
	if bytes.Contains(p.Source(), []byte("zz")) || bytes.Contains(event, []byte("zz")) || bytes.ContainsAny(event, `\`) || len(bytes.TrimSpace(event[at:])) < 2 {
		return
	}
	const many, number = 2 * largeGroup, 7
	var list []*Pattern
	for i := range many {
		var conjs []conjunction
		for _, conj := range p.conjs {
			rng := &operand{rng: numberRange{low: float64(i), high: float64(i + 3)}}
			conjs = append(conjs, append(slices.Clone(conj), condition{path: "zz", tests: []test{{op: opRange, more: rng}}}))
		}
		list = append(list, &Pattern{conjs: conjs})
	}
	var want []int
	for i := range many {
		if matched && i <= number && number <= i+3 {
			want = append(want, i)
		}
	}
	event = slices.Concat(event[:at], fmt.Appendf(nil, `"zz":%d,`, number), event[at:])
	if got := compile(list).Match(event, nil); !slices.Equal(got, want) {
		t.Errorf("pattern %s event %s: among many got %v, want %v", p.Source(), event, got, want)
	}
}

// oracleKnows leaves out what the oracle takes another way: halves of surrogate
// pairs, which encoding/json replaces; rare characters' case; and numbers at the
// edge of what a double holds.
func oracleKnows(text []byte) bool {
	if !utf8.Valid(text) || !json.Valid(text) {
		return false
	}
	s := strings.ToLower(string(text))
	for _, r := range s {
		if r >= utf8.RuneSelf && !strings.ContainsRune("ßüï😀", r) {
			return false
		}
	}
	return !strings.Contains(s, `\ud`) && !strings.Contains(s, "e-3") && !strings.Contains(s, `\u`) &&
		!strings.Contains(s, "e9") && len(s) < 2000 && !strings.Contains(s, "/")
}

// FuzzParse: no text makes the parser panic, and errors point into it.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src, _ []byte) {
		for _, opts := range []Options{{}, {Strict: true, Extensions: true}} {
			p, err := Parse(src, opts)
			if err != nil {
				fault, ok := err.(*Error)
				if !ok || fault.Offset < 0 || fault.Offset > len(src) || fault.Reason == "" {
					t.Errorf("pattern %q: error %#v", src, err)
				}
				continue
			}
			if string(p.Source()) != string(src) {
				t.Errorf("the source of %q is %q", src, p.Source())
			}
			if _, err := Compile([]*Pattern{p}); err != nil {
				t.Errorf("pattern %q: %v", src, err)
			}
		}
	})
}

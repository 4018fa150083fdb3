package pattern

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		name, pattern, event string
		want                 string // the failures, one a line
		reason               Reason // of the first
	}{
		{"value", `{"detail":{"total":[{"numeric":[">",100]}]}}`, `{"detail":{"total":90}}`,
			"detail.total: 90, wanted numeric > 100", ReasonValue},
		{"several tests", `{"a":["x",{"prefix":"y"},null]}`, `{"a":"z"}`,
			`a: "z", wanted "x" or prefix "y" or null`, ReasonValue},
		{"absent", `{"a":{"b":["x"]}}`, `{"a":{"c":"x"}}`,
			`a.b: absent, wanted "x"`, ReasonAbsent},
		{"an object", `{"a":[{"exists":true}]}`, `{"a":{"c":"x"}}`,
			`a: an object, wanted exists true (only values count: name a field inside of it)`, ReasonAbsent},
		{"an empty array", `{"a":["x"]}`, `{"a":[]}`,
			`a: an array without values, wanted "x" (only values count)`, ReasonAbsent},
		{"present", `{"a":[{"exists":false}]}`, `{"a":1}`,
			`a: 1, wanted exists false`, ReasonPresent},
		{"number in quotes", `{"a":[{"numeric":["<=",5]}]}`, `{"a":"3"}`,
			`a: "3", wanted numeric <= 5 (the event has 3 in quotes, a string)`, ReasonType},
		{"number without quotes", `{"account":["123456789012"]}`, `{"account":123456789012}`,
			`account: 123456789012, wanted "123456789012" (the event has 123456789012 without quotes; the pattern has a string)`, ReasonType},
		{"boolean in quotes", `{"a":[true]}`, `{"a":"true"}`,
			`a: "true", wanted true (the event has true in quotes, a string)`, ReasonType},
		{"case of the value", `{"source":["Shop.Orders"]}`, `{"source":"shop.orders"}`,
			`source: "shop.orders", wanted "Shop.Orders" (source differs only in case)`, ReasonCase},
		{"case in a wildcard", `{"a":[{"wildcard":"X*z"}]}`, `{"a":"xyz"}`,
			`a: "xyz", wanted wildcard "X*z" (a differs only in case)`, ReasonCase},
		{"case of the key", `{"Source":["x"]}`, `{"source":"x"}`,
			`Source: absent, wanted "x" (the event has the key "source", which differs only in case)`, ReasonCase},
		{"nearest of an array", `{"a":["B"]}`, `{"a":["x",1,"b"]}`,
			`a: "b", wanted "B" (a differs only in case)`, ReasonCase},
		{"array consistency", `{"a":{"x":[1],"y":[2]}}`, `{"a":[{"x":1,"y":1},{"x":2,"y":2}]}`,
			`a.x, a.y: met by different elements of an array, wanted 1 with 2 (conditions on one array of objects must hold in the same element)`, ReasonArray},
		{"the nearest combination", `{"$or":[{"a":[1],"b":[2]},{"c":[3],"d":[4]}]}`, `{"a":0,"c":3,"d":5}`,
			`d: 5, wanted 4`, ReasonValue},
		{"anything-but", `{"a":[{"anything-but":{"prefix":["x","y"]}}]}`, `{"a":"yes"}`,
			`a: "yes", wanted anything-but prefix "x", prefix "y"`, ReasonValue},
		{"not escaped for HTML", `{"a":["<b>"]}`, `{"a":"<i>"}`, `a: "<i>", wanted "<b>"`, ReasonValue},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := mustParse(t, test.pattern).Explain([]byte(test.event))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, f := range e.Failures {
				lines = append(lines, f.String())
			}
			if got := strings.Join(lines, "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if e.Matched || e.Failures[0].Reason != test.reason || e.Nearness < 0 || e.Nearness >= 1 {
				t.Errorf("got %+v; want reason %s", e, test.reason)
			}
		})
	}
}

func TestExplainMatch(t *testing.T) {
	e, err := mustParse(t, `{"a":[1]}`).Explain([]byte(`{"a":1}`))
	if err != nil || !e.Matched || e.Nearness != 1 || len(e.Failures) > 0 {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := mustParse(t, `{"a":[1]}`).Explain([]byte(`[]`)); err == nil {
		t.Error("an array is explained")
	}
}

func TestExplainNearness(t *testing.T) {
	p := mustParse(t, `{"source":["shop"],"detail":{"total":[{"numeric":[">",100]}]}}`)
	last := 2.0
	for _, event := range []string{
		`{"source":"shop","detail":{"total":101}}`, // matches
		`{"source":"Shop","detail":{"total":101}}`,
		`{"source":"shop","detail":{"total":"101"}}`,
		`{"source":"shop","detail":{"total":90}}`,
		`{"source":"shop","detail":{}}`,
		`{"source":"else","detail":{"total":90}}`,
		`{}`,
	} {
		e, err := p.Explain([]byte(event))
		if err != nil || e.Nearness >= last {
			t.Errorf("event %s: nearness %v, %v; want below %v", event, e.Nearness, err, last)
		}
		last = e.Nearness
	}
}

func TestExplanationAsJSON(t *testing.T) {
	e, err := mustParse(t, `{"a":[1]}`).Explain([]byte(`{"a":2}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e)
	const want = `{"matched":false,"failures":[{"path":"a","expected":"1","actual":"2","reason":"value-differs"}],"nearness":0.2}`
	if err != nil || string(text) != want {
		t.Errorf("got  %s, %v\nwant %s", text, err, want)
	}
}

// TestExplainAgreesWithMatch holds Explain against Match on random pairs.
func TestExplainAgreesWithMatch(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(7, 8))}
	for range 1000 {
		p := mustParse(t, g.pattern(0, false))
		checkExplanation(t, p, []byte(g.event(0)))
	}
}

func checkExplanation(t *testing.T, p *Pattern, event []byte) {
	t.Helper()
	matched, err := p.Match(event)
	e, explainErr := p.Explain(event)
	switch {
	case (err == nil) != (explainErr == nil):
		t.Fatalf("pattern %s event %s: Match says %v, Explain %v", p.Source(), event, err, explainErr)
	case err == nil && (e.Matched != matched || matched != (len(e.Failures) == 0) || (e.Nearness == 1) != matched):
		t.Fatalf("pattern %s event %s: Match says %v, Explain %+v", p.Source(), event, matched, e)
	}
}

func mustParse(t testing.TB, src string) *Pattern {
	t.Helper()
	p, err := Parse([]byte(src), Options{Extensions: true})
	if err != nil {
		t.Fatalf("pattern %s: %v", src, err)
	}
	return p
}

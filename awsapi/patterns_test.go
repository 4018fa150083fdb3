package awsapi

import (
	"encoding/json"
	"strings"
	"testing"
)

const recordedEvent = `{"id":"1","account":"123456789012","source":"shop","time":"2024-03-01T12:30:00Z","region":"eu-west-1","resources":[],"detail-type":"T","detail":{"a":"x"}}`

// tested is the body of TestEventPattern.
func tested(pattern, event string) string {
	return string(compact(map[string]string{"EventPattern": pattern, "Event": event}))
}

// TestPatternErrors holds what TestEventPattern and PutRule say of bad patterns to what AWS was recorded to say.
func TestPatternErrors(t *testing.T) {
	r := startWith(t, "rules: []\n")
	field := func(value string) string { return `{"detail":{"a":` + value + `}}` }
	but := func(value string) string { return field(`[{"anything-but":` + value + `}]`) }
	const inside = "Inside anything but list, start|null|boolean is not supported."
	for _, test := range []struct{ pattern, want string }{
		{field(`[]`), "Empty arrays are not allowed"},
		{field(`"x"`), `"a" must be an object or an array`},
		{`{"source":1}`, `"source" must be an object or an array`},
		{field(`[{"EXISTS":true}]`), "Unrecognized match type EXISTS"},
		{field(`[{"Prefix":"x"}]`), "Unrecognized match type Prefix"},
		{field(`[{"prefix":1}]`), "prefix match pattern must be a string"},
		{field(`[{"suffix":null}]`), "suffix match pattern must be a string"},
		{field(`[{"wildcard":true}]`), "wildcard match pattern must be a string"},
		{field(`[{"equals-ignore-case":["x"]}]`), "equals-ignore-case match pattern must be a string"},
		{field(`[{"cidr":1}]`), "prefix match pattern must be a string"},
		{but(`null`), "Value of anything-but must be an array or single string/number value."},
		{but(`true`), "Value of anything-but must be an array or single string/number value."},
		{but(`[null]`), inside},
		{but(`["x",true]`), inside},
		{but(`[{"prefix":"x"}]`), inside},
		{but(`{"prefix":1}`), "prefix/suffix match pattern must be a string"},
		{but(`{"suffix":null}`), "prefix/suffix match pattern must be a string"},
		{but(`{"prefix":""}`), "Null prefix/suffix not allowed"},
		{but(`{"suffix":[""]}`), "Null prefix/suffix not allowed"},
		{but(`{"equals-ignore-case":[1]}`), "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."},
		{but(`{"equals-ignore-case":[null]}`), "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."},
		{but(`{"wildcard":1}`), "wildcard match pattern must be a string"},
		{field(`[{"numeric":5}]`), "Value of numeric must be an array."},
		{field(`[{"numeric":["<","5"]}]`), "Value of < must be numeric"},
		{field(`[{"numeric":["<",1,">",0]}]`), "Too many elements in numeric expression"},
		{field(`[{"numeric":[">",1,">",2]}]`), "Bad numeric range operator: >"},
		{field(`[{"cidr":"10.0.0.0"}]`), "Malformed CIDR, one '/' required"},
		{field(`[{"cidr":"10.0.0.0/x"}]`), "Malformed CIDR, mask bits must be an integer"},
		{field(`[{"cidr":"10.0.0/8"}]`), "Nonstandard IP address: 10.0.0"},
		{field(`[{"wildcard":"a string with 25 letters **"}]`), "Consecutive wildcard characters at pos 26"},
		{`["x"]`, "Filter is not an object"},
		{`"x"`, "Filter is not an object"},
	} {
		put := string(compact(map[string]string{"Name": "x", "EventPattern": test.pattern}))
		for operation, body := range map[string]string{"TestEventPattern": tested(test.pattern, recordedEvent), "PutRule": put} {
			got, _, _ := strings.Cut(r.answer(t, operation, body), "\n")
			if want := "InvalidEventPatternException: Event pattern is not valid. Reason: " + test.want; got != want {
				t.Errorf("%s of %s:\ngot  %s\nwant %s", operation, test.pattern, got, want)
			}
		}
	}
}

// TestTestEventPattern: an event needs six members, and may hold whatever else there is.
func TestTestEventPattern(t *testing.T) {
	s := serveFiles(t, map[string]string{"r.yaml": "rules: []\n"})
	whole := map[string]any{}
	if err := json.Unmarshal([]byte(recordedEvent), &whole); err != nil {
		t.Fatal(err)
	}
	changed := func(name string, value any) string {
		next := map[string]any{}
		for k, v := range whole {
			next[k] = v
		}
		if next[name] = value; value == nil {
			delete(next, name)
		}
		return string(compact(next))
	}
	const yes, no, bad = `{"Result":true}`, `{"Result":false}`, "ValidationException: Parameter Event is not valid."
	const below, source = `{"detail":{"a":["x"]}}`, `{"source":["shop"]}`
	type request struct{ pattern, event, want string }
	all := []request{
		{below, recordedEvent, yes},
		{`{"detail":{"a":["y"]}}`, recordedEvent, no},
		{below, changed("detail", nil), no},
		{below, changed("detail", "a text"), no},
		{source, changed("detail", nil), yes},
		{source, changed("detail", "a text"), yes},
		{source, changed("EventBusName", "b"), yes},
		{source, changed("resources", nil), yes},
		{`{"detail-type":["T"]}`, changed("detail-type", []string{"S", "T"}), yes},
		{source, `"x"`, bad},
		{source, `[]`, bad},
		{source, `{`, bad},
		{source, ``, bad},
	}
	for _, name := range []string{"id", "account", "source", "time", "region", "detail-type"} {
		all = append(all, request{source, changed(name, nil), bad})
	}
	for _, test := range all {
		if got := s.answer(t, "TestEventPattern", tested(test.pattern, test.event)); got != test.want {
			t.Errorf("%s of %s:\ngot  %s\nwant %s", test.pattern, test.event, got, test.want)
		}
	}
	long := strings.Repeat("x", 4097)
	for body, want := range map[string]string{
		`{}`: "ValidationException: 2 validation errors detected: Value null at 'eventPattern' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'event' failed to satisfy constraint: Member must not be null",
		tested(long, "{}"): "ValidationException: 1 validation error detected: Value '" + long + "' at 'eventPattern' failed to satisfy constraint: Member must have length less than or equal to 4096",
	} {
		if got := s.answer(t, "TestEventPattern", body); got != want {
			t.Errorf("%.40s:\ngot  %s\nwant %s", body, got, want)
		}
	}
}

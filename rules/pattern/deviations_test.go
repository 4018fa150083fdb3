package pattern

import "testing"

// TestDeviations holds the examples of docs/patterns.md, section "Where we differ
// from the reference": what is said there of this engine is so.
func TestDeviations(t *testing.T) {
	tests := []struct {
		name, pattern, event string
		want                 bool
	}{
		{"IP networks across families", `{"a":[{"cidr":"32.0.0.0/8"}]}`, `{"a":"2001:db8::1"}`, false},
		{"IP networks and numbers", `{"a":[{"cidr":"0.0.0.0/0"}]}`, `{"a":7}`, false},
		{"quotes at the edge of a text", `{"a":[{"prefix":"a\""}]}`, `{"a":"a"}`, false},
		{"case beyond U+FFFF, none", `{"a":[{"equals-ignore-case":"😀"}]}`, `{"a":"😀"}`, true},
		{"case beyond U+FFFF", `{"a":[{"equals-ignore-case":"𐐀"}]}`, `{"a":"𐐨"}`, true},
		{"absence in elements", `{"a":{"x":[{"exists":false}],"y":[1]}}`, `{"a":[{"y":1},{"x":3}]}`, true},
		{"wildcard beside equals-ignore-case", `{"a":[{"wildcard":"*Ü*"},{"equals-ignore-case":"K"}]}`, `{"a":"b"}`, false},
		{"an empty name at the end of a path", `{"a":{"":[1]}}`, `{"a":{"":1}}`, true},
		{"a key that comes twice, with arrays", `{"b":[{"anything-but":2}],"b.c":[2]}`, `{"b":[2,[3],{"c":1}],"b":[{"c":2}]}`, true},
		{"an empty name at the top, copied", `{"":{"b":[1]}}`, `{"b":1}`, true},
		{"a field after $or, copied", `{"$or":[{"a":[1]},{"b":[1]}],"a":[2]}`, `{"a":2}`, true},
		{"half of a surrogate pair, copied", `{"a":[{"prefix":"\ude00"}]}`, `{"a":"\ud83d"}`, true},
		{"ſ is S", `{"a":[{"equals-ignore-case":"ſ"}]}`, `{"a":"S"}`, true},
		{"ſ is not s", `{"a":[{"equals-ignore-case":"ſ"}]}`, `{"a":"s"}`, false},
		{"ß is SS", `{"a":[{"equals-ignore-case":"ß"}]}`, `{"a":"SS"}`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := mustParse(t, test.pattern).Match([]byte(test.event)); err != nil || got != test.want {
				t.Errorf("pattern %s event %s: got %v, %v; want %v", test.pattern, test.event, got, err, test.want)
			}
		})
	}
	for _, src := range []string{`{"a":[1,{"anything-but":{"prefix":[]}}]}`, `{"a":[1]} x`, `{"a":[{"numeric":[">",1.7976931348623157e308]}]}`} {
		if _, err := Parse([]byte(src), Options{}); err == nil {
			t.Errorf("pattern %s is no error", src)
		}
	}
}

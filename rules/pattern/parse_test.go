package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestParseErrors(t *testing.T) {
	tests := []struct{ pattern, want string }{
		{``, "not valid JSON: unexpected end of JSON input"},
		{`{"a":[1]} x`, "not valid JSON: invalid character 'x' after top-level value"},
		{`[1]`, "Filter is not an object"},
		{`{}`, "Empty objects are not allowed (name a field, or leave the object out)"},
		{`{"a":{}}`, "Empty objects are not allowed at a (name a field, or leave the object out)"},
		{`{"a":[]}`, "Empty arrays are not allowed at a"},
		{`{"a":1}`, `"a" must be an object or an array at a (write [1])`},
		{`{"a":[[1]]}`, "Match value must be String, number, true, false, or null at a[0]"},
		{`{"detail":{"total":[1,{"numerc":[">",1]}]}}`, `Unrecognized match type numerc at detail.total[1].numerc (did you mean "numeric"?)`},
		{`{"a":[{"Prefix":"x"}]}`, `Unrecognized match type Prefix at a[0].Prefix (did you mean "prefix"?)`},
		{`{"a":[{}]}`, "Match expression name not found at a[0]"},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, "Only one key allowed in match expression at a[0] (write a second object beside this one: alternatives stand in the array)"},
		{`{"a":[{"numeric":["!=",1]}]}`, "Unrecognized numeric range operator: != at a[0].numeric (use one of = < <= > >=)"},
		{`{"a":[{"numeric":[">",5,"<",5]}]}`, "Bottom must be less than top at a[0].numeric (no number is in this range)"},
		{`{"a":[{"numeric":[">","5"]}]}`, "Value of > must be numeric at a[0].numeric (a number without quotes)"},
		{`{"a":[{"numeric":["=",1e400]}]}`, "Cannot compare number : 1e400 at a[0].numeric (a double does not hold this number exactly as it is written)"},
		{`{"a":[{"numeric":["<",1,">",0]}]}`, "Too many elements in numeric expression at a[0].numeric (a range has a lower bound first, then an upper one)"},
		{`{"a":[{"wildcard":"a**"}]}`, `Consecutive wildcard characters at pos 2 at a[0].wildcard (only \* and \\ are escapes, and ** is not allowed)`},
		{`{"a":[{"wildcard":"a\\b"}]}`, `Invalid escape character at pos 2 at a[0].wildcard (only \* and \\ are escapes, and ** is not allowed)`},
		{`{"a":[{"wildcard":{"equals-ignore-case":"x"}}]}`, "wildcard match pattern must be a string at a[0].wildcard"},
		{`{"a":[{"cidr":"10.0.0.1/32"}]}`, `IPv4 mask bits must be < 32 at a[0].cidr (write address/bits, such as "10.0.0.0/8"; a single address is a plain string)`},
		{`{"a":[{"exists":"true"}]}`, "exists match pattern must be either true or false. at a[0].exists"},
		{`{"a":[{"anything-but":{"prefix":""}}]}`, "Null prefix/suffix not allowed at a[0].anything-but.prefix (every string begins and ends with the empty one)"},
		{`{"a":[{"anything-but":[{"suffix":"x"}]}]}`, `Inside anything but list, start|null|boolean is not supported. at a[0].anything-but[0] (an operator stands there without the list, and may have a list inside: {"anything-but": {"suffix": ["a", "b"]}})`},
		{`{"a":[{"anything-but":[{}]}]}`, `Inside anything but list, start|null|boolean is not supported. at a[0].anything-but[0] (an operator stands there without the list, and may have a list inside: {"anything-but": {"prefix": ["a", "b"]}})`},
		{`{"a":[{"suffix":["x"]}]}`, `suffix match pattern must be a string at a[0].suffix (write one object for each: [{"suffix": "a"}, {"suffix": "b"}])`},
		{`{"a":[{"anything-but":{"suffix":1}}]}`, "prefix/suffix match pattern must be a string at a[0].anything-but.suffix"},
		{`{"a":[{"anything-but":{"equals-ignore-case":[1]}}]}`, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported. at a[0].anything-but.equals-ignore-case[0]"},
		{`{"a":[{"anything-but":{"wildcard":1}}]}`, "wildcard match pattern must be a string at a[0].anything-but.wildcard"},
		{`{"a":[{"anything-but":null}]}`, "Value of anything-but must be an array or single string/number value. at a[0].anything-but"},
		{`{"a":[{"cidr":1}]}`, "prefix match pattern must be a string at a[0].cidr"},
		{`{"a":[{"anything-but":["x",1]}]}`, "Inside anything but list, either all values are number or string, mixed type is not supported at a[0].anything-but"},
		{`{"a":[{"anything-but":{"prefx":"x"}}]}`, `Unsupported anything-but pattern: prefx at a[0].anything-but.prefx (did you mean "prefix"?)`},
		{`{"a":[{"all-of":[{"prefix":"x"}]}]}`, "Unrecognized match type all-of at a[0].all-of (it is an extension, which must be switched on)"},
		{`{"$or":[{"a":[1]}]}`, "There must have at least 2 Objects in $or relationship. at $or"},
		{`{"$or":[{"a":[1]},{"prefix":["x"]}]}`, "prefix is Ruler reserved fieldName which cannot be used inside $or. at $or[1].prefix"},
	}
	for _, test := range tests {
		t.Run(test.pattern, func(t *testing.T) {
			_, err := Parse([]byte(test.pattern), Options{})
			fault, ok := errors.AsType[*Error](err)
			first, second, _ := strings.Cut(err.Error(), "\n")
			place := regexp.MustCompile(`^ at line 1, column \d+`)
			got := first + place.ReplaceAllString(second, "")
			if path := formatPath(fault.Path); path != "" {
				got = strings.Replace(got, ", "+path, " at "+path, 1)
			}
			if want := "Event pattern is not valid. Reason: " + test.want; !ok || got != want || !place.MatchString(second) {
				t.Errorf("got  %v\nwant %s", err, want)
			} else if fault.Offset > len(test.pattern) {
				t.Errorf("offset %d in %d bytes", fault.Offset, len(test.pattern))
			}
		})
	}
}

func TestParseErrorPosition(t *testing.T) {
	src := `{"detail": {"total": [ {"numerc": [">", 1]} ]}}`
	_, err := Parse([]byte(src), Options{})
	fault, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatal(err)
	}
	if !slices.Equal(fault.Path, []any{"detail", "total", 0, "numerc"}) || !strings.HasPrefix(src[fault.Offset:], `"numerc"`) {
		t.Errorf("got path %v and offset %d, %q", fault.Path, fault.Offset, src[fault.Offset:])
	}
	_, err = Parse([]byte("{\n \"detail\": {\"é\": [{\"EXISTS\": true}]}}"), Options{})
	const want = "Event pattern is not valid. Reason: Unrecognized match type EXISTS\n at line 2, column 20, detail.é[0].EXISTS (did you mean \"exists\"?)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestParseBounds(t *testing.T) {
	var many, branches []string
	for i := range MaxFields + 1 {
		many = append(many, fmt.Sprintf(`"f%d":[1]`, i))
	}
	for i := range 11 {
		branches = append(branches, fmt.Sprintf(`{"n%d":[1]}`, i))
	}
	elevenWays := `"$or":[` + strings.Join(branches, ",") + `]`
	tests := []struct{ name, pattern, want string }{
		{"depth", strings.Repeat(`{"a":`, MaxDepth+5) + "[1]" + strings.Repeat("}", MaxDepth+5), "more than 1000 objects inside each other"},
		{"combinations", `{` + elevenWays + `,"x":{` + elevenWays + `},"y":{` + elevenWays + `}}`, "$or makes more than 1000 combinations"},
		{"fields", "{" + strings.Join(many, ",") + "}", "more than 256 fields in one pattern"},
		{"wildcards", `{"a":[{"wildcard":"` + strings.Repeat("*a", MaxWildcards+1) + `"}]}`, "65 wildcards in one operand, the limit is 64"},
		{"cost", `{"a":[` + strings.Repeat("1,", MaxCost) + `1]}`, "the pattern costs up to 100001 steps an event, the limit is 100000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.pattern), Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %.200v; want %s", err, test.want)
			}
		})
	}
}

func TestExtensions(t *testing.T) {
	tests := []struct {
		pattern, event string
		want           bool
	}{
		{`{"a":[{"all-of":[{"prefix":"x"},{"suffix":"z"},{"anything-but":"xyz"}]}]}`, `{"a":"xz"}`, true},
		{`{"a":[{"all-of":[{"prefix":"x"},{"suffix":"z"},{"anything-but":"xyz"}]}]}`, `{"a":"xyz"}`, false},
		{`{"a":[{"all-of":[{"prefix":"x"},{"suffix":"z"}]}]}`, `{"a":["xa","az"]}`, false},
		{`{"a":["b",{"all-of":[{"numeric":[">",1]},{"anything-but":5}]}]}`, `{"a":5}`, false},
		{`{"a":["b",{"all-of":[{"numeric":[">",1]},{"anything-but":5}]}]}`, `{"a":6}`, true},
		{`{"a":[{"wildcard":{"equals-ignore-case":"*/Img/*.PNG"}}]}`, `{"a":"x/iMG/y.png"}`, true},
		{`{"a":[{"wildcard":{"equals-ignore-case":"Straße*"}}]}`, `{"a":"STRASSE 1"}`, true},
		{`{"a":[{"wildcard":{"equals-ignore-case":"*x"}}]}`, `{"a":"xy"}`, false},
	}
	for _, test := range tests {
		got, err := mustParse(t, test.pattern).Match([]byte(test.event))
		if err != nil || got != test.want {
			t.Errorf("pattern %s event %s: got %v, %v; want %v", test.pattern, test.event, got, err, test.want)
		}
		if _, err := Parse([]byte(test.pattern), Options{}); err == nil {
			t.Errorf("pattern %s is no error where extensions are off", test.pattern)
		}
	}
}

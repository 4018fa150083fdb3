package state

import "testing"

// TestMerge holds the examples of RFC 7396, appendix A, and what its text says of arrays and
// of numbers that are left alone.
func TestMerge(t *testing.T) {
	for _, tt := range []struct{ doc, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{``, `{"a":1,"b":null}`, `{"a":1}`},
		{`{"a":1}`, `{"b":[{"n":null}]}`, `{"a":1,"b":[{"n":null}]}`},
		{`{"a":12345678901234567890.10}`, `{"b":1e400,"c":"<&>"}`, `{"a":12345678901234567890.10,"b":1e400,"c":"<&>"}`},
	} {
		if got, err := merged([]byte(tt.doc), []byte(tt.patch)); err != nil || string(got) != tt.want {
			t.Errorf("%s with %s: got %s, %v, want %s", tt.doc, tt.patch, got, err, tt.want)
		}
	}
}

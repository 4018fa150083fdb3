package jsonl

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"signalbox/rules/pattern"
)

func TestMatch(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"match", `{"pattern":{"a":[1]},"event":{"a":1.0}}`, "true"},
		{"number kept as written", `{"pattern":{"a":[12345678901234567890]},"event":{"a":12345678901234567891}}`, "false"},
		{"event not an object", `{"pattern":{"a":[1]},"event":[1]}`, "error: event is not a JSON object"},
		{"event missing", `{"pattern":{"a":[1]}}`, "error: event is not a JSON object: unexpected end of JSON input"},
		{"bad pattern", `{"pattern":{"a":1},"event":{}}`, `error: Event pattern is not valid. Reason: "a" must be an object or an array at line 1, column 6, a (write [1])`},
		{"raw texts", `{"pattern_raw":"{\"a\":[1]}","event_raw":"{\"a\":1,}"}`, "error: event is not a JSON object: invalid character '}' looking for beginning of object key string"},
		{"broken line", `{"pattern":`, "error: line is not a JSON object with pattern and event: unexpected end of JSON input"},
		{"several lines", "{\"pattern\":{\"a\":[1]},\"event\":{\"a\":1}}\n\n{\"pattern\":{\"a\":[1]},\"event\":{}}\n", "true\nfalse"},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if err := Match(strings.NewReader(test.in), &out, pattern.Options{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSuffix(out.String(), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestMatchKeepsWhatItHadWhenReadingFails(t *testing.T) {
	broken := errors.New("broken")
	in := iotest.ErrReader(broken)
	var out strings.Builder
	if err := Match(in, &out, pattern.Options{}); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "line 1: ") {
		t.Errorf("got %v", err)
	}
}

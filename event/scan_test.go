package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// scans are texts around the edges of the grammar, and of the eight bytes that
// are looked at together.
var scans = []string{
	`{}`, `{"a":1}`, `{"a":-0.1e+5,"b":[true,false,null,"x"]}`, `{"a":{"b":{"c":[[[]]]}}}`, ` { "a" : 1 } `,
	`{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":+1}`, `{"a":nul}`, `{"a":True}`, `{'a':1}`, `{a:1}`,
	`{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":1 "b":2}`, `{"a":1}}`, `{"a":1`, `{"a":"`, `{"a":"\`, `{"a":"\u12`,
	`{"a":"\q"}`, `{"a":"\u12g4"}`, `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`, `{"a":"1234567\""}`, `{"a":"123456\\"}`, `{"a":"12345678"}`,
	"{\"a\":\"\t\"}", "{\"a\":\"\x00\"}", "{\"a\":\"12345\x1f78\"}", "{\"a\":\"\x7f\u0080\u2028😀\"}", "\ufeff{}", "{\"a\":1}\x00", `"a"`, `[]`, ``,
}

func TestCheckDetailAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range scans {
		checkAgainstEncodingJSON(t, text)
	}
}

func FuzzCheckDetail(f *testing.F) {
	for _, text := range scans {
		f.Add(text)
	}
	f.Fuzz(checkAgainstEncodingJSON)
}

func checkAgainstEncodingJSON(t *testing.T, text string) {
	if !utf8.ValidString(text) || strings.Count(text, "[")+strings.Count(text, "{") > 10_000 {
		return
	}
	fault := checkDetail([]byte(text), 10_001)
	object := strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{")
	if got, want := fault == nil, json.Valid([]byte(text)) && object; got != want {
		t.Errorf("%q: legal is %v, want %v (%v)", text, got, want, fault)
	}
	if fault != nil && (fault.offset < 0 || fault.offset > len(text)) {
		t.Errorf("%q: offset %d is outside of the text", text, fault.offset)
	}
}

func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`""`, `"plain text"`, `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, `"1234567\n"`, `"é\u0000"`, `"\ud800"`, `"\ud800\u0041"`, `"1234567\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !utf8.ValidString(raw) || !json.Valid([]byte(raw)) || !strings.HasPrefix(raw, `"`) {
			return
		}
		raw = strings.TrimRight(raw, " \t\r\n")
		var want string
		if err := json.Unmarshal([]byte(raw), &want); err != nil {
			t.Fatal(err)
		}
		got, fault := unquote([]byte(raw))
		if fault != nil {
			// encoding/json puts U+FFFD in the place of a lone surrogate.
			if !strings.Contains(want, "\ufffd") {
				t.Errorf("%s: %v", raw, fault)
			}
			return
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	})
}

func FuzzDecodePutEvents(f *testing.F) {
	f.Add(putEventsBody(1))
	f.Add(putEventsBody(3))
	for _, text := range scans {
		f.Add([]byte(`{"Entries":[` + entryJSON(text) + `]}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := DecodePutEvents(body, Limits{})
		if err != nil {
			return
		}
		for i, e := range batch.Events {
			if (e == nil) != (i < len(batch.Refused) && batch.Refused[i] != nil) {
				t.Fatalf("entry %d is neither taken nor refused, or both", i)
			}
			if e != nil && !json.Valid(e.AppendEnvelope(nil)) {
				t.Errorf("the envelope is not JSON: %s", e.AppendEnvelope(nil))
			}
		}
	})
}

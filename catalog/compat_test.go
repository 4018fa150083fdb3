package catalog

import (
	"strings"
	"testing"
)

func schemaOf(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := compile([]byte(text), t.TempDir(), "schema", func(string, []byte) {})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBreaks(t *testing.T) {
	for name, test := range map[string]struct{ reader, writer, want string }{
		"equal":                 {`{"required": ["a"]}`, `{"required": ["a"]}`, ""},
		"required added":        {`{"required": ["a"]}`, `{}`, "detail.a: is required on one side"},
		"required dropped":      {`{}`, `{"required": ["a"]}`, ""},
		"optional added":        {`{"properties": {"a": {"type": "string"}}}`, `{}`, ""},
		"not allowed":           {`{"additionalProperties": false}`, `{"properties": {"a": {}}}`, "detail.a: is declared on one side, and not allowed"},
		"type changed":          {`{"properties": {"a": {"type": "string"}}}`, `{"properties": {"a": {"type": "number"}}}`, "detail.a: can be number"},
		"type widened":          {`{"properties": {"a": {"type": "number"}}}`, `{"properties": {"a": {"type": "integer"}}}`, ""},
		"enum value gone":       {`{"properties": {"a": {"enum": [1]}}}`, `{"properties": {"a": {"enum": [1.0, 2]}}}`, "the value 2 is allowed on one side alone"},
		"minimum raised":        {`{"properties": {"a": {"minimum": 2}}}`, `{"properties": {"a": {"minimum": 1}}}`, "minimum is 2 on one side and 1"},
		"minimum lowered":       {`{"properties": {"a": {"minimum": 0}}}`, `{"properties": {"a": {"minimum": 1}}}`, ""},
		"length bounded":        {`{"properties": {"a": {"maxLength": 2}}}`, `{"properties": {"a": {}}}`, "maxLength is 2"},
		"items":                 {`{"properties": {"a": {"items": {"type": "string"}}}}`, `{"properties": {"a": {"items": {"type": "number"}}}}`, "detail.a[]: can be number"},
		"undecidable":           {`{"properties": {"a": {"oneOf": [{"type": "string"}]}}}`, `{"properties": {"a": {"oneOf": [{}]}}}`, "oneOf differs, and is not compared"},
		"through a reference":   {`{"$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}`, `{"$defs": {"x": {"type": "null"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}`, "detail.a: can be null"},
		"a reference in a ring": {`{"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "maxProperties": 3}`, `{"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}`, "maxProperties is 3"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, b := range Breaks(schemaOf(t, test.reader), schemaOf(t, test.writer)) {
				got += b.Path + ": " + b.Reason + "\n"
			}
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestPromises(t *testing.T) {
	const versions = "types:\n  - {name: A, version: 1, schema: {required: [a]}}\n  - {name: A, version: 2, compatibility: %, schema: {required: [a, b]}}\n  - {name: A, version: 3, compatibility: none, schema: {required: [c]}}\n"
	for promise, want := range map[string]string{
		"backward": "is not backward compatible: data of version 1 can't be read by version 2: detail.b: is required",
		"forward":  "",
		"full":     "is not backward compatible",
		"none":     "",
	} {
		_, err := read(t, t.TempDir(), strings.Replace(versions, "%", promise, 1))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", promise, err, want)
		}
	}
}

// FuzzBreaks compares any two schemas that compile: it must neither panic nor hang.
func FuzzBreaks(f *testing.F) {
	f.Add(`{"properties": {"a": {"$ref": "#"}}}`, `{"properties": {"a": {"items": {"$ref": "#"}}}}`)
	f.Add(`{"$ref": "#/$defs/a", "$defs": {"a": {"enum": [1e999999]}}}`, `true`)
	f.Add(`false`, `{"required": ["a"], "minimum": 1e400}`)
	f.Fuzz(func(t *testing.T, reader, writer string) {
		a, errA := compile([]byte(reader), "/", "a", func(string, []byte) {})
		b, errB := compile([]byte(writer), "/", "b", func(string, []byte) {})
		if errA == nil && errB == nil {
			Breaks(a, b)
		}
	})
}

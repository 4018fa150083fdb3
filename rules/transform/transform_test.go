package transform

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"signalbox/event"
)

// recordedEvent holds the values that the recorded answers of EventBridge were
// made from, with space between the parts as producers write it.
const recordedEvent = `{"version":"0","id":"e1","detail-type":"core.app.backend","source":"core.update-account-command","account":"123456789012","time":"2022-01-01T01:01:01Z","region":"us-east-1","resources":["arn:a","arn:b"],"detail":` + recordedDetail + `}`

const recordedDetail = `{"command": "update-account", "userId": "0a787ecb-4015", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}, "listmulti": ["ACTIVE", "INACTIVE"], "listsingle": ["HIGH"], "count": 1.50e1, "yes": true, "nothing": null, "text": "say \"hi\"\\\n\u00e9", "nested": {"q": "a \"b\"", "deep": [[1, 2], {"k": "v w"}]}, "unit price": 9.90}`

func recordedInput() Input {
	return Input{
		Envelope: []byte(recordedEvent),
		Event: &event.Event{
			ID: "e1", DetailType: "core.app.backend", Source: "core.update-account-command",
			Account: "123456789012", Region: "us-east-1", Resources: []string{"arn:a", "arn:b"},
			Time:   time.Date(2022, 1, 1, 1, 1, 1, 0, time.UTC),
			Detail: []byte(recordedDetail),
		},
		RuleName: "update-account",
		RuleARN:  "arn:aws:events:us-east-1:123456789012:rule/update-account",
		Ingested: time.Date(2022, 1, 1, 1, 1, 2, 3456, time.UTC),
	}
}

var recordedPaths = map[string]string{
	"command":    "$.detail.command",
	"userId":     "$.detail.userId",
	"payload":    "$.detail.payload",
	"listmulti":  "$.detail.listmulti",
	"listsingle": "$.detail.listsingle",
	"missing":    "$.detail.missing.deeper",
	"count":      "$.detail.count",
	"yes":        "$.detail.yes",
	"nothing":    "$.detail.nothing",
	"text":       "$.detail.text",
	"nested":     "$.detail.nested",
	"all":        "$",
}

func mustCompile(t testing.TB, spec Spec) *Transform {
	t.Helper()
	tr, err := Compile(spec)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return tr
}

func templateSpec(text, compat string) Spec {
	return Spec{TargetID: "t1", InputTransformer: &InputTransformer{
		InputPathsMap: recordedPaths, InputTemplate: text, Compat: compat,
	}}
}

// The rows marked AWS are answers recorded from EventBridge.
func TestTemplate(t *testing.T) {
	tests := []struct {
		name, template, want string
	}{
		{"AWS: a bare string gets quotes", `{"id": <userId>}`, `{"id": "0a787ecb-4015"}`},
		{"AWS: a quoted string is spliced", `{"id":"<userId>"}`, `{"id":"0a787ecb-4015"}`},
		{"AWS: string spliced and object embedded", `{"path":"users/<userId>","b":<payload>}`,
			`{"path":"users/0a787ecb-4015","b":{"acc_id": "0a787ecb-4015", "sf_id": "baz"}}`},
		{"AWS: an object in a string loses its quotes", `"Payload of <payload>"`, `"Payload of {acc_id:0a787ecb-4015,sf_id:baz}"`},
		{"AWS: a list in a string loses its quotes", `"<listmulti> x"`, `"[ACTIVE,INACTIVE] x"`},
		{"AWS: a bare list is embedded", `{"l":<listsingle>}`, `{"l":["HIGH"]}`},
		{"AWS: an absent value is an empty string", `{"c":<missing>}`, `{"c":""}`},
		{"AWS: an absent value in a string is nothing", `"a <missing>"`, `"a "`},
		{"AWS: lines of quoted text", "\"user <userId>\"\n\"list <listmulti>\"\n", "\"user 0a787ecb-4015\"\n\"list [ACTIVE,INACTIVE]\"\n"},
		{"a number keeps its spelling", `{"n":<count>,"s":"<count>"}`, `{"n":1.50e1,"s":"1.50e1"}`},
		{"true and null keep their kind", `[<yes>,<nothing>,"<yes> <nothing>"]`, `[true,null,"true null"]`},
		{"a string keeps its escapes", `{"t":<text>,"u":"<text>."}`, `{"t":"say \"hi\"\\\n\u00e9","u":"say \"hi\"\\\n\u00e9."}`},
		{"strings in an object keep their escapes and spaces", `"<nested>"`, `"{q:a \"b\",deep:[[1,2],{k:v w}]}"`},
		{"escaped quotes around a placeholder", `"is \"<userId>\""`, `"is \"0a787ecb-4015\""`},
		{"a template that is one placeholder", `<payload>`, `{"acc_id": "0a787ecb-4015", "sf_id": "baz"}`},
		{"the whole event by path", `<all>`, recordedEvent},
		{"< that begins no placeholder", `"1 < 2 > 0 <> <- <a b>"`, `"1 < 2 > 0 <> <- <a b>"`},
		{"no placeholder at all", `{"a":1}`, `{"a":1}`},
		{"rule name and arn", `{"r":<aws.events.rule-name>,"a":"<aws.events.rule-arn>"}`,
			`{"r":"update-account","a":"arn:aws:events:us-east-1:123456789012:rule/update-account"}`},
		{"ingestion time", `{"t":<aws.events.event.ingestion-time>}`, `{"t":"2022-01-01T01:01:02Z"}`},
		{"the event as JSON", `{"e":<aws.events.event.json>}`, `{"e":` + recordedEvent + `}`},
		{"the event without its detail", `{"e":<aws.events.event>}`,
			`{"e":{"version":"0","id":"e1","detailType":"core.app.backend","source":"core.update-account-command","account":"123456789012","time":"2022-01-01T01:01:01Z","region":"us-east-1","resources":["arn:a","arn:b"]}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustCompile(t, templateSpec(tt.template, "")).Apply(recordedInput())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTemplateRaw(t *testing.T) {
	tests := []struct {
		name, template, want string
		err                  error
	}{
		{"plain values are as without raw", `{"id":<userId>,"p":"u/<userId>","n":<count>}`, `{"id":"0a787ecb-4015","p":"u/0a787ecb-4015","n":1.50e1}`, nil},
		{"quotes are stripped", `"<payload> <listmulti>"`, `"{acc_id:0a787ecb-4015,sf_id:baz} [ACTIVE,INACTIVE]"`, nil},
		{"quotes within strings are stripped too", `"<nested>"`, `"{q:a b,deep:[[1,2],{k:v w}]}"`, nil},
		{"text lines may stop being JSON", "\"<text>\"\n\"b\"", "\"say \"hi\"\\\né\"\n\"b\"", nil},
		{"a quote breaks JSON", `{"t":"<text>"}`, "", ErrNotJSON},
		{"a bare string with a quote breaks JSON", `{"t":<text>}`, "", ErrNotJSON},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustCompile(t, templateSpec(tt.template, CompatRaw)).Apply(recordedInput())
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestInputPath(t *testing.T) {
	tests := []struct{ path, want string }{
		{"$", recordedEvent},
		{"$.detail.userId", `"0a787ecb-4015"`},
		{"$.detail-type", `"core.app.backend"`},
		{"$['detail-type']", `"core.app.backend"`},
		{`$.detail["unit price"]`, `9.90`},
		{"$.resources[1]", `"arn:b"`},
		{"$.detail.nested.deep[0][1]", `2`},
		{"$.detail.nested.deep[1].k", `"v w"`},
		{"$.detail.count", `1.50e1`},
		{"$.detail.nothing", `null`},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			got, err := mustCompile(t, Spec{InputPath: &tt.path}).Apply(recordedInput())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestInputPathAbsent(t *testing.T) {
	for _, path := range []string{"$.detail.missing", "$.resources[2]", "$.resources.a", "$.detail[0]", "$.detail.userId.x", "$.detail.nested.deep[0][9]"} {
		t.Run(path, func(t *testing.T) {
			got, err := mustCompile(t, Spec{InputPath: &path}).Apply(recordedInput())
			if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %q and error %v, want ErrAbsent with the path", got, err)
			}
		})
	}
}

func TestLookupRepeatedKeys(t *testing.T) {
	tests := []struct{ name, envelope, path, want string }{
		{"the last value counts", `{"a":1,"a":2}`, "$.a", `2`},
		{"also where it hides what an earlier one had", `{"a":{"b":1},"a":{}}`, "$.a.b", ``},
		{"an escaped key is the same key", `{"a":1,"\u0061":3}`, "$.a", `3`},
		{"space everywhere", " { \"a\" : [ 1 , { \"b\" : \"x\" } ] } ", "$.a[1].b", `"x"`},
		{"brackets in strings", `{"x":"}]{[\"","a":"]"}`, "$.a", `"]"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustCompile(t, Spec{InputPath: &tt.path}).Apply(Input{Envelope: []byte(tt.envelope)})
			if tt.want == "" && !errors.Is(err, ErrAbsent) || tt.want != "" && err != nil {
				t.Fatalf("error %v", err)
			}
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestBrokenEnvelope(t *testing.T) {
	specs := map[string]Spec{
		"path":     {InputPath: new("$.detail.a[1].b")},
		"template": {InputTransformer: &InputTransformer{InputPathsMap: map[string]string{"a": "$.detail.a"}, InputTemplate: `"<a>"`}},
		"event":    {InputTransformer: &InputTransformer{InputTemplate: `<aws.events.event>`}},
	}
	whole := `{"id":"e","detail":{"a":[1,{"b":"x\""}]}}`
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			tr := mustCompile(t, spec)
			for cut := range len(whole) {
				if got, err := tr.Apply(Input{Envelope: []byte(whole[:cut])}); err == nil {
					t.Fatalf("an envelope cut at byte %d gave %s", cut, got)
				}
			}
		})
	}
}

func TestConstantInput(t *testing.T) {
	for _, text := range []string{`{"a": 1}`, `"hello"`, `[1, 2]`, `null`, `1.0`} {
		t.Run(text, func(t *testing.T) {
			got, err := mustCompile(t, Spec{Input: &text}).Apply(recordedInput())
			if err != nil || string(got) != text {
				t.Errorf("got %s, error %v", got, err)
			}
		})
	}
}

func TestExpression(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"an object", `{"order": detail.userId, "n": len(detail.listmulti)}`, `{"n":2,"order":"0a787ecb-4015"}`},
		{"a string is a JSON string", `"user <" + detail.userId + ">"`, `"user <0a787ecb-4015>"`},
		{"a list", `map(detail.listmulti, lower(#))`, `["active","inactive"]`},
		{"nothing is null", `detail.nothing`, `null`},
		{"an absent field with a default", `detail.missing?.deeper ?? 0`, `0`},
		{"the envelope", `[id, detail_type, source, account, region, resources]`,
			`["e1","core.app.backend","core.update-account-command","123456789012","us-east-1",["arn:a","arn:b"]]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustCompile(t, Spec{Transform: &tt.source}).Apply(recordedInput())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestExpressionFails(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"a field of nothing", `detail.missing.deeper`, "transform: at byte 15: cannot fetch deeper from <nil>"},
		{"a result that is no JSON", `0 / 0.0`, "transform: the result cannot be written as JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mustCompile(t, Spec{Transform: &tt.source}).Apply(recordedInput())
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %s and error %v, want %q", got, err, tt.want)
			}
		})
	}
	t.Run("no event", func(t *testing.T) {
		if _, err := mustCompile(t, Spec{Transform: new("1")}).Apply(Input{}); err == nil {
			t.Error("no error without an event")
		}
	})
}

func TestCompileNothing(t *testing.T) {
	tr, err := Compile(Spec{TargetID: "t1"})
	if tr != nil || err != nil {
		t.Errorf("got %v, %v; want nil, nil", tr, err)
	}
}

func TestCompileErrors(t *testing.T) {
	tooMany := map[string]string{}
	for i := range MaxPaths + 1 {
		tooMany["k"+strings.Repeat("x", i)] = "$"
	}
	tr := func(template string, paths map[string]string) Spec {
		return Spec{TargetID: "t1", InputTransformer: &InputTransformer{InputPathsMap: paths, InputTemplate: template}}
	}
	tests := []struct {
		name   string
		spec   Spec
		offset int
		want   string
	}{
		{"two of them", Spec{Input: new("1"), InputPath: new("$")}, 0, "input_path: input_path stands beside input (a target takes only one"},
		{"template and expression", Spec{InputTransformer: &InputTransformer{}, Transform: new("1")}, 0, "transform: transform stands beside input_transformer"},
		{"input without quotes", Spec{Input: new("hello")}, 0, "input: not valid JSON: invalid character 'h'"},
		{"empty input", Spec{Input: new("")}, 0, "input: not valid JSON: unexpected end of JSON input"},
		{"input cut off", Spec{Input: new(`{"a":1, }`)}, 8, "input: not valid JSON: invalid character '}'"},
		{"input too long", Spec{Input: new(`"` + strings.Repeat("a", MaxInput) + `"`)}, MaxInput, "input: 8194 bytes long, over the limit of 8192"},
		{"input not UTF-8", Spec{Input: new("\"\xff\"")}, 0, "input: not valid UTF-8"},
		{"path without $", Spec{InputPath: new("detail.a")}, 0, "input_path: a path must begin with $"},
		{"empty path", Spec{InputPath: new("")}, 0, "input_path: a path must begin with $"},
		{"path with recursion", Spec{InputPath: new("$.detail..a")}, 9, "input_path: a key is missing after ."},
		{"path with half a wildcard", Spec{InputPath: new("$.detail.items[*.a")}, 15, "input_path: unexpected '*' (of wildcards only [*] is taken"},
		{"path with member wildcard", Spec{InputPath: new("$.detail.*")}, 9, "input_path: unexpected '*' (of wildcards only [*] is taken"},
		{"path with filter", Spec{InputPath: new("$.a[?(@.b)]")}, 4, "input_path: unexpected '?' (of wildcards only [*] is taken"},
		{"path with slice", Spec{InputPath: new("$.a[1:2]")}, 3, "input_path: [ is not closed by ]"},
		{"path with negative index", Spec{InputPath: new("$.a[-1]")}, 4, "input_path: unexpected '-'"},
		{"path with a huge index", Spec{InputPath: new("$.a[99999999999999999999]")}, 4, "input_path: the index is too large"},
		{"path with space", Spec{InputPath: new("$.unit price")}, 6, "input_path: unexpected ' ' (write a key with such characters in brackets"},
		{"path with open bracket", Spec{InputPath: new("$.a[")}, 4, "input_path: [ is not closed"},
		{"path with open quote", Spec{InputPath: new("$.a['b")}, 3, "input_path: the quoted key is not closed"},
		{"path with junk", Spec{InputPath: new("$detail")}, 1, "input_path: expected . or ["},
		{"path too long", Spec{InputPath: new("$." + strings.Repeat("a", MaxPath))}, MaxPath, "input_path: 258 bytes long, over the limit of 256"},
		{"unknown placeholder", tr(`{"a":<b>}`, nil), 5, "input_transformer.input_template: InputTemplate for target t1 contains invalid placeholder b. (add it to input_paths_map"},
		{"placeholder in another case", tr(`"<ID>"`, map[string]string{"id": "$.id"}), 1, "input_transformer.input_template: InputTemplate for target t1 contains invalid placeholder ID. (did you mean <id>?)"},
		{"unknown reserved placeholder", tr(`<aws.events.rule>`, nil), 0, "input_transformer.input_template: InputTemplate for target t1 contains invalid placeholder aws.events.rule. (the reserved ones are <aws.events.event>, "},
		{"event in a string", tr(`"x <aws.events.event>"`, nil), 3, "input_transformer.input_template: <aws.events.event> stands within a string (it can only be a whole JSON value"},
		{"event JSON in a string", tr(`{"a":"<aws.events.event.json>"}`, nil), 6, "input_transformer.input_template: <aws.events.event.json> stands within a string"},
		{"reserved key", tr(`1`, map[string]string{"AWS.x": "$"}), 0, "input_transformer.input_paths_map.AWS.x: a key must not begin with AWS."},
		{"key with a space", tr(`1`, map[string]string{"a b": "$"}), 0, "input_transformer.input_paths_map.a b: not a valid key"},
		{"empty key", tr(`1`, map[string]string{"": "$"}), 0, "input_transformer.input_paths_map.: not a valid key"},
		{"bad path in the map", tr(`<a>`, map[string]string{"a": "$.x["}), 4, "input_transformer.input_paths_map.a: [ is not closed"},
		{"too many paths", tr(`1`, tooMany), 0, "input_transformer.input_paths_map: 101 entries, over the limit of 100"},
		{"template too long", tr(`"`+strings.Repeat("a", MaxTemplate)+`"`, nil), MaxTemplate, "input_transformer.input_template: 8194 bytes long, over the limit of 8192"},
		{"empty template", tr(``, nil), 0, "input_transformer.input_template: not valid JSON: unexpected end"},
		{"text without quotes", tr(`order <a>`, map[string]string{"a": "$"}), 0, "input_transformer.input_template: not valid JSON: invalid character 'o' looking for beginning of value (a template is JSON, or text of which each line stands in double quotes"},
		{"one line without quotes", tr("\"a\"\nb", nil), 4, "input_transformer.input_template: not valid JSON: invalid character 'b' after top-level value"},
		{"a comma too many", tr(`{"a":<a>,}`, map[string]string{"a": "$"}), 9, "input_transformer.input_template: not valid JSON: invalid character '}'"},
		{"a placeholder beside a digit", tr(`{"a":1<a>}`, map[string]string{"a": "$"}), 6, "input_transformer.input_template: not valid JSON"},
		{"a placeholder after a minus", tr(`-<a>`, map[string]string{"a": "$"}), 1, "input_transformer.input_template: not valid JSON"},
		{"two placeholders side by side", tr(`[<a><a>]`, map[string]string{"a": "$"}), 4, "input_transformer.input_template: not valid JSON"},
		{"a bare placeholder as key", tr(`{<a>:1}`, map[string]string{"a": "$"}), 1, "input_transformer.input_template: not valid JSON"},
		{"a placeholder in a key", tr(`{"x-<a>" : 1}`, map[string]string{"a": "$"}), 4, "input_transformer.input_template: <a> stands in the key of an object"},
		{"a placeholder after a backslash", tr(`"\<a>"`, map[string]string{"a": "$"}), 2, "input_transformer.input_template: not valid JSON"},
		{"compat", Spec{InputTransformer: &InputTransformer{InputTemplate: "1", Compat: "aws"}}, 0, `input_transformer.compat: unknown value "aws" (the only value is "raw"`},
		{"expression with unknown name", Spec{Transform: new("{a: detial.total}")}, 4, "transform: unknown name detial (did you mean \"detail\"?)"},
		{"expression of the wrong type", Spec{Transform: new("id + 1")}, 3, "transform: invalid operation: + (mismatched types string and int)"},
		{"expression that is cut off", Spec{Transform: new("{a: ")}, 3, "transform: the expression ends too early"},
		{"expression with a clock", Spec{Transform: new("now()")}, 0, "transform: unknown name now (an expression sees no clock"},
		{"expression after text beyond ASCII", Spec{Transform: new(`"äö" + idd`)}, 9, "transform: unknown name idd"},
		{"empty expression", Spec{Transform: new(" \n")}, 0, "transform: the expression is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Compile(tt.spec)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v is no *Error", err)
			}
			if !strings.HasPrefix(got.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got.Offset != tt.offset {
				t.Errorf("offset %d, want %d", got.Offset, tt.offset)
			}
		})
	}
}

func TestCompileReportsAllErrors(t *testing.T) {
	_, err := Compile(Spec{TargetID: "t1", InputTransformer: &InputTransformer{
		InputPathsMap: map[string]string{"a": "x", "b c": "$"},
		InputTemplate: `{"p":<p>,"q":"<q>"}`,
		Compat:        "old",
	}})
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("error %v is no Errors", err)
	}
	if len(all) != 5 {
		t.Errorf("%d errors, want 5:\n%v", len(all), all)
	}
	if n := strings.Count(err.Error(), "\n"); n != 4 {
		t.Errorf("the text has %d lines, want one for each error:\n%v", n+1, err)
	}
}

func TestApplyDoesNotShareTheEnvelope(t *testing.T) {
	in := recordedInput()
	got, err := mustCompile(t, Spec{InputPath: new("$.detail.userId")}).Apply(in)
	if err != nil {
		t.Fatal(err)
	}
	clear(in.Envelope)
	if string(got) != `"0a787ecb-4015"` {
		t.Errorf("the body changed with the envelope: %q", got)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{"a":<v>,"b":"x <v> y"}`, `{"k":["a","b\"\\"],"n":1e5}`)
	f.Add(`"<v>"`, `"\u0022\n"`)
	f.Add(`[<v>,"<missing>",<missing>]`, `null`)
	f.Add(`{"e":<aws.events.event>,"j":<aws.events.event.json>}`, `{"a":1,"a":2}`)
	f.Add(`"\\<v>"`, `-0.0`)
	f.Add(`"\ud83d<v>"`, `"\ude00"`)
	f.Add("\"<v>\"\n\"<v>\"", `[[],{}]`)
	f.Add(`"<aws.events.rule-name>"`, `true`)
	f.Fuzz(func(t *testing.T, text, value string) {
		tr, err := Compile(Spec{InputTransformer: &InputTransformer{
			InputPathsMap: map[string]string{"v": "$.detail.v", "missing": "$.detail.none[3]"},
			InputTemplate: text,
		}})
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || e.Reason == "" || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("error without reason or place: %#v", err)
			}
			return
		}
		envelope := `{"version":"0","detail-type":"T","source":"s","detail":{"v":` + value + `}}`
		if !json.Valid([]byte(envelope)) || !json.Valid([]byte(value)) {
			// The door lets no such event in; it must only not crash.
			_, _ = tr.Apply(Input{Envelope: []byte(envelope)})
			return
		}
		got, err := tr.Apply(Input{Envelope: []byte(envelope), RuleName: `r"\` + "\n"})
		if err != nil {
			t.Fatalf("Apply(%s) of %s: %v", text, value, err)
		}
		if tr.renderer.(*template).isJSON && !json.Valid(got) {
			t.Errorf("template %s with value %s rendered to %s, which is not JSON", text, value, got)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"$", "$.a.b", "$['a'][0]", `$["x\"y"]`, "$..a", "$[*]"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := parsePath(path)
		if err == nil {
			var n node
			n.add(steps, 0)
			return
		}
		if err.Reason == "" || err.Offset < 0 || err.Offset > len(path) {
			t.Errorf("path %q: error without reason or place: %#v", path, err)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	specs := []struct {
		name string
		spec Spec
	}{
		{"input_path", Spec{InputPath: new("$.detail")}},
		{"template", templateSpec(`{"user":<userId>,"text":"<command> of <userId>: <listmulti>","payload":<payload>}`, "")},
		{"template-raw", templateSpec(`{"user":<userId>,"text":"<command> of <userId>: <listmulti>","payload":<payload>}`, CompatRaw)},
		{"event.json", templateSpec(`{"rule":<aws.events.rule-name>,"event":<aws.events.event.json>}`, "")},
		{"expr", Spec{Transform: new(`{"user": detail.userId, "n": len(detail.listmulti)}`)}},
	}
	for _, s := range specs {
		b.Run(s.name, func(b *testing.B) {
			tr, in := mustCompile(b, s.spec), recordedInput()
			b.ReportAllocs()
			b.SetBytes(int64(len(in.Envelope)))
			for b.Loop() {
				if _, err := tr.Apply(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

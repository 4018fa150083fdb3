package transform

import "testing"

func TestLint(t *testing.T) {
	paths := map[string]string{"bucket": "$.detail.bucket"}
	tests := []struct {
		name, template string
		paths          map[string]string
		want           string
	}{
		{"all is used", `{"value":<bucket>}`, paths, ""},
		{"an escaped placeholder", `{"value":"\u003cbucket\u003e"}`, paths,
			`input_transformer.input_template: \u003cbucket\u003e is text, and no placeholder (write <bucket>)`},
		{"in upper case", `{"value":"\u003Cbucket\u003E"}`, paths,
			`input_transformer.input_template: \u003Cbucket\u003E is text, and no placeholder (write <bucket>)`},
		{"half escaped, as HTML, and reserved", `{"a":"\u003cbucket>","b":"&lt;aws.events.rule-name&gt;"}`, paths,
			`input_transformer.input_template: \u003cbucket> is text, and no placeholder (write <bucket>)` + "\n" +
				`input_transformer.input_template: &lt;aws.events.rule-name&gt; is text, and no placeholder (write <aws.events.rule-name>)`},
		{"HTML that is meant", `{"text":"\u003cb\u003e<bucket>\u003c/b\u003e"}`, paths, ""},
		{"a path without a placeholder", `{"value":1}`, paths,
			`input_transformer.input_paths_map.bucket: is not used (remove it, or write <bucket> in the template)`},
		{"lines of text", "\"a\"\n\"b <bucket>\"", map[string]string{"bucket": "$.detail.bucket", "other": "$.id"},
			`input_transformer.input_paths_map.other: is not used (remove it, or write <other> in the template)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			compiled, err := Compile(Spec{InputTransformer: &InputTransformer{InputPathsMap: tt.paths, InputTemplate: tt.template}})
			if err != nil {
				t.Fatal(err)
			}
			if got := compiled.Lint().Error(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	text := "$.detail"
	if compiled, err := Compile(Spec{InputPath: &text}); err != nil || compiled.Lint() != nil {
		t.Errorf("a path has doubts: %v, %v", compiled.Lint(), err)
	}
}

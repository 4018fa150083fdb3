package serve

import (
	"testing"

	"signalbox/rules"
	"signalbox/rules/pattern"
)

func TestSampleIsOfARuleThatAsksForLittle(t *testing.T) {
	rule := func(state rules.State, text string) *rules.Rule {
		p, err := pattern.Parse([]byte(text), pattern.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return &rules.Rule{Bus: rules.DefaultBus, State: state, Pattern: p}
	}
	tests := []struct {
		name  string
		rules []*rules.Rule
		want  string
	}{
		{"none", nil, "example.app SomethingHappened"},
		{"only a disabled one", []*rules.Rule{rule(rules.Disabled, `{"source":["a"]}`)}, "example.app SomethingHappened"},
		{"the one without a detail", []*rules.Rule{
			rule(rules.Enabled, `{"source":["a"],"detail":{"n":[1]}}`), rule(rules.Enabled, `{"source":["b"],"detail-type":[{"prefix":"P"},"T"]}`),
		}, "b T"},
		{"the first, if all ask for a detail", []*rules.Rule{
			rule(rules.Enabled, `{"source":["a"],"detail":{"n":[1]}}`), rule(rules.Enabled, `{"source":["b"],"detail":{"n":[1]}}`),
		}, "a SomethingHappened"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, detailType := sample(&rules.Set{Rules: tt.rules})
			if got := source + " " + detailType; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

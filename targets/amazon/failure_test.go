package amazon

import (
	"maps"
	"testing"

	"signalbox/targets/targetstest"
)

// TestErrorPage: what docs/errors.md says of answers is what becomes of them.
func TestErrorPage(t *testing.T) {
	want := map[string]string{}
	for _, c := range codes {
		want[c.part] = c.code
	}
	got := targetstest.ErrorAnswers(t, "sqs, sns")
	if !maps.Equal(got, want) {
		t.Errorf("the page has %v, the code %v", got, want)
	}
	for answer, code := range got {
		if is := codeOf(answer, false); is != code {
			t.Errorf("%s is %s, on the page %s", answer, is, code)
		}
	}
}

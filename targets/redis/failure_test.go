package redis

import (
	"maps"
	"testing"

	"signalbox/targets/targetstest"
)

// TestErrorPage: what docs/errors.md says of answers is what becomes of them.
func TestErrorPage(t *testing.T) {
	want := map[string]string{}
	for _, c := range codes {
		want[c.begin] = c.code
	}
	if got := targetstest.ErrorAnswers(t, "redis"); !maps.Equal(got, want) {
		t.Errorf("the page has %v, the code %v", got, want)
	}
}

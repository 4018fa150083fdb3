package remote

import (
	"strings"
	"testing"
)

func FuzzHeaderText(f *testing.F) {
	f.Add("a b")
	f.Add("größer\r\nX: 1")
	f.Fuzz(func(t *testing.T, text string) {
		got := headerText(text)
		if !validHeaderValue(got) || strings.ContainsFunc(got, func(r rune) bool { return r > '~' }) {
			t.Errorf("headerText(%q) = %q", text, got)
		}
	})
}

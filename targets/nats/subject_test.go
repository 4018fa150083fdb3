package nats

import (
	"fmt"
	"strings"
	"testing"
)

func FuzzParseSubject(f *testing.F) {
	for _, seed := range []string{"a.b", "{source}.x", "a.{rule}", ".", "{", "a..b", "$SYS.x"} {
		f.Add(seed, "shop.orders")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		s, err := parseSubject(text)
		if err != nil {
			return
		}
		got := s.render(func(string) string { return value })
		if got == "" || strings.Contains("."+got+".", "..") || strings.ContainsAny(got, " \t\r\n*>") {
			t.Errorf("%s", fmt.Sprintf("subject %q with %q = %q", text, value, got))
		}
	})
}

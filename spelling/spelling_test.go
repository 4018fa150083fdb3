package spelling

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	known := []string{"detail-type", "numeric", "prefix", "max_age", "a", "id"}
	tests := []struct{ written, want string }{
		{"numerc", "numeric"},
		{"nuemric", "numeric"},
		{"Prefix", "prefix"},
		{"detailType", "detail-type"},
		{"detail_typ", "detail-type"},
		{"maxAge", "max_age"},
		{"b", "a"},
		{"", "a"},
		{"suffix", ""},
		{"wildcard", ""},
		{strings.Repeat("numeric", 1000), ""},
	}
	for _, tt := range tests {
		t.Run(tt.written, func(t *testing.T) {
			want := ""
			if tt.want != "" {
				want = ` (did you mean "` + tt.want + `"?)`
			}
			if got := Suggest(tt.written, known); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("of nothing, %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

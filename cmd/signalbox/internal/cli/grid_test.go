package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestGridFitsATerminal(t *testing.T) {
	tests := []struct {
		width int
		left  string
		want  string
	}{
		{0, "", "ID    TARGET     EVENT\nid-1  warehouse  ev-ü-1\n"},
		{23, "", "ID    TARGET     EVENT\nid-1  warehouse  ev-ü-1\n"},
		{22, "EVENT", "ID    TARGET\nid-1  warehouse\n"},
		{10, "EVENT TARGET", "ID\nid-1\n"},
		{1, "EVENT TARGET", "ID\nid-1\n"},
	}
	for _, tt := range tests {
		g := NewGrid("ID", "TARGET", "EVENT")
		g.Less = []string{"EVENT", "TARGET"}
		g.Row("id-1", "warehouse", "ev-ü-1")
		left := g.fit(tt.width)
		var out strings.Builder
		if err := g.print(&out); err != nil || out.String() != tt.want || !slices.Equal(left, strings.Fields(tt.left)) {
			t.Errorf("%d wide: %v without %q\n%swant\n%s", tt.width, err, left, out.String(), tt.want)
		}
	}
}

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
		if err := g.print(&out, false); err != nil || out.String() != tt.want || !slices.Equal(left, strings.Fields(tt.left)) {
			t.Errorf("%d wide: %v without %q\n%swant\n%s", tt.width, err, left, out.String(), tt.want)
		}
	}
}

// A column of text gets the room that the others leave.
func TestGridCutsText(t *testing.T) {
	g := NewGrid("TARGET", "STATE", "WHY", "DEAD")
	g.Text, g.Less = "WHY", []string{"DEAD"}
	g.Row("warehouse", "open", "the server refused the connection, as nothing listens there", 12)
	g.Row("log", "ok", "", 0)
	var out strings.Builder
	left := g.fit(53)
	if err := g.print(&out, false); err != nil || len(left) != 1 {
		t.Error(err, left)
	}
	want := "TARGET     STATE  WHY\nwarehouse  open   the server refused the connection,…\nlog        ok\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestGridColours(t *testing.T) {
	g := NewGrid("TARGET", "STATE")
	g.Row("open", "open")
	g.Row("console", "ok")
	var out strings.Builder
	if err := g.print(&out, true); err != nil {
		t.Error(err)
	}
	if want := "TARGET   STATE\nopen     \x1b[31mopen\x1b[0m\nconsole  \x1b[32mok\x1b[0m\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

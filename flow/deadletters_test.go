package flow

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

const withLetters = targets + `
  - {name: one, pattern: {detail-type: [A]}, targets: [{target: Order, id: X, emits: [B], dead_letter: trail}, {target: Inventory, dead_letter: trail}]}
  - {name: two, pattern: {detail-type: [B]}, targets: [{target: trail, dead_letter: Order}]}
`

// TestDeadLetterEdges: each form of the graph shows where dead letters go, as it shows nothing else.
func TestDeadLetterEdges(t *testing.T) {
	g := load(t, withLetters).Graph()
	for _, e := range []Edge{
		{From: "action:default/one/X", To: "dead-letters:trail", DeadLetter: true}, {From: "action:default/one/Inventory", To: "dead-letters:trail", DeadLetter: true},
		{From: "action:default/two/trail", To: "dead-letters:Order", DeadLetter: true},
	} {
		if !slices.Contains(g.Edges, e) {
			t.Errorf("no edge %+v in %+v", e, g.Edges)
		}
	}
	var svg, dot, mermaid, text bytes.Buffer
	if err := errors.Join(WriteSVG(&svg, g), WriteDOT(&dot, g), WriteMermaid(&mermaid, g), WriteGraphJSON(&text, g)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		out  *bytes.Buffer
		want []string
	}{
		"svg":     {&svg, []string{`stroke-dasharray="5 3" marker-end="url(#dead)"><title>action:default/one/X → dead-letters:trail (dead letters)</title>`, ">dead letters</text>"}},
		"dot":     {&dot, []string{`"action:default/one/X" -> "dead-letters:trail" [color="#9a6700", style="dashed", label="dead letters"];`, `"action:default/one/X" -> "type:B" [color="#57606a"];`}},
		"mermaid": {&mermaid, []string{"n3 -. dead letters .-> n4\n", `n4[["trail: dead letters"]]`}},
		"json":    {&text, []string{"\"to\": \"dead-letters:trail\",\n      \"dead_letter\": true\n"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.out.String(), want) {
				t.Errorf("%s lacks %s:\n%s", name, want, c.out)
			}
		}
	}
	for _, n := range g.Nodes {
		if n.InCycle {
			t.Errorf("%s is said to be in a cycle", n.ID) // what can't be delivered either plans nothing more
		}
	}
}

// TestDeadLettersFolded: folded, a target is one node, whether it gets events or dead letters.
func TestDeadLettersFolded(t *testing.T) {
	g := load(t, withLetters).Graph()
	for _, folded := range []*Graph{g.Fold(false), g.Fold(true)} {
		for _, e := range []Edge{{From: "target:Order", To: "target:trail", DeadLetter: true}, {From: "target:Inventory", To: "target:trail", DeadLetter: true}, {From: "target:trail", To: "target:Order", DeadLetter: true}} {
			if !slices.Contains(folded.Edges, e) {
				t.Errorf("no edge %+v in %+v", e, folded.Edges)
			}
		}
		if _, err := Draw(folded); err != nil {
			t.Error(err)
		}
	}
	if nodes, _ := ids(g.Of("Inventory")); !slices.Contains(nodes, "dead-letters:trail") {
		t.Errorf("what comes of Inventory is %q", nodes)
	}
}

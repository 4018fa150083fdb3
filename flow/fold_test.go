package flow

import (
	"slices"
	"testing"
)

const many = targets + `
  - {name: one, pattern: {detail-type: [A]}, targets: [{target: Order, id: X, emits: [B]}, {target: trail, id: Y}]}
  - {name: two, pattern: {detail-type: [A]}, targets: [{target: Order, id: Z}]}
  - {name: three, state: shadow, pattern: {detail-type: [B]}, targets: [Inventory]}
`

// ids are the nodes of a graph, and its edges.
func ids(g *Graph) (nodes, edges []string) {
	for _, n := range g.Nodes {
		nodes = append(nodes, n.ID)
	}
	for _, e := range g.Edges {
		edges = append(edges, e.From+" "+e.To)
	}
	slices.Sort(nodes)
	slices.Sort(edges)
	return nodes, edges
}

func TestFold(t *testing.T) {
	g := load(t, many).Graph()
	for name, tc := range map[string]struct {
		graph        *Graph
		nodes, edges []string
	}{
		"targets": {
			g.Fold(false),
			[]string{"rule:default/one", "rule:default/three", "rule:default/two", "target:Inventory", "target:Order", "target:trail", "type:A", "type:B"},
			[]string{
				"rule:default/one target:Order", "rule:default/one target:trail", "rule:default/three target:Inventory", "rule:default/two target:Order",
				"target:Order type:B", "type:A rule:default/one", "type:A rule:default/two", "type:B rule:default/three",
			},
		},
		"rules": {
			g.Fold(true),
			[]string{"rule:default/one", "rule:default/three", "rules:Order", "target:Inventory", "target:Order", "target:trail", "type:A", "type:B"},
			[]string{
				"rule:default/one target:trail", "rule:default/three target:Inventory", "rules:Order target:Order", "target:Order type:B",
				"type:A rule:default/one", "type:A rules:Order", "type:B rule:default/three",
			},
		},
		"of a target": {
			g.Of("trail"),
			[]string{"action:default/one/Y", "rule:default/one", "type:A"},
			[]string{"rule:default/one action:default/one/Y", "type:A rule:default/one"},
		},
		"of none": {g.Of("nobody").Fold(true), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, edges := ids(tc.graph)
			if !slices.Equal(nodes, tc.nodes) || !slices.Equal(edges, tc.edges) {
				t.Errorf("got %q\n%q\nwant %q\n%q", nodes, edges, tc.nodes, tc.edges)
			}
		})
	}
	for _, n := range g.Fold(true).Nodes {
		if n.ID == "rules:Order" && (!slices.Equal(n.Rules, []RuleRef{{"default", "one"}, {"default", "two"}}) || n.Lines[0] != "2 rules") {
			t.Errorf("the rules of Order are %+v", n)
		}
		if n.ID == "rule:default/three" && n.Mark != MarkShadow {
			t.Errorf("a shadow rule is %+v", n)
		}
	}
}

// TestDrawing: what is drawn lies within the picture, and edges have their middle between their ends.
func TestDrawing(t *testing.T) {
	for _, text := range []string{shop, circle, many, "rules: []\n"} {
		g := load(t, text, shopTypes()...).Graph().Fold(true)
		d, err := Draw(g)
		if err != nil || len(d.Nodes) != len(g.Nodes) || len(d.Edges) != len(g.Edges) {
			t.Fatalf("%+v, %v", d, err)
		}
		for i, p := range d.Nodes {
			if p.X < 0 || p.Y < 0 || p.X+p.Width > d.Width || p.Y+p.Height > d.Height || len(p.Bases) == 0 || p.Bases[0] < p.Y || p.Bases[len(p.Bases)-1] > p.Y+p.Height {
				t.Errorf("%s lies at %+v of %v × %v", g.Nodes[i].ID, p, d.Width, d.Height)
			}
		}
		for i, l := range d.Edges {
			if l.Path == "" || l.X <= 0 || l.X >= d.Width || l.Y <= 0 || l.Y >= d.Height {
				t.Errorf("%+v is drawn as %+v", g.Edges[i], l)
			}
		}
	}
}

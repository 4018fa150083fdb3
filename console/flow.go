package console

import (
	"net/http"
	"slices"

	"signalbox/api/client"
	"signalbox/flow"
)

// How many nodes there may be with a node for each rule, before rules are folded by target, and
// how many are drawn at all: a picture of more can't be read.
const (
	mostUnfolded = 50
	mostDrawn    = 250
)

// flowView is what the page of the flow shows.
type flowView struct {
	Rows  []flow.Row
	Types []client.Type
	// Targets are those that may be chosen, and Target the one that is: the picture is of it alone.
	Targets []string
	Target  string
	// Fold is how rules are to be drawn: by "target", "none" each by itself, or empty; Folded
	// is how they are.
	Fold   string
	Folded bool
	Nodes  int
	// Picture is nil where there are no nodes, or too many.
	Picture *flowPicture
	Edges   []flowEdge
	// MoreRows and MoreEdges are how many are not shown.
	MoreRows, MoreEdges int
}

func loadFlow(v *visit) (any, error) {
	f, err := v.api.Rules.Flow(v.ctx(), false)
	if err != nil {
		return nil, err
	}
	x := flowView{Rows: f.Rows, Target: v.q("target"), Fold: v.q("fold")}
	if x.Types, err = v.api.Catalog.List(v.ctx()); err != nil {
		return nil, err
	}
	for _, n := range f.Graph.Nodes {
		if n.Target != "" {
			x.Targets = append(x.Targets, n.Target)
		}
	}
	slices.Sort(x.Targets)
	x.Targets = slices.Compact(x.Targets)
	state, err := v.flowState()
	if err != nil {
		return nil, err
	}
	g := x.fold(f.Graph)
	x.Nodes, x.Edges = len(g.Nodes), state.edges(g)
	if x.Nodes > 0 && x.Nodes <= mostDrawn {
		x.Picture, err = v.drawings.draw(g, state, x.Edges)
	}
	x.MoreRows, x.MoreEdges = max(0, len(x.Rows)-rulesShown), max(0, len(x.Edges)-rulesShown)
	x.Rows, x.Edges = x.Rows[:len(x.Rows)-x.MoreRows], x.Edges[:len(x.Edges)-x.MoreEdges]
	return x, err
}

// fold returns the graph as it is drawn.
func (x *flowView) fold(g *flow.Graph) *flow.Graph {
	if x.Target != "" {
		g = g.Of(x.Target)
	}
	each := g.Fold(false)
	if x.Folded = x.Fold == "target" || x.Fold != "none" && len(each.Nodes) > mostUnfolded; x.Folded {
		return g.Fold(true)
	}
	return each
}

// picture serves the graph as an image: what stands in it can't run there.
func (c *Console) picture(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if v.locked() {
		v.askForKey()
		return
	}
	f, err := v.api.Rules.Flow(v.ctx(), true)
	if err != nil {
		v.fail(err)
		return
	}
	w.Header().Set("Content-Type", assetTypes[".svg"])
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
	_, _ = w.Write([]byte(f.SVG)) // a viewer who has gone misses nothing
}

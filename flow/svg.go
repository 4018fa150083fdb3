package flow

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/nulab/autog"
	"github.com/nulab/autog/graph"

	"signalbox/event"
)

// The measures of the drawing, in pixels.
const (
	charWidth  = 7.3 // of the widest usual letters at fontSize
	fontSize   = 12
	lineHeight = 16
	padding    = 12
	margin     = 24
	layerGap   = 44
	nodeGap    = 22
	backShift  = 9  // of edges that lead back, so that they meet no arrow that comes in
	partGap    = 44 // between parts that are not tied to each other
	legendRoom = 46
)

// box is where a node stands.
type box struct{ x, y, w, h float64 }

// hexagon returns the points of the outline of a rule.
func (at box) hexagon() string {
	const cut = 9
	return fmt.Sprintf("%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f",
		at.x+cut, at.y, at.x+at.w-cut, at.y, at.x+at.w, at.y+at.h/2, at.x+at.w-cut, at.y+at.h, at.x+cut, at.y+at.h, at.x, at.y+at.h/2)
}

// base returns where the line of a text in a box stands, of so many.
func (at box) base(line, lines int) float64 {
	return at.y + at.h/2 - float64(lines-1)*lineHeight/2 + fontSize*0.35 + float64(line)*lineHeight
}

// size is how much room a node's text takes.
func (n Node) size() (w, h float64) {
	lines := n.lines()
	for _, line := range lines {
		w = max(w, float64(len([]rune(line)))*charWidth)
	}
	return w + 2*padding, float64(len(lines))*lineHeight + padding
}

func (n Node) lines() []string {
	lines := slices.Clone(n.Lines)
	if n.Kind != "" && n.Kind != event.KindEvent {
		lines = append(lines, string(n.Kind))
	}
	if n.Mark != "" {
		lines = append(lines, "("+n.Mark+")")
	}
	return lines
}

// WriteSVG draws the graph from left to right.
func WriteSVG(w io.Writer, g *Graph) error {
	boxes, lines, err := place(g, layerGap)
	if err != nil {
		return err
	}
	width, height := extent(boxes, lines)
	width, height = max(width+2*margin, 720), height+2*margin+legendRoom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="ui-sans-serif, system-ui, sans-serif" font-size="%d">`+"\n", width, height, width, height, fontSize)
	fmt.Fprintf(&b, `<defs>%s%s%s</defs>`+"\n", arrow("line", colourLine), arrow("cycle", colourCycle), arrow("dead", colourDead))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	legend(&b)
	fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", margin, margin+legendRoom)
	for i, e := range g.Edges {
		drawEdge(&b, e, lines[i])
	}
	for i, n := range g.Nodes {
		drawNode(&b, n, boxes[i])
	}
	b.WriteString("</g>\n</svg>\n")
	_, err = io.WriteString(w, b.String())
	return err
}

// extent returns how far to the right and down a layout goes.
func extent(boxes []box, lines [][][2]float64) (width, height float64) {
	for _, b := range boxes {
		width, height = max(width, b.x+b.w), max(height, b.y+b.h)
	}
	for _, points := range lines {
		for _, p := range points {
			width, height = max(width, p[0]), max(height, p[1])
		}
	}
	return width, height
}

// place lays the graph out: a box for each node, and the points of each edge, with a gap between
// layers in pixels. The library draws from top to bottom, so width and height change places.
func place(g *Graph, gap float64) (boxes []box, lines [][][2]float64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the graph can't be laid out (%v): write it with --output dot and let Graphviz draw it", p)
		}
	}()
	p := &placing{index: map[string]int{}, sizes: map[string]graph.Size{}, boxes: make([]box, len(g.Nodes)), points: map[[2]string][][2]float64{}, gap: gap}
	for i, n := range g.Nodes {
		w, h := n.size()
		p.index[n.ID], p.sizes[n.ID], p.boxes[i] = i, graph.Size{W: h, H: w}, box{w: w, h: h}
	}
	for _, edges := range g.components() {
		p.place(edges)
	}
	lines = make([][][2]float64, len(g.Edges))
	for i, e := range g.Edges {
		lines[i] = p.points[[2]string{e.From, e.To}]
	}
	placeAlone(g, p.boxes)
	return p.boxes, lines, nil
}

// placing is a layout under way.
type placing struct {
	index  map[string]int // of nodes, by id
	sizes  map[string]graph.Size
	boxes  []box
	points map[[2]string][][2]float64 // of edges, by their ends
	bottom float64
	gap    float64 // between layers
}

// place lays out one part of the graph below the others. The library can lay out all
// of them at once, but then in an order that changes from run to run.
func (p *placing) place(edges []Edge) {
	source := make(graph.EdgeSlice, len(edges))
	for i, e := range edges {
		source[i] = []string{e.From, e.To}
	}
	layout := autog.Layout(source, autog.WithNodeSize(p.sizes), autog.WithLayerSpacing(p.gap), autog.WithNodeSpacing(nodeGap),
		autog.WithCycleBreaking(autog.CycleBreakingDepthFirst), autog.WithPositioning(autog.PositioningSinkColoring),
		autog.WithEdgeRouting(autog.EdgeRoutingPolyline))
	top := p.bottom
	for _, n := range layout.Nodes {
		b := &p.boxes[p.index[n.ID]]
		b.x, b.y = n.Y, n.X+top
		p.bottom = max(p.bottom, b.y+b.h+partGap)
	}
	for _, e := range layout.Edges {
		points := make([][2]float64, len(e.Points))
		for i, at := range e.Points {
			points[i] = [2]float64{at[1], at[0] + top}
		}
		if e.ArrowHeadStart { // turned round to break a cycle: it leads back
			slices.Reverse(points)
			for i := range points {
				points[i][1] += backShift
			}
		}
		p.points[[2]string{e.FromID, e.ToID}] = points
	}
}

// placeAlone puts the nodes without edges in rows below the others.
func placeAlone(g *Graph, boxes []box) {
	tied := map[string]bool{}
	for _, e := range g.Edges {
		tied[e.From], tied[e.To] = true, true
	}
	bottom := 0.0
	for i, n := range g.Nodes {
		if tied[n.ID] {
			bottom = max(bottom, boxes[i].y+boxes[i].h+nodeGap)
		}
	}
	x := 0.0
	for i, n := range g.Nodes {
		if tied[n.ID] {
			continue
		}
		if b := &boxes[i]; x > 0 && x+b.w > 1000 {
			x, bottom = 0, bottom+b.h+nodeGap
		}
		boxes[i].x, boxes[i].y = x, bottom
		x += boxes[i].w + nodeGap
	}
}

func arrow(id, colour string) string {
	return fmt.Sprintf(`<marker id="%s" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="%s"/></marker>`, id, colour)
}

// drawEdge draws a line through its points, with the corners rounded off.
func drawEdge(b *strings.Builder, e Edge, points [][2]float64) {
	if len(points) < 2 {
		return
	}
	marker, width, title, dash := "line", 1.2, e.From+" → "+e.To, ""
	switch {
	case e.InCycle:
		marker, width = "cycle", 2
	case e.DeadLetter:
		marker, title, dash = "dead", title+" ("+deadLetters+")", ` stroke-dasharray="5 3"`
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="%.1f"%s marker-end="url(#%s)"><title>%s</title></path>`+"\n",
		curve(points), e.stroke(), width, dash, marker, html.EscapeString(title))
}

// curve is the path through the points of an edge.
func curve(points [][2]float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", points[0][0], points[0][1])
	for i := 1; i < len(points)-1; i++ {
		p, next := points[i], points[i+1]
		end := [2]float64{(p[0] + next[0]) / 2, (p[1] + next[1]) / 2}
		if i == len(points)-2 {
			end = next
		}
		fmt.Fprintf(&b, " Q%.1f %.1f %.1f %.1f", p[0], p[1], end[0], end[1])
	}
	if len(points) == 2 {
		// A curve that leaves and arrives level is easier to follow than a slant.
		from, to := points[0], points[1]
		half := (from[0] + to[0]) / 2
		fmt.Fprintf(&b, " C%.1f %.1f %.1f %.1f %.1f %.1f", half, from[1], half, to[1], to[0], to[1])
	}
	return b.String()
}

func drawNode(b *strings.Builder, n Node, at box) {
	dash := ""
	if n.Mark != "" {
		dash = ` stroke-dasharray="5 3"`
	}
	width := 1.2
	if n.InCycle {
		width = 2
	}
	style := fmt.Sprintf(`fill="%s" stroke="%s" stroke-width="%.1f"%s`, n.fill(), n.stroke(), width, dash)
	fmt.Fprintf(b, `<g><title>%s</title>%s`, html.EscapeString(n.label()), outline(n.Shape, at, style))
	lines := n.lines()
	for i, line := range lines {
		weight := ""
		if n.Shape == Action && i == 0 {
			weight = ` font-weight="600"`
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#1f2328"%s>%s</text>`, at.x+at.w/2, at.base(i, len(lines)), weight, html.EscapeString(line))
	}
	b.WriteString("</g>\n")
}

// outline is the shape of a node.
func outline(s Shape, at box, style string) string {
	switch s {
	case Producer:
		return fmt.Sprintf(`<ellipse cx="%.1f" cy="%.1f" rx="%.1f" ry="%.1f" %s/>`, at.x+at.w/2, at.y+at.h/2, at.w/2, at.h/2, style)
	case RuleNode:
		return fmt.Sprintf(`<polygon points="%s" %s/>`, at.hexagon(), style)
	case Action:
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>`, at.x, at.y, at.w, at.h, style)
	}
	return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8" %s/>`, at.x, at.y, at.w, at.h, style)
}

// legend explains what shapes and colours mean.
func legend(b *strings.Builder) {
	x := float64(margin)
	for _, n := range []Node{
		{Lines: []string{"producer"}, Shape: Producer},
		{Lines: []string{"message"}, Shape: Message},
		{Lines: []string{"rule"}, Shape: RuleNode},
		{Lines: []string{"target: action"}, Shape: Action},
		{Lines: []string{"in a cycle"}, Shape: Message, InCycle: true},
		{Lines: []string{"dead end, or not consumed"}, Shape: Message, Mark: " "},
	} {
		mark := n.Mark
		n.Mark = ""
		w, h := n.size()
		n.Mark = mark
		at := box{x, margin / 2, w, h}
		dash := ""
		if n.Mark != "" {
			dash = ` stroke-dasharray="5 3"`
		}
		b.WriteString(outline(n.Shape, at, fmt.Sprintf(`fill="%s" stroke="%s"%s`, n.fill(), n.stroke(), dash)))
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#1f2328">%s</text>`+"\n", at.x+at.w/2, at.y+at.h/2+fontSize*0.35, n.Lines[0])
		x += w + 14
	}
}

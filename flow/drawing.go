package flow

// Drawing is where the nodes and edges of a graph stand, from left to right, in pixels.
type Drawing struct {
	Width, Height float64
	Nodes         []Place // in the order of the graph
	Edges         []Line
}

// Place is where a node stands, and where each line of its text does.
type Place struct {
	X, Y, Width, Height float64
	// Middle is that of the texts, Bases are their lines.
	Middle float64
	Bases  []float64
	// Hexagon has the points of the outline of a rule.
	Hexagon string
}

// Line is the path of an edge, and its middle.
type Line struct {
	Path string
	X, Y float64
}

// roomForText is the gap between layers where edges have texts, in pixels.
const roomForText = 96

// Draw lays a graph out with room for texts at the edges.
func Draw(g *Graph) (*Drawing, error) {
	boxes, lines, err := place(g, roomForText)
	if err != nil {
		return nil, err
	}
	width, height := extent(boxes, lines)
	d := &Drawing{Width: width + 2*margin, Height: height + 2*margin}
	for i, b := range boxes {
		b.x, b.y = b.x+margin, b.y+margin
		p := Place{X: b.x, Y: b.y, Width: b.w, Height: b.h, Middle: b.x + b.w/2, Hexagon: b.hexagon()}
		n := len(g.Nodes[i].lines())
		for line := range n {
			p.Bases = append(p.Bases, b.base(line, n))
		}
		d.Nodes = append(d.Nodes, p)
	}
	for _, points := range lines {
		for i := range points {
			points[i][0], points[i][1] = points[i][0]+margin, points[i][1]+margin
		}
		l := Line{}
		if len(points) > 1 {
			l.Path = curve(points)
			a, b := points[(len(points)-1)/2], points[len(points)/2]
			if len(points)%2 == 1 {
				a = b
			}
			l.X, l.Y = (a[0]+b[0])/2, (a[1]+b[1])/2
		}
		d.Edges = append(d.Edges, l)
	}
	return d, nil
}

package flow

// components splits the edges into parts that are not tied to each other, each in the
// order of the graph. Self-loops tie nothing, and have their node's part.
func (g *Graph) components() [][]Edge {
	next := map[string][]string{}
	for _, e := range g.Edges {
		next[e.From] = append(next[e.From], e.To)
		next[e.To] = append(next[e.To], e.From)
	}
	part := map[string]int{}
	var parts [][]Edge
	for _, e := range g.Edges {
		if part[e.From] == 0 {
			parts = append(parts, nil)
			spread(e.From, len(parts), next, part)
		}
		at := part[e.From] - 1
		parts[at] = append(parts[at], e)
	}
	return parts
}

// spread numbers all nodes that can be reached from one.
func spread(from string, number int, next map[string][]string, part map[string]int) {
	part[from] = number
	for open := []string{from}; len(open) > 0; {
		node := open[len(open)-1]
		open = open[:len(open)-1]
		for _, n := range next[node] {
			if part[n] == 0 {
				part[n] = number
				open = append(open, n)
			}
		}
	}
}

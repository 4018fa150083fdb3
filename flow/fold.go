package flow

import (
	"fmt"
	"slices"
)

// Of returns the part of the graph that leads to a target, and what comes of it.
func (g *Graph) Of(target string) *Graph {
	back, on := map[string][]string{}, map[string][]string{}
	for _, e := range g.Edges {
		back[e.To], on[e.From] = append(back[e.To], e.From), append(on[e.From], e.To)
	}
	kept := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Shape == Action && n.Target == target {
			reach(n.ID, back, kept)
			for _, next := range on[n.ID] {
				kept[next] = true
			}
		}
	}
	return g.only(kept)
}

// reach adds all that can be reached from a node.
func reach(from string, next map[string][]string, seen map[string]bool) {
	for open := []string{from}; len(open) > 0; {
		node := open[len(open)-1]
		if open = open[:len(open)-1]; !seen[node] {
			seen[node] = true
			open = append(open, next[node]...)
		}
	}
}

// only returns the nodes that are kept, and the edges between them.
func (g *Graph) only(kept map[string]bool) *Graph {
	part := &Graph{}
	for _, n := range g.Nodes {
		if kept[n.ID] {
			part.Nodes = append(part.Nodes, n)
		}
	}
	for _, e := range g.Edges {
		if kept[e.From] && kept[e.To] {
			part.Edges = append(part.Edges, e)
		}
	}
	return part
}

// Fold returns the graph with one node for each target. With rules, the rules that send to a
// target are one node too: a rule that sends to several targets is in the node of each.
func (g *Graph) Fold(rules bool) *Graph {
	f := folding{node: map[string]int{}, drawn: map[Edge]bool{}, to: map[string][]string{}, of: map[string]Node{}}
	for _, n := range g.Nodes {
		f.of[n.ID] = n
	}
	for _, e := range g.Edges {
		if from, to := f.of[e.From], f.of[e.To]; from.Shape == RuleNode && to.Shape == Action && !slices.Contains(f.to[from.ID], to.Target) {
			f.to[from.ID] = append(f.to[from.ID], to.Target)
		}
	}
	if rules {
		f.rules()
	}
	for _, n := range g.Nodes {
		for _, id := range f.ids(n.ID) {
			f.add(id, n)
		}
	}
	for _, e := range g.Edges {
		f.edge(e)
	}
	for i := range f.Nodes {
		if n := &f.Nodes[i]; len(n.Rules) > 1 {
			n.Lines = []string{fmt.Sprintf("%d rules", len(n.Rules))}
		}
	}
	return &f.Graph
}

// folding is a graph being folded.
type folding struct {
	Graph
	of     map[string]Node     // of the graph before, by id
	to     map[string][]string // the targets of a rule, by its node
	folded bool
	alone  map[string]bool // targets to which one rule sends
	node   map[string]int
	drawn  map[Edge]bool
}

// rules folds rules by target.
func (f *folding) rules() {
	f.folded, f.alone = true, map[string]bool{}
	senders := map[string]int{}
	for _, targets := range f.to {
		for _, t := range targets {
			senders[t]++
		}
	}
	for t, n := range senders {
		f.alone[t] = n == 1
	}
}

// ids are the nodes that a node becomes.
func (f *folding) ids(id string) (all []string) {
	n := f.of[id]
	switch {
	case n.Shape == Action:
		return []string{"target:" + n.Target}
	case n.Shape == RuleNode && f.folded:
		for _, t := range f.to[id] {
			if one := f.ruleID(id, t); !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
		return all
	}
	return []string{id}
}

// ruleID is the node that a rule has before a target.
func (f *folding) ruleID(id, target string) string {
	if !f.folded || f.alone[target] {
		return id
	}
	return "rules:" + target
}

func (f *folding) add(id string, n Node) {
	at, known := f.node[id]
	if !known {
		f.node[id] = len(f.Nodes)
		n.ID = id
		if n.Shape == Action {
			n.Lines = []string{n.Target}
		}
		n.Rules = slices.Clone(n.Rules)
		f.Nodes = append(f.Nodes, n)
		return
	}
	f.Nodes[at].InCycle = f.Nodes[at].InCycle || n.InCycle
	if f.Nodes[at].Mark != n.Mark {
		f.Nodes[at].Mark = "" // it is of one of them only
	}
	f.Nodes[at].Rules = append(f.Nodes[at].Rules, n.Rules...) // each node is of another rule
}

// edge adds what an edge becomes.
func (f *folding) edge(e Edge) {
	from, to := f.ids(e.From), f.ids(e.To)
	if t := f.of[e.To]; t.Shape == Action && f.of[e.From].Shape == RuleNode {
		from = []string{f.ruleID(e.From, t.Target)}
	}
	for _, a := range from {
		for _, b := range to {
			if x := (Edge{From: a, To: b, DeadLetter: e.DeadLetter}); !f.drawn[x] {
				f.drawn[x] = true
				x.InCycle = e.InCycle
				f.Edges = append(f.Edges, x)
			}
		}
	}
}

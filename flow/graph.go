package flow

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/event"
)

// Shape is what a node of the graph stands for.
type Shape int

// The shapes: who produces, what is said, which rule takes it, and who acts.
const (
	Producer Shape = iota
	Message
	RuleNode
	Action
)

// shapeNames are what the shapes are called in JSON.
var shapeNames = []string{Producer: "producer", Message: "message", RuleNode: "rule", Action: "action"}

// MarshalText returns the name of the shape.
func (s Shape) MarshalText() ([]byte, error) { return []byte(shapeNames[s]), nil }

// UnmarshalText reads the name of a shape.
func (s *Shape) UnmarshalText(text []byte) error {
	at := slices.Index(shapeNames, string(text))
	if at < 0 {
		return fmt.Errorf("unknown shape %q", text)
	}
	*s = Shape(at)
	return nil
}

// MarkShadow is the mark of a rule that matches and sends nothing.
const MarkShadow = "shadow"

// Node is a node of the graph.
type Node struct {
	ID    string `json:"id"`
	Shape Shape  `json:"shape"`
	// Lines are its label.
	Lines []string   `json:"label"`
	Kind  event.Kind `json:"kind,omitempty"` // of a Message
	// Mark is what is remarkable: "dead end", "not consumed", "shadow".
	Mark string `json:"mark,omitempty"`
	// InCycle means that the node leads back to itself.
	InCycle bool `json:"in_cycle,omitempty"`
	// Rules are the rules that a RuleNode stands for, Target is whom an Action stands for.
	Rules  []RuleRef `json:"rules,omitempty"`
	Target string    `json:"target,omitempty"`
}

// RuleRef names a rule.
type RuleRef struct {
	Bus  string `json:"bus"`
	Name string `json:"name"`
}

// Edge leads from one node to another.
type Edge struct {
	From    string `json:"from"`
	To      string `json:"to"`
	InCycle bool   `json:"in_cycle,omitempty"`
	// DeadLetter means that what can't be delivered goes this way.
	DeadLetter bool `json:"dead_letter,omitempty"`
}

// Graph is the flow as nodes and edges, in a fixed order.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Graph draws producers, messages, rules, actions, and the messages that those
// emit. Each action is a node of its own: a service that acts on many messages is
// not a crossroads. A target of dead letters is one node.
func (f *Flow) Graph() *Graph {
	g := &Graph{Nodes: []Node{}, Edges: []Edge{}}
	known := map[string]bool{}
	node := func(n Node) string {
		if !known[n.ID] {
			known[n.ID] = true
			g.Nodes = append(g.Nodes, n)
		}
		return n.ID
	}
	drawn := map[Edge]bool{}
	add := func(e Edge) {
		if !drawn[e] {
			drawn[e] = true
			g.Edges = append(g.Edges, e)
		}
	}
	edge := func(from, to string) { add(Edge{From: from, To: to}) }
	names := f.names()
	for _, name := range names {
		to := node(f.message(name))
		for _, source := range f.sources(name) {
			edge(node(Node{ID: "source:" + source, Lines: []string{source}, Shape: Producer}), to)
		}
	}
	for i := range f.Steps {
		s := &f.Steps[i]
		rule := node(s.rule())
		action := node(Node{ID: "action:" + s.Bus + "/" + s.Rule + "/" + s.Action, Lines: actionLines(s), Shape: Action, Target: s.Service})
		edge(rule, action)
		for _, name := range names {
			if !s.AnyInput && s.takes(name) {
				edge("type:"+name, rule)
			}
		}
		if s.AnyInput {
			edge(node(Node{ID: "any", Lines: []string{"any message"}, Shape: Message}), rule)
		}
		for _, wider := range s.Wider {
			edge(node(Node{ID: "wider:" + wider, Lines: []string{wider}, Shape: Message}), rule)
		}
		for _, name := range s.Outputs {
			edge(action, "type:"+name)
		}
		if to := s.DeadLetter; to != "" {
			add(Edge{From: action, To: node(Node{ID: "dead-letters:" + to, Lines: []string{to, deadLetters}, Shape: Action, Target: to}), DeadLetter: true})
		}
	}
	g.markCycles()
	return g
}

// deadLetters is what is written where dead letters go.
const deadLetters = "dead letters"

// rule is the node of a step's rule.
func (s *Step) rule() Node {
	n := Node{ID: "rule:" + s.Bus + "/" + s.Rule, Lines: []string{s.Rule}, Shape: RuleNode, Rules: []RuleRef{{s.Bus, s.Rule}}}
	if s.Shadow {
		n.Mark = MarkShadow
	}
	return n
}

func actionLines(s *Step) []string {
	if s.Action == s.Service {
		return []string{s.Service}
	}
	return []string{s.Service, s.Action}
}

// message is the node of a type.
func (f *Flow) message(name string) Node {
	t := f.Types[name]
	n := Node{ID: "type:" + name, Lines: []string{name}, Shape: Message, Kind: t.Kind}
	switch {
	case f.consumed(name) || t.Final:
	case len(f.producers(name)) > 0:
		n.Mark = "dead end" // a step emits it, and nothing goes on with it
	default:
		n.Mark = "not consumed"
	}
	return n
}

// sources are where a type comes from outside: as declared, else as the rules
// that take it name their sources.
func (f *Flow) sources(name string) (all []string) {
	if t := f.Types[name]; len(t.Sources) > 0 {
		return t.Sources
	}
	if len(f.producers(name)) > 0 {
		return nil
	}
	for _, s := range f.Steps {
		if slices.Contains(s.Inputs, name) {
			all = append(all, s.Sources...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// markCycles marks what leads back to itself: the strongly connected parts with
// more than one node, by Tarjan's algorithm (SIAM J. Comput. 1, 1972).
func (g *Graph) markCycles() {
	next := map[string][]string{}
	for _, e := range g.Edges {
		next[e.From] = append(next[e.From], e.To)
	}
	index, low, part := map[string]int{}, map[string]int{}, map[string]int{}
	size := map[int]int{}
	var stack []string
	var visit func(v string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v] = index[v]
		stack = append(stack, v)
		for _, w := range next[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if part[w] == 0 {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] != index[v] {
			return
		}
		for n := index[v]; ; {
			w := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			part[w] = n
			size[n]++
			if w == v {
				return
			}
		}
	}
	for _, n := range g.Nodes {
		if index[n.ID] == 0 {
			visit(n.ID)
		}
	}
	for i := range g.Nodes {
		g.Nodes[i].InCycle = size[part[g.Nodes[i].ID]] > 1
	}
	for i, e := range g.Edges {
		g.Edges[i].InCycle = part[e.From] == part[e.To] && size[part[e.From]] > 1
	}
}

// label is a node's text in one line.
func (n Node) label() string {
	text := strings.Join(n.Lines, ": ")
	if n.Mark != "" {
		text = fmt.Sprintf("%s (%s)", text, n.Mark)
	}
	return text
}

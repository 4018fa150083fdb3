package flow

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The colours of the graph; the shape says the same for those who don't see them.
const (
	colourCycle  = "#cf222e"
	colourDead   = "#9a6700"
	colourLine   = "#57606a"
	colourType   = "#ddf4ff"
	colourRule   = "#f6f8fa"
	colourAction = "#dafbe1"
	colourSource = "#fff8c5"
)

func (n Node) fill() string {
	return map[Shape]string{Producer: colourSource, Message: colourType, RuleNode: colourRule, Action: colourAction}[n.Shape]
}

// stroke is the colour of a node's border.
func (n Node) stroke() string {
	switch {
	case n.InCycle:
		return colourCycle
	case n.Mark != "":
		return colourDead
	}
	return colourLine
}

func (e Edge) stroke() string {
	switch {
	case e.InCycle:
		return colourCycle
	case e.DeadLetter:
		return colourDead
	}
	return colourLine
}

// WriteDOT writes the graph in the language of Graphviz.
func WriteDOT(w io.Writer, g *Graph) error {
	var b strings.Builder
	b.WriteString("digraph signalbox {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11, style=filled];\n")
	shapes := map[Shape]string{Producer: "ellipse", Message: "box", RuleNode: "hexagon", Action: "component"}
	for _, n := range g.Nodes {
		style := ""
		if n.Mark != "" {
			style = `, style="filled,dashed"`
		}
		fmt.Fprintf(&b, "  %s [label=%s, shape=%s, fillcolor=%q, color=%q%s];\n",
			strconv.Quote(n.ID), strconv.Quote(n.label()), shapes[n.Shape], n.fill(), n.stroke(), style)
	}
	for _, e := range g.Edges {
		style := ""
		if e.DeadLetter {
			style = `, style="dashed", label=` + strconv.Quote(deadLetters)
		}
		fmt.Fprintf(&b, "  %s -> %s [color=%q%s];\n", strconv.Quote(e.From), strconv.Quote(e.To), e.stroke(), style)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMermaid writes the graph as a Mermaid flowchart.
func WriteMermaid(w io.Writer, g *Graph) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	brackets := map[Shape][2]string{Producer: {"([", "])"}, Message: {"[", "]"}, RuleNode: {"{{", "}}"}, Action: {"[[", "]]"}}
	number := map[string]int{}
	var cycles, marked []string
	for i, n := range g.Nodes {
		number[n.ID] = i
		fmt.Fprintf(&b, "  n%d%s\"%s\"%s\n", i, brackets[n.Shape][0], mermaidText(n.label()), brackets[n.Shape][1])
		switch {
		case n.InCycle:
			cycles = append(cycles, fmt.Sprintf("n%d", i))
		case n.Mark != "":
			marked = append(marked, fmt.Sprintf("n%d", i))
		}
	}
	var red []string
	for i, e := range g.Edges {
		arrow := "-->"
		if e.DeadLetter {
			arrow = "-. " + deadLetters + " .->"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", number[e.From], arrow, number[e.To])
		if e.InCycle {
			red = append(red, strconv.Itoa(i))
		}
	}
	for _, class := range []struct {
		name, style string
		nodes       []string
	}{{"cycle", "stroke:" + colourCycle + ",stroke-width:2px", cycles}, {"mark", "stroke:" + colourDead + ",stroke-dasharray:4", marked}} {
		if len(class.nodes) > 0 {
			fmt.Fprintf(&b, "  classDef %s %s\n  class %s %s\n", class.name, class.style, strings.Join(class.nodes, ","), class.name)
		}
	}
	if len(red) > 0 {
		fmt.Fprintf(&b, "  linkStyle %s stroke:%s\n", strings.Join(red, ","), colourCycle)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText is a text between the quotes of a Mermaid label, where quotes and
// what begins an entity are written as entities.
func mermaidText(text string) string {
	return strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "&lt;", ">", "&gt;", "\n", " ").Replace(text)
}

package console

import (
	"encoding/json"
	"strings"
	"sync"

	"signalbox/flow"
)

// flowPicture is the graph as it is drawn.
type flowPicture struct {
	Width, Height float64
	Nodes         []drawnNode
	Edges         []drawnEdge
}

// drawnNode is a node; Shape is its class, and Title what is told of it in one line.
type drawnNode struct {
	flow.Place
	Shape, Tone, Title, Link string
	Texts                    []drawnText
}

// Round is the radius of a pill's ends.
func (n drawnNode) Round() float64 { return n.Height / 2 }

type drawnText struct {
	Y    float64
	Text string
	Note bool
}

// drawnEdge is an edge, with a figure above and a fault below its middle.
type drawnEdge struct {
	flow.Line
	Tone, Title, Rate, Fault string
}

// Above and Below are where the texts of an edge stand.
func (e drawnEdge) Above() float64 { return e.Y - 5 }
func (e drawnEdge) Below() float64 { return e.Y + 13 }

// nodeLetters is how many letters of a name a node shows.
const nodeLetters = 32

// noteRoom is as wide as what is told below a name becomes.
const noteRoom = "0,000 matched/s, shadow"

// drawings keeps how graphs are laid out, which takes long: a picture is made anew each second
// while it is looked at. The zero value is ready.
type drawings struct {
	mu  sync.Mutex
	all map[string]*flow.Drawing
}

// mostDrawings bounds what is kept.
const mostDrawings = 32

func (d *drawings) of(g *flow.Graph) (*flow.Drawing, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.all[string(text)]; known != nil {
		return known, nil
	}
	drawing, err := flow.Draw(g)
	if err != nil {
		return nil, err
	}
	if d.all == nil || len(d.all) >= mostDrawings {
		d.all = map[string]*flow.Drawing{}
	}
	d.all[string(text)] = drawing
	return drawing, nil
}

// draw returns the picture of a graph in its state.
func (d *drawings) draw(g *flow.Graph, s *flowState, figures []flowEdge) (*flowPicture, error) {
	drawing, err := d.of(shortened(g))
	if err != nil {
		return nil, err
	}
	p := &flowPicture{Width: drawing.Width, Height: drawing.Height}
	for i := range g.Nodes {
		p.Nodes = append(p.Nodes, s.node(&g.Nodes[i], drawing.Nodes[i]))
	}
	of := map[[2]string]flowEdge{}
	for _, e := range figures {
		of[[2]string{e.From, e.To}] = e
	}
	for i, e := range g.Edges {
		x := drawnEdge{Line: drawing.Edges[i], Title: e.From + " → " + e.To}
		if e.DeadLetter {
			x.Tone, x.Title = "letters", x.Title+" (dead letters)"
		}
		if f, ok := of[[2]string{e.From, e.To}]; ok {
			x.Rate, x.Tone, x.Fault = rate(f.Delivered.Last)+"/s", f.Tone, f.Fault
		}
		p.Edges = append(p.Edges, x)
	}
	return p, nil
}

// shortened returns a graph with names as long as they are shown, and room for what is told
// below them.
func shortened(g *flow.Graph) *flow.Graph {
	short := &flow.Graph{Edges: g.Edges}
	for _, n := range g.Nodes {
		n.Lines = append([]string{}, n.Lines...)
		for i := range n.Lines {
			n.Lines[i] = cut(n.Lines[i], nodeLetters)
		}
		if n.Shape == flow.RuleNode || n.Shape == flow.Action {
			n.Mark = noteRoom
		}
		short.Nodes = append(short.Nodes, n)
	}
	return short
}

// cut returns a text of at most so many letters.
func cut(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// node returns a node as it is drawn.
func (s *flowState) node(n *flow.Node, at flow.Place) drawnNode {
	x := drawnNode{Place: at, Shape: []string{flow.Producer: "producer", flow.Message: "message", flow.RuleNode: "rule", flow.Action: "target"}[n.Shape]}
	var notes []string
	switch n.Shape {
	case flow.Producer:
		x.Link = link("events", "source", n.Lines[0])
	case flow.Message:
		if n.Kind != "" {
			x.Link = link("events", "detail_type", n.Lines[0])
		}
		if kind := string(n.Kind); kind != "" && kind != "event" {
			notes = append(notes, kind)
		}
	case flow.RuleNode:
		notes = append(notes, rate(s.matched(n))+" matched/s")
		x.Link = link("flow", "target", strings.TrimPrefix(n.ID, "rules:"), "fold", "none")
		if len(n.Rules) == 1 {
			x.Link = ruleLink(n.Rules[0].Bus, n.Rules[0].Name)
		}
	case flow.Action:
		var note string
		if note, x.Tone = s.fault(n.Target, true); note != "" {
			notes = append(notes, note)
		}
		x.Link = link("target", "name", n.Target)
	}
	switch {
	case n.Mark == flow.MarkShadow:
		notes, x.Tone = []string{notes[0] + ", shadow"}, "late"
	case n.Mark != "":
		notes, x.Tone = append(notes, "("+n.Mark+")"), "late"
	}
	x.write(n.Lines, notes)
	return x
}

// write puts texts into a node, in the middle of the room that there is.
func (n *drawnNode) write(lines, notes []string) {
	n.Title = strings.Join(append(append([]string{}, lines...), notes...), ", ")
	all := len(lines) + len(notes)
	down := (n.Bases[len(n.Bases)-1] + n.Bases[0] - (n.Bases[min(all, len(n.Bases))-1] + n.Bases[0])) / 2
	for i, text := range append(append([]string{}, lines...), notes...) {
		n.Texts = append(n.Texts, drawnText{n.Bases[min(i, len(n.Bases)-1)] + down, cut(text, nodeLetters), i >= len(lines)})
	}
}

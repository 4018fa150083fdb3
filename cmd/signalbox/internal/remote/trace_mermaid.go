package remote

import (
	"fmt"
	"strings"

	"signalbox/journal"
	"signalbox/trace"
)

// mermaidOf is a trace as a flowchart in Mermaid's language: events are round,
// targets are boxes, and the arrows between them are rules.
func mermaidOf(t *trace.Trace) string {
	g := mermaid{events: map[string]string{}}
	g.line("flowchart LR")
	for _, root := range t.Roots {
		g.event(root)
	}
	g.line("  classDef dead stroke:#c00,stroke-width:3px")
	g.line("  classDef waiting stroke:#c80,stroke-dasharray:4")
	for _, note := range t.Notes {
		g.line("  %%%% %s", note)
	}
	return g.b.String()
}

type mermaid struct {
	b strings.Builder
	// events are the names of events, by their ids and when they came.
	events map[string]string
	boxes  int
}

func (g *mermaid) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }

// event draws an event and what came of it, unless that is drawn elsewhere, and gives
// the name of its node.
func (g *mermaid) event(e *trace.Event) string {
	name := g.node(e)
	if e.Elsewhere {
		return name
	}
	for _, s := range e.Evaluations {
		g.boxes++
		g.line("  %s -.-> n%d[%s]", name, g.boxes, mermaidText(evaluationText(s)))
	}
	for _, d := range e.Deliveries {
		g.delivery(name, d)
	}
	for _, next := range e.Derived {
		g.line("  %s --> %s", name, g.event(next))
	}
	return name
}

// node draws an event's own node, once.
func (g *mermaid) node(e *trace.Event) string {
	key := e.ID + e.Received.String()
	if name, drawn := g.events[key]; drawn {
		return name
	}
	name := fmt.Sprintf("e%d", len(g.events))
	g.events[key] = name
	g.line("  %s([%s])", name, mermaidText(e.DetailType+"<br/>"+e.ID))
	return name
}

func (g *mermaid) delivery(from string, d *trace.Delivery) {
	g.boxes++
	box := fmt.Sprintf("d%d", g.boxes)
	class := ""
	switch d.State {
	case journal.TouchDead:
		class = ":::dead"
	case journal.TouchWaiting, journal.TouchReady, journal.TouchParked, journal.TouchHeld:
		class = ":::waiting"
	}
	g.line("  %s -->|%s| %s[%s]%s", from, mermaidText(d.Rule), box, mermaidText(d.Target+"<br/>"+stateText(d)), class)
	for _, next := range d.Derived {
		g.line("  %s --> %s", box, g.event(next))
	}
}

// mermaidText quotes a label; what would end it, or begin an entity, is written
// as Mermaid's own entity.
func mermaidText(text string) string {
	text = strings.NewReplacer(`"`, "#quot;", "#", "#35;", "\n", " ").Replace(text)
	return `"` + text + `"`
}

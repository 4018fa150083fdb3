package flow

import (
	"encoding/json"
	"io"
	"slices"

	"signalbox/event"
)

// WriteJSON writes the table for programs: a list of objects, one for each row.
func WriteJSON(w io.Writer, rows []Row) error {
	out := append([]Row{}, rows...)
	for i := range out { // [] and not null where there are none
		out[i].Inputs = append([]string{}, out[i].Inputs...)
		out[i].Outputs = append([]string{}, out[i].Outputs...)
	}
	return writeJSON(w, out)
}

// shapeNames are what the shapes are called in JSON.
var shapeNames = map[Shape]string{Producer: "producer", Message: "message", RuleNode: "rule", Action: "action"}

type (
	jsonGraph struct {
		Nodes []jsonNode `json:"nodes"`
		Edges []jsonEdge `json:"edges"`
	}
	jsonNode struct {
		ID      string     `json:"id"`
		Shape   string     `json:"shape"`
		Label   []string   `json:"label"`
		Kind    event.Kind `json:"kind,omitempty"`
		Mark    string     `json:"mark,omitempty"`
		InCycle bool       `json:"in_cycle,omitempty"`
	}
	jsonEdge struct {
		From    string `json:"from"`
		To      string `json:"to"`
		InCycle bool   `json:"in_cycle,omitempty"`
	}
)

// WriteGraphJSON writes the graph for programs: its nodes, and its edges, which
// name nodes by their ids.
func WriteGraphJSON(w io.Writer, g *Graph) error {
	out := jsonGraph{Nodes: []jsonNode{}, Edges: []jsonEdge{}}
	for _, n := range g.Nodes {
		out.Nodes = append(out.Nodes, jsonNode{ID: n.ID, Shape: shapeNames[n.Shape], Label: slices.Clone(n.Lines), Kind: n.Kind, Mark: n.Mark, InCycle: n.InCycle})
	}
	for _, e := range g.Edges {
		out.Edges = append(out.Edges, jsonEdge(e))
	}
	return writeJSON(w, out)
}

func writeJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

package flow

import (
	"encoding/json"
	"io"
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

// WriteGraphJSON writes the graph for programs: its nodes, and its edges, which
// name nodes by their ids.
func WriteGraphJSON(w io.Writer, g *Graph) error {
	return writeJSON(w, g)
}

func writeJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

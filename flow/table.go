package flow

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode"

	"signalbox/event"
)

// Row is one line of the event design table.
type Row struct {
	API     string   `json:"api,omitempty"`
	Inputs  []string `json:"inputs"`
	Service string   `json:"service"`
	Action  string   `json:"action"`
	Outputs []string `json:"outputs"`
	Notes   string   `json:"notes,omitempty"`
}

// Header names the columns of the table.
var Header = []string{"API (sync)", "Input Events", "Service", "Action", "Output Events", "Notes"}

// Table returns a row for each step: what it takes, who acts on it and how, and what
// comes of it. A command is an API; a type that comes from outside has its sources beside
// it, and one that ends its story is marked (END).
func (f *Flow) Table() []Row {
	rows := make([]Row, 0, len(f.Steps))
	for _, s := range f.Steps {
		r := Row{Service: s.Service, Action: s.Action, Notes: s.Description}
		for _, name := range s.Inputs {
			if f.Types[name].asks() {
				r.API = strings.TrimPrefix(r.API+", "+name, ", ")
			}
			r.Inputs = append(r.Inputs, f.input(name))
		}
		r.Inputs = append(r.Inputs, s.Wider...)
		if s.AnyInput {
			r.Inputs = []string{"(any)"}
		}
		for _, name := range s.Outputs {
			if f.Types[name].Final {
				name += " (END)"
			}
			r.Outputs = append(r.Outputs, name)
		}
		rows = append(rows, r)
	}
	return rows
}

// asks reports whether messages of a type call an API: they have one handler.
func (t Type) asks() bool { return t.Kind == event.KindCommand || t.Kind == event.KindQuery }

// input is a type as the table shows it: one that no step emits comes from the
// sources that are declared for it.
func (f *Flow) input(name string) string {
	t := f.Types[name]
	if len(t.Sources) == 0 || t.asks() || len(f.producers(name)) > 0 {
		return name
	}
	return name + " (from " + strings.Join(t.Sources, ", ") + ")"
}

// cells are the row's texts, with lists joined.
func (r Row) cells(separator string) []string {
	return []string{r.API, strings.Join(r.Inputs, separator), r.Service, r.Action, strings.Join(r.Outputs, separator), r.Notes}
}

// WriteMarkdown writes the table as Markdown, with columns as wide as they need.
func WriteMarkdown(w io.Writer, rows []Row) error {
	lines := [][]string{Header}
	for _, r := range rows {
		lines = append(lines, r.cells(" "))
	}
	width := make([]int, len(Header))
	for _, line := range lines {
		for i, cell := range line {
			line[i] = markdown(cell)
			width[i] = max(width[i], len([]rune(line[i])))
		}
	}
	rule := make([]string, len(Header))
	for i := range rule {
		rule[i] = strings.Repeat("-", width[i])
	}
	for _, line := range slices.Insert(lines, 1, rule) {
		var b strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", width[i]-len([]rune(cell))))
		}
		if _, err := fmt.Fprintf(w, "%s|\n", b.String()); err != nil {
			return err
		}
	}
	return nil
}

// marks are the characters that mean something else than themselves in a cell of
// Markdown; an underscore within a word does not.
const marks = "\\|<[`*&~"

// markdown returns a text that is shown as it is in a cell of a Markdown table.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range oneLine(text) {
		if strings.ContainsRune(marks, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// oneLine returns a text with blanks for its control characters.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// formula reports whether a program for tables would run a cell, or take it for one
// that guards against that.
func formula(cell string) bool { return cell != "" && strings.ContainsRune("=+-@\t\r'", rune(cell[0])) }

// WriteCSV writes the table as CSV (RFC 4180). A cell that a program for tables would
// run as a formula begins with an apostrophe.
func WriteCSV(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	all := [][]string{Header}
	for _, r := range rows {
		cells := r.cells(" ")
		for i, cell := range cells {
			if cells[i] = oneLine(cell); formula(cell) {
				cells[i] = "'" + cells[i]
			}
		}
		all = append(all, cells)
	}
	return c.WriteAll(all)
}

var page = template.Must(template.New("table").Funcs(template.FuncMap{
	"ends": func(output string) bool { return strings.HasSuffix(output, " (END)") },
}).Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Event design table</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c2430; background: #fff; }
h1 { font-size: 1.3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem; border-bottom: 1px solid #dde3ea; }
th { background: #f2f5f8; position: sticky; top: 0; }
td div { white-space: nowrap; }
.end { color: #1a7f37; }
@media (prefers-color-scheme: dark) {
  body { color: #dbe2ea; background: #12171e; } th { background: #1c242e; } th, td { border-color: #2c3744; } .end { color: #57c77a; }
}
</style>
<h1>Event design table</h1>
<div class="wide"><table>
<thead><tr>{{range .Header}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>
{{range .Rows}}<tr><td>{{.API}}</td><td>{{range .Inputs}}<div>{{.}}</div>{{end}}</td><td>{{.Service}}</td><td>{{.Action}}</td><td>{{range .Outputs}}<div{{if ends .}} class="end"{{end}}>{{.}}</div>{{end}}</td><td>{{.Notes}}</td></tr>
{{end}}</tbody>
</table></div>
</html>
`))

// WriteHTML writes the table as a page that needs nothing else.
func WriteHTML(w io.Writer, rows []Row) error {
	return page.Execute(w, struct {
		Header []string
		Rows   []Row
	}{Header, rows})
}

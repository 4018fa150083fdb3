package flow

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"signalbox/spelling"
)

// Drift is one difference between a written table and the rules.
type Drift struct {
	// Line is where the written row stands, 0 for a row that is not written.
	Line int `json:"line,omitempty"`
	// Message is what differs.
	Message string `json:"message"`
}

func (d Drift) String() string {
	if d.Line == 0 {
		return d.Message
	}
	return fmt.Sprintf("line %d: %s", d.Line, d.Message)
}

// written is a row of a table that people wrote.
type written struct {
	line int
	Row
}

// Compare finds where a table that people wrote, in Markdown or CSV, differs from
// the rows of the rules. Rows belong together by service and action; their order
// does not matter, nor does that of the types in a cell, nor the notes.
func Compare(text []byte, rows []Row) ([]Drift, error) {
	table, err := read(string(text))
	if err != nil {
		return nil, err
	}
	var drift []Drift
	left := slices.Clone(rows)
	for _, w := range table {
		i := closest(w.Row, left)
		if i < 0 {
			drift = append(drift, Drift{w.line, fmt.Sprintf("no rule has %s do %s on %s", w.Service, w.Action, strings.Join(w.Inputs, ", "))})
			continue
		}
		for _, difference := range w.differences(left[i]) {
			drift = append(drift, Drift{w.line, fmt.Sprintf("%s, %s: %s", w.Service, w.Action, difference)})
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, r := range left {
		drift = append(drift, Drift{0, fmt.Sprintf("the table lacks a row: %s does %s on %s", r.Service, r.Action, strings.Join(r.Inputs, ", "))})
	}
	return drift, nil
}

// closest finds the row of the same service and action, best with the same inputs,
// else the one where the action is only spelt otherwise; -1 if there is none.
func closest(w Row, rows []Row) int {
	same := func(r Row) bool { return r.Service == w.Service && r.Action == w.Action }
	if i := slices.IndexFunc(rows, func(r Row) bool { return same(r) && sameSet(r.Inputs, w.Inputs) }); i >= 0 {
		return i
	}
	if i := slices.IndexFunc(rows, same); i >= 0 {
		return i
	}
	return slices.IndexFunc(rows, func(r Row) bool {
		return r.Service == w.Service && sameSet(r.Inputs, w.Inputs) && spelling.Distance(r.Action, w.Action) <= maxSlip
	})
}

// maxSlip is how many letters two spellings of an action may differ by.
const maxSlip = 2

func (w written) differences(r Row) (all []string) {
	note := func(column, written, rules string) {
		all = append(all, fmt.Sprintf("%s: the table says %q, the rules %q", column, written, rules))
	}
	if w.API != r.API {
		note(Header[0], w.API, r.API)
	}
	if !sameSet(w.Inputs, r.Inputs) {
		note(Header[1], strings.Join(w.Inputs, " "), strings.Join(r.Inputs, " "))
	}
	if w.Action != r.Action {
		note(Header[3], w.Action, r.Action)
	}
	if !sameSet(w.Outputs, r.Outputs) {
		note(Header[4], strings.Join(w.Outputs, " "), strings.Join(r.Outputs, " "))
	}
	return all
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// read reads a table in Markdown, with the text around it left out, or in CSV.
func read(text string) (table []written, err error) {
	var header []string
	take := func(line int, cells []string) error {
		if header == nil {
			header = cells
			return columns(header)
		}
		if strings.Trim(strings.Join(cells, ""), "-: ") == "" {
			return nil // the rule below the header
		}
		if len(cells) != len(header) {
			return fmt.Errorf("line %d: %d cells, the header has %d", line, len(cells), len(header))
		}
		table = append(table, written{line, rowOf(header, cells)})
		return nil
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "|") && !strings.Contains(text, "\n|") {
		err := eachRecord(text, take)
		return table, err
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if header != nil && len(table) > 0 {
				break // what follows is another table, or none
			}
			header = nil
			continue
		}
		if err := take(i+1, cellsOf(line)); err != nil {
			return nil, err
		}
	}
	if header == nil {
		return nil, errors.New("no table found: lines of a Markdown table begin with |")
	}
	return table, nil
}

func eachRecord(text string, take func(int, []string) error) error {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return errors.New("no table found: the file is empty")
	}
	for i, record := range records {
		for j, cell := range record {
			if plain, ok := strings.CutPrefix(cell, "'"); ok && formula(plain) {
				record[j] = plain
			}
		}
		if err := take(i+1, record); err != nil {
			return err
		}
	}
	return nil
}

// cellsOf splits a line of Markdown; \| is a bar in a cell, and so are the other marks.
func cellsOf(line string) []string {
	line = strings.TrimPrefix(line, "|")
	var cells []string
	var cell strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && strings.IndexByte(marks, line[i+1]) >= 0:
			i++
			cell.WriteByte(line[i])
		case line[i] == '|':
			cells = append(cells, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			cell.WriteByte(line[i])
		}
	}
	if rest := strings.TrimSpace(cell.String()); rest != "" {
		cells = append(cells, rest)
	}
	return cells
}

// columns checks that the columns that are compared are there.
func columns(header []string) error {
	for _, name := range Header[:len(Header)-1] {
		if !slices.ContainsFunc(header, func(h string) bool { return strings.EqualFold(h, name) }) {
			return fmt.Errorf("the table has no column %q; it needs %s", name, strings.Join(Header[:len(Header)-1], ", "))
		}
	}
	return nil
}

func rowOf(header, cells []string) (r Row) {
	for i, name := range header {
		cell := strings.TrimSpace(cells[i])
		switch {
		case strings.EqualFold(name, Header[0]):
			r.API = cell
		case strings.EqualFold(name, Header[1]):
			r.Inputs = typesIn(cell)
		case strings.EqualFold(name, Header[2]):
			r.Service = cell
		case strings.EqualFold(name, Header[3]):
			r.Action = cell
		case strings.EqualFold(name, Header[4]):
			r.Outputs = typesIn(cell)
		case strings.EqualFold(name, Header[5]):
			r.Notes = cell
		}
	}
	return r
}

// typesIn splits a cell into types; what stands in parentheses or braces belongs
// to the type before it, or is an operator.
func typesIn(cell string) (all []string) {
	depth := 0
	words := strings.FieldsFunc(cell, func(c rune) bool {
		switch c {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		}
		return depth == 0 && (unicode.IsSpace(c) || c == ',') // also the no-break space of web pages
	})
	for _, w := range words {
		if strings.HasPrefix(w, "(") && w != "(any)" && len(all) > 0 {
			all[len(all)-1] += " " + w
		} else {
			all = append(all, w)
		}
	}
	return all
}

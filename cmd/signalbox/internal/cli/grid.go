package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"golang.org/x/term"
)

// gap is how many spaces stand between two columns.
const gap = 2

// Grid is a table for people whose rows can be wider than a terminal.
type Grid struct {
	columns []string
	rows    [][]string
	// Less are the columns that a narrow terminal can do without, the first to be
	// left out first.
	Less []string
}

// NewGrid returns an empty table.
func NewGrid(columns ...string) *Grid { return &Grid{columns: columns} }

// Row adds a row, a cell for each column.
func (g *Grid) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Escaped(fmt.Sprint(cell), "")
	}
	g.rows = append(g.rows, row)
}

// fit leaves out columns until the rows have room in a width, and names them. A
// width of 0 has room for all.
func (g *Grid) fit(width int) (left []string) {
	for _, name := range g.Less {
		if width == 0 || g.width() <= width {
			break
		}
		i := slices.Index(g.columns, name)
		g.columns = slices.Delete(slices.Clone(g.columns), i, i+1)
		for n, row := range g.rows {
			g.rows[n] = slices.Delete(slices.Clone(row), i, i+1)
		}
		left = append(left, name)
	}
	return left
}

// width is that of the widest row, in characters.
func (g *Grid) width() int {
	sum := gap * (len(g.columns) - 1)
	for i, name := range g.columns {
		widest := utf8.RuneCountInString(name)
		for _, row := range g.rows {
			widest = max(widest, utf8.RuneCountInString(row[i]))
		}
		sum += widest
	}
	return sum
}

func (g *Grid) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, gap, ' ', 0)
	fmt.Fprintln(table, strings.Join(g.columns, "\t"))
	for _, row := range g.rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// Show prints a table, as much of it as the terminal is wide.
func (c *Env) Show(g *Grid) error {
	left := g.fit(widthOf(c.Stdout))
	if err := g.print(c.Stdout); err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(c.Stderr, "no room for %s: see --output json\n", strings.Join(left, ", "))
	}
	return nil
}

// widthOf is how many characters a line of a terminal has; 0 for what is none.
func widthOf(w io.Writer) int {
	f, ok := StreamOf(w).(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

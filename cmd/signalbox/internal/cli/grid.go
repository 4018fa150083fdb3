package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// gap is how many spaces stand between two columns. A column of text gets enoughText characters
// before others are shown, and leastText at least.
const (
	gap        = 2
	enoughText = 40
	leastText  = 16
)

// Grid is a table for people whose rows can be wider than a terminal.
type Grid struct {
	columns []string
	rows    [][]string
	// Less are the columns that a narrow terminal can do without, the first to be
	// left out first.
	Less []string
	// Text is a column whose cells are cut where a terminal has no room for them; empty for none.
	Text string
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

// fit leaves out columns until the rows have room in a width, names them, and cuts what is
// still too long. A width of 0 has room for all.
func (g *Grid) fit(width int) (left []string) {
	if width == 0 {
		return nil
	}
	for _, name := range g.Less {
		if g.width(enoughText) <= width {
			break
		}
		i := slices.Index(g.columns, name)
		g.columns = slices.Delete(slices.Clone(g.columns), i, i+1)
		for n, row := range g.rows {
			g.rows[n] = slices.Delete(slices.Clone(row), i, i+1)
		}
		left = append(left, name)
	}
	if i := slices.Index(g.columns, g.Text); i >= 0 {
		room := max(leastText, width-g.width(0))
		for n, row := range g.rows {
			g.rows[n] = slices.Clone(row)
			g.rows[n][i] = Shorten(row[i], room)
		}
	}
	return left
}

// width is that of the widest row, in characters, with at most so many in the column of text.
func (g *Grid) width(text int) int {
	sum := gap * (len(g.columns) - 1)
	for i, widest := range g.widths() {
		if g.Text != "" && g.columns[i] == g.Text {
			widest = min(widest, text)
		}
		sum += widest
	}
	return sum
}

// widths are those of the columns, in characters.
func (g *Grid) widths() []int {
	all := make([]int, len(g.columns))
	for _, row := range append([][]string{g.columns}, g.rows...) {
		for i, cell := range row {
			all[i] = max(all[i], utf8.RuneCountInString(cell))
		}
	}
	return all
}

// print writes the table, with colours for what needs looking at where that is asked for.
func (g *Grid) print(w io.Writer, colours bool) error {
	widths := g.widths()
	var b strings.Builder
	for n, row := range append([][]string{g.columns}, g.rows...) {
		var line strings.Builder
		for i, cell := range row {
			shown := cell
			if colours && n > 0 && (g.columns[i] == "STATE" || g.columns[i] == "OUTCOME") {
				shown = painted(cell)
			}
			line.WriteString(shown + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// The colours of states and outcomes: what has failed, and what waits.
var colourOf = map[string]string{
	"open": red, "failing": red, "dead": red, "failed": red, "stopped": red, "refused": red, "error": red, "gone": red,
	"half-open": yellow, "paused": yellow, "draining": yellow, "pending": yellow, "waiting": yellow, "unmatched": yellow, "shadow": yellow,
	"ok": green, "delivered": green, "finished": green, "running": green, "enabled": green,
}

const (
	red, yellow, green = "\x1b[31m", "\x1b[33m", "\x1b[32m"
	plain              = "\x1b[0m"
)

// painted returns a cell in the colour of its first word.
func painted(cell string) string {
	word, _, _ := strings.Cut(cell, " ")
	if colour := colourOf[strings.TrimRight(word, ":,")]; colour != "" {
		return colour + cell + plain
	}
	return cell
}

// Colours reports whether a stream shows colours: a terminal does, unless NO_COLOR
// (no-color.org) or TERM says otherwise.
func Colours(w io.Writer) bool {
	return IsTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Show prints a table, as much of it as the terminal is wide.
func (c *Env) Show(g *Grid) error {
	left := g.fit(widthOf(c.Stdout))
	w, colours := c.Stdout, Colours(c.Stdout)
	if colours {
		w = StreamOf(w).(io.Writer) // the cells are escaped already
	}
	if err := g.print(w, colours); err != nil {
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

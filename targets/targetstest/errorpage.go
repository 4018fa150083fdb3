package targetstest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// ErrorTable returns the cells of those rows of docs/errors.md that begin with what begins has. The test
// runs in a folder two levels below the module's.
func ErrorTable(t testing.TB, begins func(cell string) bool) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		row, ok := strings.CutPrefix(strings.TrimSpace(line), "| ")
		if !ok {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, " |"), " | ")
		if begins(cells[0]) {
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatal("docs/errors.md has no such row")
	}
	return rows
}

// Quoted returns what of a cell stands in backticks.
func Quoted(cell string) (all []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// ErrorAnswers returns the answers of a target in docs/errors.md, with their codes.
func ErrorAnswers(t testing.TB, target string) map[string]string {
	t.Helper()
	codes := map[string]string{}
	for _, row := range ErrorTable(t, func(cell string) bool { return cell == target }) {
		for _, answer := range Quoted(row[2]) {
			codes[answer] = Quoted(row[1])[0]
		}
	}
	return codes
}

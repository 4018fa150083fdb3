package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/config"
	"signalbox/flow"
	"signalbox/rules"
)

// slips are the two names that the handwritten table misspells.
var slips = map[string]string{"MakePayement": "MakePayment", "ErrorOrdeDelivered": "ErrorOrderDelivered"}

func load(t *testing.T, path string) *rules.Set {
	t.Helper()
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	set, err := c.LoadRules()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func table(t *testing.T, set *rules.Set) []flow.Row {
	t.Helper()
	f, err := flow.Of(set, flow.Declared(set.Catalog))
	if err != nil {
		t.Fatal(err)
	}
	return f.Table()
}

func TestNoWarnings(t *testing.T) {
	for _, w := range load(t, "config/config.yaml").Warnings {
		t.Errorf("warning: %s", w)
	}
}

// The rules' table is the handwritten one, row by row and cell by cell, but for the
// slips.
func TestTableIsTheHandwrittenOne(t *testing.T) {
	var out bytes.Buffer
	if err := flow.WriteCSV(&out, table(t, load(t, "config/config.yaml"))); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := handwritten(t)
	if len(got) != 16 || len(want) != 16 {
		t.Fatalf("%d and %d lines, want a header and 15 rows", len(got), len(want))
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("row %d is %q, want %q", i, got[i], want[i])
		}
	}
}

// handwritten is the table as it was written, with the slips fixed.
func handwritten(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/handwritten.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\u00a0", " "))
			for slip, name := range slips {
				cells[i] = strings.ReplaceAll(cells[i], slip, name)
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestWrittenTableHolds(t *testing.T) {
	text, err := os.ReadFile("table.md")
	if err != nil {
		t.Fatal(err)
	}
	drift, err := flow.Compare(text, table(t, load(t, "config/config.yaml")))
	if err != nil || len(drift) > 0 {
		t.Errorf("%v, %v", drift, err)
	}
}

// The check tells of the slips, and of nothing else.
func TestSlipsAreFound(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"orders.yaml", "catalog/orders.yaml", "config/config.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for slip, better := range slips {
			text = bytes.ReplaceAll(text, []byte(better), []byte(slip))
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]bool{}
	for _, w := range load(t, filepath.Join(dir, "config", "config.yaml")).Warnings {
		found[w.Message] = true
	}
	for _, want := range []string{
		`the action "MakePayement" may be misspelt (Payement): did you mean "MakePayment"?`,
		`the type "ErrorOrdeDelivered" may be misspelt (Orde): did you mean "ErrorOrderDelivered"?`,
	} {
		if !found[want] {
			t.Errorf("not told: %s", want)
		}
	}
	if len(found) != len(slips) {
		t.Errorf("told %v", found)
	}
}

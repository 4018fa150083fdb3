package flow

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

// Names stay names in every form of the table, and are found again in it.
func TestTableQuotesNames(t *testing.T) {
	rows := []Row{{Inputs: []string{"a|b"}, Service: `<img/src=x>`, Action: "=HYPERLINK(1)", Outputs: []string{`c\|d`}, Notes: "[click](x)\n| fake | row |"}}
	t.Run("Markdown", func(t *testing.T) {
		var out bytes.Buffer
		if err := WriteMarkdown(&out, rows); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 3 {
			t.Errorf("%d lines in\n%s", lines, out.String())
		}
		for _, raw := range []string{" <img", " [click"} {
			if strings.Contains(out.String(), raw) {
				t.Errorf("%q stands raw in\n%s", raw, out.String())
			}
		}
		same(t, out.Bytes(), rows)
	})
	t.Run("CSV", func(t *testing.T) {
		var out bytes.Buffer
		if err := WriteCSV(&out, rows); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := records[1][3]; got != "'=HYPERLINK(1)" {
			t.Errorf("the cell is %q", got)
		}
		same(t, out.Bytes(), rows)
	})
	t.Run("HTML", func(t *testing.T) {
		var out bytes.Buffer
		if err := WriteHTML(&out, rows); err != nil || strings.Contains(out.String(), "<img") {
			t.Errorf("%v, or a name is an element in\n%s", err, out.String())
		}
	})
}

func same(t *testing.T, table []byte, rows []Row) {
	t.Helper()
	drift, err := Compare(table, rows)
	if err != nil || len(drift) > 0 {
		t.Errorf("read again the table differs: %v, %v", drift, err)
	}
}

package catalog

import (
	"testing"

	"signalbox/document"
)

// What discovery proposes is a catalog file's own form, and reads as what was seen.
func TestDeclarationIsAnEntryOfACatalogFile(t *testing.T) {
	d := Discovery{Type: "OrderReturned", Sources: []string{"shop.returns"}, Schema: map[string]any{
		"type": "object", "required": []any{"on: off", "7"}, "properties": map[string]any{"7": map[string]any{"type": "string"}, "on: off": map[string]any{"type": "number"}},
	}}
	got, err := d.Declaration()
	if err != nil {
		t.Fatal(err)
	}
	want := `  - name: OrderReturned
    kind: event
    sources:
      - shop.returns
    schema:
      properties:
        "7":
          type: string
        "on: off":
          type: number
      required:
        - "on: off"
        - "7"
      type: object
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The name of an event's type declares nothing but itself.
func TestDeclarationQuotesNames(t *testing.T) {
	for _, name := range []string{"X\n  - name: Evil\n    kind: event", "X: {a}", "- X", "# X", "\"X", "'X", "X\u0085- name: Evil", "{{X}}", "!!str X", "& X", "X \\\n"} {
		d := Discovery{Type: name, Sources: []string{name}, Schema: map[string]any{"properties": map[string]any{name: map[string]any{"type": "string"}}}}
		text, err := d.Declaration()
		if err != nil {
			t.Fatal(err)
		}
		n, err := document.Parse("types.yaml", append([]byte("types:\n"), text...))
		if err != nil {
			t.Errorf("%q: %v in\n%s", name, err, text)
			continue
		}
		types := n.Get("types").Items
		if len(types) != 1 || types[0].Get("name").Text != name || types[0].Get("sources").Items[0].Text != name || types[0].Get("schema").Get("properties").Get(name) == nil {
			t.Errorf("%q: declared\n%s", name, text)
		}
	}
}

// A source that reads as the beginning of others opens a type to nobody.
func TestDeclarationOpensToNoOthers(t *testing.T) {
	for _, tt := range []struct {
		sources []string
		want    string
	}{
		{[]string{"*", "shop.*", "shop"}, "  - name: X\n    kind: event\n    sources:\n      - shop\n    schema: null\n"},
		{[]string{"*"}, ""},
	} {
		d := Discovery{Type: "X", Sources: tt.sources}
		if got, err := d.Declaration(); err != nil || string(got) != tt.want {
			t.Errorf("%q: %v, declared\n%s", tt.sources, err, got)
		}
	}
}

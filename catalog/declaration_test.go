package catalog

import "testing"

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

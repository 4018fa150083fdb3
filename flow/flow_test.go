package flow

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/rules"
)

// load makes the flow of rules in YAML.
func load(t *testing.T, text string, types ...Type) *Flow {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(rules.Source{Globs: []string{"rules.yaml"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Of(set, slices.Concat(Declared(set.Catalog), types))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const targets = `targets:
  Order: {type: http, url: "http://127.0.0.1:1/order"}
  Inventory: {type: http, url: "http://127.0.0.1:1/inventory"}
  trail: {type: log}
rules:
`

const shop = targets + `
  - {name: create-order, description: Public API., pattern: {detail-type: [CreateOrder]}, targets: [{target: Order, id: CreateOrder, emits: [OrderCreated]}]}
  - {name: reserve-item, pattern: {source: [shop.orders], detail-type: [OrderCreated]}, targets: [{target: Inventory, id: ReserveItem, emits: [ItemReserved, ItemNotAvailable]}]}
  - {name: deliver, pattern: {detail-type: [Delivered]}, targets: [{target: Order, id: Deliver, emits: [OrderDelivered]}]}
  - {name: watch, pattern: {detail-type: [{prefix: Item}]}, targets: [trail]}
  - {name: trail, pattern: {source: [{prefix: shop.}]}, targets: [trail]}
  - {name: never, state: disabled, pattern: {detail-type: [OrderDelivered]}, targets: [trail]}
`

func shopTypes() []Type {
	return []Type{
		{Name: "CreateOrder", Kind: "command"}, {Name: "Delivered", Sources: []string{"logistics"}}, {Name: "OrderDelivered", Final: true},
		{Name: "OrderLost", Sources: []string{"shop.orders"}},
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := WriteMarkdown(&b, load(t, shop, shopTypes()...).Table()); err != nil {
		t.Fatal(err)
	}
	const want = `
| API (sync)  | Input Events               | Service   | Action      | Output Events                 | Notes       |
| ----------- | -------------------------- | --------- | ----------- | ----------------------------- | ----------- |
| CreateOrder | CreateOrder                | Order     | CreateOrder | OrderCreated                  | Public API. |
|             | OrderCreated               | Inventory | ReserveItem | ItemReserved ItemNotAvailable |             |
|             | Delivered (from logistics) | Order     | Deliver     | OrderDelivered (END)          |             |
|             | {"prefix":"Item"}          | trail     | trail       |                               |             |
|             | (any)                      | trail     | trail       |                               |             |
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestTableForms(t *testing.T) {
	rows := []Row{{API: "A|B", Inputs: []string{"One", "Two"}, Service: `<b>"s"`, Action: "Act", Outputs: []string{"Three (END)"}, Notes: "a, b"}}
	for name, tc := range map[string]struct {
		write func(io.Writer, []Row) error
		want  string
	}{
		"markdown": {WriteMarkdown, `| A\|B `},
		"csv":      {WriteCSV, `A|B,One Two,"<b>""s""",Act,Three (END),"a, b"`},
		"html":     {WriteHTML, `<td>&lt;b&gt;&#34;s&#34;</td><td>Act</td><td><div class="end">Three (END)</div></td>`},
	} {
		var b bytes.Buffer
		if err := tc.write(&b, rows); err != nil || !strings.Contains(b.String(), tc.want) {
			t.Errorf("%s: got %s, %v; want %s", name, b.String(), err, tc.want)
		}
		if name == "html" {
			continue
		}
		if drift, err := Compare(b.Bytes(), rows); err != nil || len(drift) > 0 {
			t.Errorf("%s does not agree with what it was written from: %v, %v", name, drift, err)
		}
	}
}

func TestCompare(t *testing.T) {
	rows := load(t, shop, shopTypes()...).Table()
	const good = `
# Events

Some text.

| Notes | API (sync) | Input Events | Service | Action | Output Events |
|:--|---|---|---|---|--:|
| another note | CreateOrder | CreateOrder | Order | CreateOrder | OrderCreated |
|  |  | OrderCreated | Inventory | ReserveItem | ItemNotAvailable, ItemReserved |
|  |  | Delivered (from logistics) | Order | Deliver | OrderDelivered (END) |
|  |  | {"prefix":"Item"} | trail | trail | |
|  |  | (any) | trail | trail | |

| Another | Table |
|---|---|
| a | b |
`
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"equal":       {good, nil},
		"an output":   {strings.Replace(good, "ItemNotAvailable, ", "", 1), []string{`line 9: Inventory, ReserveItem: Output Events: the table says "ItemReserved", the rules "ItemReserved ItemNotAvailable"`}},
		"an input":    {strings.Replace(good, " (from logistics)", "", 1), []string{`line 10: Order, Deliver: Input Events: the table says "Delivered", the rules "Delivered (from logistics)"`}},
		"an API":      {strings.Replace(good, "| CreateOrder |", "| |", 1), []string{`line 8: Order, CreateOrder: API (sync): the table says "", the rules "CreateOrder"`}},
		"not a rule":  {strings.Replace(good, "| Deliver |", "| Ship |", 1), []string{"line 10: no rule has Order do Ship on Delivered (from logistics)", "the table lacks a row: Order does Deliver on Delivered (from logistics)"}},
		"a slip":      {strings.Replace(good, "| Deliver |", "| Delivr |", 1), []string{`line 10: Order, Delivr: Action: the table says "Delivr", the rules "Deliver"`}},
		"from a page": {strings.Replace(good, "Delivered (from", "Delivered\u00a0(from", 1), nil},
		"a row short": {strings.Replace(good, "|  |  | (any) | trail | trail | |\n", "", 1), []string{"the table lacks a row: trail does trail on (any)"}},
	} {
		t.Run(name, func(t *testing.T) {
			drift, err := Compare([]byte(tc.text), rows)
			var got []string
			for _, d := range drift {
				got = append(got, d.String())
			}
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %q, %v\nwant %q", got, err, tc.want)
			}
		})
	}
	for text, want := range map[string]string{
		"":                               "the file is empty",
		"a | b\n":                        `no column "API (sync)"`,
		"| a | b |\n|--|--|\n| 1 | 2 |":  `no column "API (sync)"`,
		good[:200] + "\n| a |\n":         "the header has 6",
		"API (sync),\"Input Events\n1,2": "quote",
	} {
		if _, err := Compare([]byte(text), rows); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestGraphMarks(t *testing.T) {
	g := load(t, shop, shopTypes()...).Graph()
	marks := map[string]string{}
	for _, n := range g.Nodes {
		if n.Mark != "" {
			marks[n.ID] = n.Mark
		}
		if n.InCycle {
			t.Errorf("%s is said to be in a cycle", n.ID)
		}
	}
	want := map[string]string{"type:OrderLost": "not consumed"}
	if len(marks) != len(want) || marks["type:OrderLost"] != want["type:OrderLost"] {
		t.Errorf("marks: got %v, want %v", marks, want)
	}
	for _, e := range []Edge{
		{From: "source:logistics", To: "type:Delivered"}, {From: "type:Delivered", To: "rule:default/deliver"},
		{From: "rule:default/deliver", To: "action:default/deliver/Deliver"}, {From: "action:default/deliver/Deliver", To: "type:OrderDelivered"},
		{From: "type:ItemReserved", To: "rule:default/watch"}, {From: "any", To: "rule:default/trail"},
	} {
		if !slices.Contains(g.Edges, e) {
			t.Errorf("the edge %v is missing", e)
		}
	}
	without := load(t, strings.Replace(shop, "name: watch,", "name: watch, state: disabled,", 1)).Graph()
	for _, n := range without.Nodes {
		if n.ID == "type:ItemReserved" && n.Mark != "dead end" {
			t.Errorf("a type that is emitted and not taken: %+v", n)
		}
	}
}

const circle = targets + `
  - {name: one, pattern: {detail-type: [A]}, targets: [{target: Order, emits: [B]}]}
  - {name: two, pattern: {detail-type: [B]}, targets: [{target: Inventory, emits: [C, D]}]}
  - {name: three, pattern: {detail-type: [C]}, targets: [{target: Order, emits: [A]}]}
  - {name: out, pattern: {detail-type: [D]}, targets: [trail]}
`

func TestCyclesAreFound(t *testing.T) {
	g := load(t, circle).Graph()
	var in []string
	for _, n := range g.Nodes {
		if n.InCycle {
			in = append(in, n.ID)
		}
	}
	if len(in) != 9 || slices.Contains(in, "type:D") || !slices.Contains(in, "type:A") {
		t.Errorf("in the cycle: %v", in)
	}
	red := 0
	for _, e := range g.Edges {
		if e.InCycle {
			red++
		}
	}
	if red != 9 {
		t.Errorf("%d edges are in the cycle, want 9", red)
	}
}

func TestSVG(t *testing.T) {
	for name, text := range map[string]string{"shop": shop, "circle": circle, "nothing": "rules: []\n", "alone": targets + "  - {name: x, pattern: {source: [a]}, targets: []}\n"} {
		t.Run(name, func(t *testing.T) {
			g := load(t, text, shopTypes()...).Graph()
			var b bytes.Buffer
			if err := WriteSVG(&b, g); err != nil {
				t.Fatal(err)
			}
			for d := xml.NewDecoder(&b); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			boxes, lines, err := place(g, layerGap)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range boxes {
				for k, b := range boxes[:i] {
					if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
						t.Errorf("%s and %s overlap: %v, %v", g.Nodes[i].ID, g.Nodes[k].ID, a, b)
					}
				}
				if a.x < 0 || a.y < 0 {
					t.Errorf("%s lies outside: %v", g.Nodes[i].ID, a)
				}
			}
			for i, e := range g.Edges {
				to := boxes[slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == e.To })]
				end := lines[i][len(lines[i])-1]
				if end[0] < to.x-1 || end[0] > to.x+to.w+1 || end[1] < to.y-1 || end[1] > to.y+to.h+1 {
					t.Errorf("the edge %v ends at %v, its node is at %v", e, end, to)
				}
			}
		})
	}
}

func TestTextGraphs(t *testing.T) {
	g := load(t, circle).Graph()
	var dot, mermaid bytes.Buffer
	if err := errors.Join(WriteDOT(&dot, g), WriteMermaid(&mermaid, g)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"type:A" [label="A", shape=box, fillcolor="#ddf4ff", color="#cf222e"];`,
		`"action:default/two/Inventory" -> "type:C" [color="#cf222e"];`,
		`"type:D" -> "rule:default/out" [color="#57606a"];`,
	} {
		if !strings.Contains(dot.String(), want) {
			t.Errorf("DOT lacks %s:\n%s", want, dot.String())
		}
	}
	for _, want := range []string{"flowchart LR\n", `n0["A"]`, `{{"one"}}`, `[["Inventory"]]`, "classDef cycle stroke:#cf222e", "linkStyle "} {
		if !strings.Contains(mermaid.String(), want) {
			t.Errorf("Mermaid lacks %s:\n%s", want, mermaid.String())
		}
	}
	if got := mermaidText(`a "b" #1 <c>`); got != "a #quot;b#quot; #35;1 &lt;c&gt;" {
		t.Errorf("got %s", got)
	}
}

// Parts that are not tied to each other are drawn below each other, in the same order
// each time.
func TestSVGIsTheSameEachTime(t *testing.T) {
	f := load(t, targets+`
  - {name: one, pattern: {detail-type: [OrderCreated]}, targets: [{target: Order, id: A, emits: [ItemReserved, ItemRemoved]}]}
  - {name: two, pattern: {detail-type: [ItemReserved]}, targets: [{target: Order, id: B, emits: [OrderCreated]}]}
  - {name: three, pattern: {source: [bank], detail-type: [PaymentMade]}, targets: [{target: Order, id: C, emits: [OrderPaid, OrderShipped]}]}
  - {name: four, pattern: {source: [post], detail-type: [Delivered]}, targets: [{target: Order, id: D}]}
`)
	g := f.Graph()
	if parts := g.components(); len(parts) != 3 {
		t.Errorf("%d parts, want 3: %v", len(parts), parts)
	}
	var first bytes.Buffer
	if err := WriteSVG(&first, g); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		var again bytes.Buffer
		if err := WriteSVG(&again, f.Graph()); err != nil || again.String() != first.String() {
			t.Fatalf("another drawing of the same graph (%v)", err)
		}
	}
	boxes, _, err := place(g, layerGap)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range boxes {
		for j, b := range boxes[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("%s lies on %s", g.Nodes[i].ID, g.Nodes[j].ID)
			}
		}
	}
}

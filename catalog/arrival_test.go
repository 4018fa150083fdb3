package catalog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"signalbox/event"
)

const doorCatalog = `types:
  - name: OrderCreated
    sources: [shop.orders]
    schema: {properties: {total: {type: number}}}
    examples: [{total: 1}]
  - name: OldThingDone
    deprecated: {since: 2026-01-01, until: 2026-06-01, replaced_by: OrderCreated}
`

func TestInspect(t *testing.T) {
	c := load(t, doorCatalog)
	for _, test := range []struct {
		name, source, detail, day string
		code, message             string
		mild                      bool
	}{
		{name: "OrderCreated", source: "shop.orders", detail: `{"total": 12}`, day: "2026-02-01"},
		{name: "OrderCreatd", day: "2026-02-01", code: CodeUndeclared, message: `no type "OrderCreatd" is declared in the catalog (did you mean "OrderCreated"?)`},
		{name: "OrderCreated", source: "x", day: "2026-02-01", code: CodeSource, message: `source: "x" may not send OrderCreated; its sources are shop.orders`},
		{name: "OrderCreated", source: "shop.orders", detail: `{"total": "12"}`, day: "2026-02-01", code: CodeSchema, message: `detail.total: expected number, got string "12"`},
		{name: "OldThingDone", detail: `{}`, day: "2025-02-01"},
		{name: "OldThingDone", detail: `{}`, day: "2026-02-01", code: CodeDeprecated, message: "send OrderCreated instead", mild: true},
		{name: "OldThingDone", detail: `{}`, day: "2026-06-01", code: CodeDeprecated, message: "not taken from 2026-06-01 on"},
	} {
		now, err := time.Parse(time.DateOnly, test.day)
		if err != nil {
			t.Fatal(err)
		}
		f := c.Inspect(&event.Event{DetailType: test.name, Source: test.source, Detail: []byte(test.detail)}, now)
		switch {
		case f == nil && test.code == "":
		case f == nil || f.Code != test.code || !strings.Contains(f.Message, test.message) || f.Mild != test.mild:
			t.Errorf("%+v: got %+v", test, f)
		}
	}
}

// Exact arithmetic on such numbers would take long.
func TestVastNumbersBreakAnySchema(t *testing.T) {
	c := load(t, doorCatalog)
	for _, number := range []string{"1e1000000", "-1E-401", "1e99999999999999999999"} {
		if v := c.Types[1].Schema.Validate([]byte(`{"total": ` + number + `}`)); v == nil || v.Path != "detail.total" {
			t.Errorf("%s: got %v", number, v)
		}
	}
}

func TestDiscover(t *testing.T) {
	d := NewDiscoverer(load(t, doorCatalog))
	d.Add("OrderCreated", "shop.orders", []byte(`{"total": "1", "note": "x"}`))
	d.Add("ItemAdded", "shop.items", []byte(`{"n": 1, "tags": ["a"]}`))
	d.Add("ItemAdded", "shop.items", []byte(`{"n": 1.5}`))
	got := d.Result()
	if len(got) != 2 || got[0].Declared || !got[1].Declared {
		t.Fatalf("got %+v", got)
	}
	schema, err := json.Marshal(got[0].Schema)
	if want := `{"properties":{"n":{"type":"number"},"tags":{"items":{"type":"string"},"type":"array"}},"required":["n"],"type":"object"}`; err != nil || string(schema) != want {
		t.Errorf("got %s, want %s", schema, want)
	}
	drift := strings.Join(got[1].Drift, "\n")
	for _, want := range []string{`detail.total: expected number, got string "1"`, "detail.note: is sent, and not declared"} {
		if !strings.Contains(drift, want) {
			t.Errorf("drift %q lacks %q", drift, want)
		}
	}
}

func TestExport(t *testing.T) {
	c := load(t, doorCatalog)
	var async, md, html bytes.Buffer
	for _, err := range []error{c.WriteAsyncAPI(&async, "r1"), c.WriteMarkdown(&md), c.WriteHTML(&html)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var doc struct {
		AsyncAPI string
		Channels map[string]struct{ Address string }
	}
	if err := json.Unmarshal(async.Bytes(), &doc); err != nil || doc.AsyncAPI != "3.0.0" || doc.Channels["OrderCreated"].Address != "OrderCreated" {
		t.Errorf("%v: %s", err, async.String())
	}
	if !strings.Contains(md.String(), "## OrderCreated\n") || !strings.Contains(html.String(), "<h2>OrderCreated") {
		t.Errorf("%s\n%s", md.String(), html.String())
	}
}

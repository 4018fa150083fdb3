package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/document"
)

// read loads a catalog from a folder in which the file catalog.yaml has this text.
func read(t *testing.T, dir, text string) (*Catalog, error) {
	t.Helper()
	path := filepath.Join(dir, "catalog.yaml")
	root, err := document.Parse(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var problems document.Problems
	c := Load([]File{{Path: path, Root: root}}, nil, &problems)
	return c, problems.Err()
}

// load loads a catalog that has no faults.
func load(t *testing.T, text string) *Catalog {
	t.Helper()
	c, err := read(t, t.TempDir(), text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadGood(t *testing.T) {
	c := load(t, `types:
  - name: OrderCreated
    version: 10
    sources: [shop.orders, "shop.eu.*"]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    examples: [{id: a}]
  - {name: OrderCreated, version: 2, compatibility: none, final: true}
  - {name: com.example.ticket.created.v1}
  - {name: Customer, kind: audit, object: customer, key: detail.id}
`)
	latest, ok := c.Type("OrderCreated", "")
	if !ok || latest.Version != "10" || latest.Kind != "event" {
		t.Errorf("latest: %+v", latest)
	}
	if old, ok := c.Type("OrderCreated", "2"); !ok || old.Version != "2" || !old.Final || latest.Final {
		t.Errorf("version 2: %+v", old)
	}
	if _, ok := c.Type("OrderCreated", "3"); ok {
		t.Error("version 3 is there")
	}
	if v1, _ := c.Type("com.example.ticket.created.v1", ""); v1 == nil || v1.Version != "1" {
		t.Errorf("the version in the name: %+v", v1)
	}
	for source, want := range map[string]bool{"shop.orders": true, "shop.eu.fr": true, "shop.us": false} {
		if got := latest.Allows(source); got != want {
			t.Errorf("source %s: got %t", source, got)
		}
	}
}

func TestLoadBad(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no name":        {"types:\n  - {kind: event}\n", `catalog.yaml:2:5: types[0]: has no name`},
		"kind":           {"types:\n  - name: A\n    kind: evnt\n", `:3:11: type "A": kind: unknown kind "evnt" (did you mean "event"?)`},
		"unknown key":    {"types:\n  - name: A\n    knd: event\n", `:3:5: type "A": unknown key "knd"`},
		"twice":          {"types:\n  - {name: A, version: 1}\n  - {name: A, version: 1}\n", `:3:5: type "A": version "1" is declared twice`},
		"version":        {"types:\n  - {name: A, version: one}\n", `must be numbers with dots`},
		"name's version": {"types:\n  - {name: com.a.b.v1, version: 2}\n", `is 2, and the name says 1: leave it out`},
		"key":            {"types:\n  - {name: A, kind: audit, key: id}\n", `write the path of a member, such as detail.id`},
		"key of event":   {"types:\n  - {name: A, kind: event, key: detail.id}\n", `is for audits`},
		"date":           {"types:\n  - name: A\n    deprecated: {since: soon}\n", `"soon" is no date`},
		"source":         {"types:\n  - {name: A, sources: [\"a*b\"]}\n", `is "a*b": write a source`},
		"schema":         {"types:\n  - name: A\n    schema:\n      properties: {n: {type: strng}}\n", `:4:30: type "A": schema: does not compile: schema.properties.n.type: expected one of "array", "boolean", "integer", "null", "number", "object", "string", got "strng" (did you mean "string"?)`},
		"schema's type":  {"types:\n  - name: A\n    schema: {minimum: \"1\"}\n", `:3:23: type "A": schema: does not compile: schema.minimum: expected number, got string "1"`},
		"schema's list":  {"types:\n  - name: A\n    schema: {allOf: [{}, {type: 1}]}\n", `:3:33: type "A": schema: does not compile: schema.allOf[1].type: `},
		"schema's regex": {"types:\n  - name: A\n    schema: {pattern: \"(?=a)\"}\n", `:3:23: type "A": schema: does not compile: schema.pattern: the pattern "(?=a)" is no regular expression of RE2, which has no look-around and no back-references: `},
		"draft":          {"types:\n  - name: A\n    schema: {$schema: \"https://example.com/d\"}\n", `:3:23: type "A": schema: does not compile: schema.$schema: "https://example.com/d" is no known draft: https://json-schema.org/draft/2020-12/schema and`},
		"pointer":        {"types:\n  - name: A\n    schema: {items: {$ref: \"#/$defs/b\"}}\n", `:3:28: type "A": schema: does not compile: schema.items.$ref: nothing is at "#/$defs/b"`},
		"anchor":         {"types:\n  - name: A\n    schema: {items: {$ref: \"#b\"}}\n", `:3:28: type "A": schema: does not compile: schema.items.$ref: there is no anchor "#b"`},
		"network":        {"types:\n  - name: A\n    schema: {anyOf: [{$ref: \"https://example.com/a.json#/x\"}]}\n", `:3:29: type "A": schema: does not compile: schema.anyOf[0].$ref: https://example.com/a.json: schemas are not fetched from the network; put a copy beside the catalog file and refer to it by its path`},
		"network by $id": {"types:\n  - name: A\n    schema: {$id: \"https://example.com/x/\", $ref: b.json}\n", `schemas are not fetched from the network`},
		"outside":        {"types:\n  - name: A\n    schema: {$ref: \"../x.json\"}\n", `only files in the folder of the catalog file`},
		"file outside":   {"types:\n  - name: A\n    schema: ../x.json\n", `only files in the folder of the catalog file`},
		"no such file":   {"types:\n  - name: A\n    schema: x.json\n", `x.json: no such file`},
		"example":        {"types:\n  - name: A\n    schema: {properties: {n: {type: number}}}\n    examples: [{n: \"12\"}]\n", `:4:16: type "A": examples[0]: breaks the schema: detail.n: expected number, got string "12"`},
		"no mapping":     {"- a\n", `a catalog file is a mapping`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, t.TempDir(), test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestSchemasMayStandInFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"schemas/order.yaml":   "type: object\nproperties: {to: {$ref: address.json}}\n",
		"schemas/address.json": `{"type": "object", "required": ["city"]}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{
		"types: [{name: OrderCreated, schema: schemas/order.yaml}]",
		"types: [{name: OrderCreated, schema: {$ref: schemas/order.yaml}}]",
	} {
		c, err := read(t, dir, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Files) != 3 {
			t.Errorf("files: %q", c.Files)
		}
		v := c.Types[0].Schema.Validate([]byte(`{"to": {}}`))
		if v == nil || v.String() != "detail.to.city: is missing, and required" {
			t.Errorf("got %v", v)
		}
	}
}

func TestAFaultOfASchemaInAFileSaysWhereInTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"type: object\nproperties:\n  id: {type: strng}\n": `catalog.yaml:1:40: type "A": schema: DIR/a.yaml:3:14: does not compile: schema.properties.id.type: expected one of`,
		"{":                        `catalog.yaml:1:40: type "A": schema: a.yaml: DIR/a.yaml:`,
		"":                         `catalog.yaml:1:40: type "A": schema: a.yaml: holds no schema`,
		"items: {$ref: b.yaml}":    `schema.items.$ref: b.yaml: no such file`,
		"items: {$ref: \"a\\nb\"}": `schema: `,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := read(t, dir, "types: [{name: A, kind: event, schema: a.yaml}]")
		if want = strings.ReplaceAll(want, "DIR", dir); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestSchemasOfOlderDrafts(t *testing.T) {
	c := load(t, `types:
  - name: OrderCreated
    schema:
      $schema: http://json-schema.org/draft-04/schema#
      properties: {total: {minimum: 0, exclusiveMinimum: true}}
`)
	if v := c.Types[0].Schema.Validate([]byte(`{"total": 0}`)); v == nil {
		t.Error("draft 4 makes 0 no exclusive minimum")
	}
}

package catalog

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exported is a catalog as a document of AsyncAPI, decoded.
func exported(t *testing.T, dir, text string) map[string]any {
	t.Helper()
	c, err := read(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.WriteAsyncAPI(&out, "r1"); err != nil {
		t.Fatal(err)
	}
	doc, err := decodeJSON(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

// at returns what is at a JSON pointer, without its "#".
func at(v any, pointer string) any {
	for _, step := range strings.Split(pointer, "/")[1:] {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return v
}

// dangling returns the references of a document that lead nowhere in it.
func dangling(root, v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, inside := range v {
			all = append(all, dangling(root, inside)...)
		}
	case map[string]any:
		for key, inside := range v {
			if ref, ok := inside.(string); ok && key == "$ref" && (ref[0] != '#' || at(root, ref[1:]) == nil) {
				all = append(all, ref)
			}
			all = append(all, dangling(root, inside)...)
		}
	}
	return all
}

const manyTypes = `types:
  - name: OrderCreated
    version: 1
    schema:
      definitions: {id: {type: string}, $ref: {$ref: "#/definitions/id"}}
      properties: {id: {$ref: "#/definitions/id"}, to: {$ref: schemas/address.yaml}, town: {$ref: "schemas/address.yaml#/properties/city"}, whole: {$ref: "#"}, const: {$ref: "#/definitions/id"}}
      default: {$ref: "#/data"}
  - {name: OrderCreated, version: 2, compatibility: none, final: true}
  - {name: AddressChanged, schema: schemas/address.yaml}
  - {name: Scheduled Event, kind: event}
  - {name: Scheduled_Event, kind: event}
  - {name: "Scheduled/Event", kind: event}
`

// TestAsyncAPI holds an export against what AsyncAPI 3.0.0 asks for: asyncapi, info
// with title and version, operations with action and channel, messages that are those
// of their channel; and every reference leads to something.
func TestAsyncAPI(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "schemas"), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"address.yaml": "properties: {city: {type: string}, country: {$ref: country.json}, next: {$ref: \"#\"}}",
		"country.json": `{"properties": {"capital": {"$ref": "address.yaml#/properties/city"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, "schemas", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	doc := exported(t, dir, manyTypes)
	if doc["asyncapi"] != "3.0.0" || at(doc, "/info/title") == nil || at(doc, "/info/version") != "r1" {
		t.Errorf("asyncapi %v, info %v", doc["asyncapi"], doc["info"])
	}
	data := at(doc, "/components/messages/OrderCreated_v1/payload/schema").(map[string]any)["default"]
	for _, ref := range dangling(doc, doc) {
		if ref != at(data, "/$ref") {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	addresses := map[any]bool{}
	for key, ch := range doc["channels"].(map[string]any) {
		addresses[at(ch, "/address")] = true
		for _, step := range notInKey.FindAllString(key, -1) {
			t.Errorf("the key %q has %q in it", key, step)
		}
	}
	if len(addresses) != 5 || len(doc["operations"].(map[string]any)) != 5 {
		t.Errorf("channels %v", addresses)
	}
	for key, op := range doc["operations"].(map[string]any) {
		channel, _ := at(op, "/channel/$ref").(string)
		if at(op, "/action") != "receive" || at(doc, channel[1:]) == nil {
			t.Errorf("operation %s is %v", key, op)
		}
		for _, m := range at(op, "/messages").([]any) {
			if ref, _ := at(m, "/$ref").(string); !strings.HasPrefix(ref, channel+"/messages/") {
				t.Errorf("operation %s: its message %s is not of its channel %s", key, ref, channel)
			}
		}
	}
	if n := len(at(doc, "/components/schemas").(map[string]any)); n != 2 {
		t.Errorf("%d files are components, want the two, once each", n)
	}
	if at(doc, "/components/messages/OrderCreated_v2/x-final") != true {
		t.Error("it does not say what is final")
	}
}

func TestTheFormatOfASchemaIsOneThatReadersKnow(t *testing.T) {
	for text, want := range map[string]string{
		`{"type": "object"}`: "draft-07",
		`true`:               "draft-07",
		`{"$defs": {"a": {}}, "items": {"$ref": "#/$defs/a"}}`:        "draft-07",
		`{"properties": {"prefixItems": {"type": "string"}}}`:         "draft-07",
		`{"properties": {"const": {"prefixItems": [true]}}}`:          "2020-12",
		`{"const": {"prefixItems": 1}}`:                               "draft-07",
		`{"allOf": [{"unevaluatedProperties": false}]}`:               "2020-12",
		`{"items": {"$ref": "#", "minProperties": 1}}`:                "2020-12",
		`{"$schema": "http://json-schema.org/draft-04/schema#"}`:      "draft-04",
		`{"$schema": "https://json-schema.org/draft/2020-12/schema"}`: "2020-12",
	} {
		var root any
		if err := json.Unmarshal([]byte(text), &root); err != nil {
			t.Fatal(err)
		}
		if got := format(root); got != "application/schema+json;version="+want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"signalbox/schema"
)

func TestSchemas(t *testing.T) {
	w := newWorld(t)
	for _, name := range schema.Names {
		_, body := w.get("/v1/schemas/" + name)
		var doc map[string]any
		must(t, json.Unmarshal(body, &doc))
		if doc["$schema"] == nil || doc["properties"] == nil {
			t.Errorf("%s: %.200s", name, body)
		}
	}
	resp, body := w.get("/v1/schemas/rule")
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), `did you mean \"rules\"?`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

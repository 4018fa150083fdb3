package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"signalbox/rules"
)

// A catalog, and the schemas that it refers to, are reloaded with the rules; what
// breaks it changes nothing.
func TestReloadOfTheCatalog(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("config.yaml", "rules: [rules.yaml]\ncatalog: [types.yaml]\n")
	write("rules.yaml", "rules: []\n")
	write("types.yaml", "types: [{name: OrderCreated, schema: order.json}]\n")
	write("order.json", `{"required": ["a"]}`)
	c, err := Load(filepath.Join(dir, "config.yaml"))
	must(t, err)
	set, err := c.LoadRules()
	must(t, err)
	r := NewReloader(ReloaderOptions{Config: c, Set: set, Swap: func(next *rules.Set) error { set = next; return nil }})
	if !slices.Contains(r.watched(), filepath.Join(dir, "order.json")) {
		t.Errorf("watched: %q", r.watched())
	}
	reload := func(want bool) {
		t.Helper()
		if changed, err := r.Reload(t.Context()); changed != want || err != nil {
			t.Errorf("changed: %t, %v", changed, err)
		}
	}
	reload(false)
	write("order.json", `{"required": ["b"]}`)
	reload(true)
	write("order.json", `{"required": "b"}`)
	if _, err := r.Reload(t.Context()); err == nil {
		t.Error("a schema that does not compile was loaded")
	}
	if v := set.Catalog.Types[0].Schema.Validate([]byte(`{}`)); v == nil || v.Path != "detail.b" {
		t.Errorf("what serves: %v", v)
	}
	write("order.json", `{"required": ["b"]}`)
	reload(false)
}

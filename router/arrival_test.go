package router

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/journal/store"
	"signalbox/rules"
)

const doorRules = `buses:
  strict: {catalog: reject}
  lenient: {catalog: warn}
targets:
  out: {type: log}
rules:
  - {name: figures, bus: lenient, kind: telemetry, pattern: {source: [shop]}, targets: [out]}
`

const doorTypes = `types:
  - name: OrderCreated
    sources: [shop]
    schema: {properties: {total: {type: number}}}
`

// doorRouter makes a router with a catalog.
func doorRouter(t *testing.T) *Router {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"rules.yaml": doorRules, "types.yaml": doorTypes} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load(rules.Source{Dir: dir, Globs: []string{"rules.yaml"}, Catalog: []string{"types.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	j, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Journal: j}, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.Stop(context.Background()), j.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestDoor(t *testing.T) {
	r := doorRouter(t)
	take := func(bus, name, detail string) error {
		t.Helper()
		refused, err := r.Accept(t.Context(), []*event.Event{{DetailType: name, Source: "shop", Detail: []byte(detail), Meta: event.Metadata{Bus: bus}}})
		if err != nil {
			t.Fatal(err)
		}
		return refused[0]
	}
	var refusal *event.Error
	if err := take("strict", "OrderCreated", `{"total": "12"}`); !errors.As(err, &refusal) || refusal.Code != catalog.CodeSchema || refusal.Path != "detail.total" {
		t.Errorf("strict: got %v", err)
	}
	for _, bus := range []string{"", "lenient", "lenient"} {
		if err := take(bus, "OrderCreated", `{"total": "12"}`); err != nil {
			t.Errorf("bus %q: got %v", bus, err)
		}
	}
	if err := take("strict", "OrderCreated", `{"total": 12}`); err != nil {
		t.Error(err)
	}
	got := r.ArrivalWarnings()
	if len(got) != 1 || got[0].Type != "OrderCreated" || got[0].Code != catalog.CodeSchema || got[0].Count != 2 {
		t.Errorf("warnings: %+v", got)
	}
}

func TestKindIsMatched(t *testing.T) {
	r := doorRouter(t)
	for kind, want := range map[event.Kind]int{event.KindTelemetry: 1, "": 0} {
		plan, err := r.Plan(t.Context(), &event.Event{DetailType: "OrderCreated", Source: "shop", Detail: []byte(`{}`), Meta: event.Metadata{Bus: "lenient", Kind: kind}})
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Rules) != want {
			t.Errorf("%q, taken for %s: %d rules", kind, plan.Kind, len(plan.Rules))
		}
	}
}

func TestDiscover(t *testing.T) {
	r := doorRouter(t)
	events := []*event.Event{
		{DetailType: "OrderCreated", Source: "shop", Detail: []byte(`{"total": "1"}`)},
		{DetailType: "ItemAdded", Source: "shop", Detail: []byte(`{"n": 1}`)},
	}
	if _, err := r.Accept(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	found, err := r.Discover(t.Context(), events[0].Meta.Received, 10)
	if err != nil || found.Examined != 2 || len(found.Types) != 2 || len(found.Types[1].Drift) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := r.Discover(t.Context(), events[0].Meta.Received, 1); err != nil || found.Examined != 1 || found.Types[0].Type != "ItemAdded" {
		t.Errorf("the latest alone: %+v, %v", found, err)
	}
}

package router

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
)

// labelled returns the values that a label has in any metric.
func labelled(t *testing.T, reg *prometheus.Registry, label string) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]bool{}
	for _, family := range families {
		for _, metric := range family.Metric {
			for _, pair := range metric.Label {
				if pair.GetName() == label {
					values[pair.GetValue()] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(values))
}

// figure is the value of a counter without labels.
func figure(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.Metric[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestRulesThatAreGoneLeaveNoFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := newBench(t, `
targets: {a: {type: log}}
rules:
  - {name: one, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: two, pattern: {source: [shop.orders]}, targets: [a]}
`)
		b.opts.Registerer = reg
		b.start()
		defer b.stop()
		b.send(order(1))
		b.settled()
		if got, want := labelled(t, reg, "rule"), []string{"one", "two"}; !slices.Equal(got, want) {
			t.Errorf("rules %v, want %v", got, want)
		}
		b.write(`
targets: {a: {type: log}}
rules:
  - {name: two, pattern: {source: [shop.orders]}, targets: [a]}
  - {name: three, pattern: {source: [shop.orders]}, targets: [a]}
`)
		b.swap()
		b.send(order(2))
		b.settled()
		if got, want := labelled(t, reg, "rule"), []string{"three", "two"}; !slices.Equal(got, want) {
			t.Errorf("rules %v after the reload, want %v", got, want)
		}
	})
}

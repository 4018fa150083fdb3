package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"signalbox/targets"
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

// byTarget returns the series that there are for each value of the label target, the classic
// buckets of histograms among them.
func byTarget(t *testing.T, reg *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, family := range families {
		for _, m := range family.Metric {
			i := slices.IndexFunc(m.Label, func(p *dto.LabelPair) bool { return p.GetName() == "target" })
			if i < 0 {
				continue
			}
			n[m.Label[i].GetValue()]++
			if h := m.Histogram; h != nil {
				n[m.Label[i].GetValue()] += len(h.Bucket) + 2 // those of +Inf, of the sum and of the count, less one
				if h.GetSchema() == 0 {
					t.Errorf("%s has no native buckets", family.GetName())
				}
			}
		}
	}
	return n
}

// maxTargetSeries bounds the series of one target that takes what one rule sends.
const maxTargetSeries = 62

// TestSeriesOfTargetsAreBounded: each target has few, and beyond a number of targets all have
// theirs together.
func TestSeriesOfTargetsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		all := func(n int) string {
			var text strings.Builder
			text.WriteString("targets:\n")
			for i := range n {
				fmt.Fprintf(&text, "  t%d: {type: http, url: \"http://127.0.0.1:1/\"}\n", i)
			}
			text.WriteString("rules:\n  - {name: one, pattern: {source: [shop.orders]}, targets: [t0, t1]}\n")
			return text.String()
		}
		b := newBench(t, all(2))
		b.opts.Registerer, b.opts.MetricsMaxTargets = reg, 2
		b.start()
		defer b.stop()
		deliver := func() {
			b.send(order(1))
			b.settled()
		}
		deliver()
		n := byTarget(t, reg)
		if len(n) != 2 || n["t0"] != n["t1"] || n["t0"] > maxTargetSeries || n["t0"] < 50 {
			t.Errorf("two targets: %v", n)
		}
		b.write(all(3))
		b.swap()
		deliver()
		if n := byTarget(t, reg); len(n) != 1 || n[""] > maxTargetSeries || n[""] < 50 {
			t.Errorf("three targets: %v", n)
		}
		if got := gauge(t, reg, "signalbox_target_circuit", "state", "closed"); got != 3 {
			t.Errorf("%v circuits are closed, want 3", got)
		}
		b.write(all(2))
		b.swap()
		deliver()
		if n := byTarget(t, reg); len(n) != 2 || n["t0"] != n["t1"] {
			t.Errorf("two again: %v", n)
		}
		if got, want := labelled(t, reg, "bus"), []string{"default"}; !slices.Equal(got, want) {
			t.Errorf("buses %v, want %v", got, want)
		}
	})
}

// gauge returns a gauge of which a label has a value.
func gauge(t *testing.T, reg *prometheus.Registry, name, label, value string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.Metric {
			if family.GetName() == name && slices.ContainsFunc(m.Label, func(p *dto.LabelPair) bool { return p.GetName() == label && p.GetValue() == value }) {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no %s{%s=%q}", name, label, value)
	return 0
}

// TestTheOldestPendingIsKnown wherever it is: in memory, waiting on disk, behind a full window,
// after a restart.
func TestTheOldestPendingIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := newBench(t, strings.Replace(toA, "min_backoff: 1s, max_backoff: 10s", "min_backoff: 10m, max_backoff: 10m", 1))
		b.opts.Registerer, b.opts.Window = reg, 4
		b.start()
		age := func() time.Duration {
			t.Helper()
			b.settled()
			return time.Duration(gauge(t, reg, "signalbox_oldest_pending_seconds", "target", "a") * float64(time.Second)).Round(time.Second)
		}
		if got := age(); got != 0 {
			t.Errorf("nothing is pending, but its age is %v", got)
		}
		hang := make(chan struct{})
		refuse := func(ctx context.Context, _ *targets.Delivery) error {
			select {
			case <-hang:
			case <-ctx.Done():
			}
			return &targets.Error{Code: targets.CodeThrottling, Err: errors.New("busy")}
		}
		b.fakes["a"].say(refuse)
		for i := range 12 { // more than the window has room for
			b.send(order(i))
			time.Sleep(time.Second)
		}
		if got := age(); got != 12*time.Second {
			t.Errorf("under way: %v, want 12 s", got)
		}
		close(hang)
		time.Sleep(time.Minute)
		if got := age(); got != 72*time.Second || b.counts().Waiting != 12 {
			t.Errorf("all wait: %v, want 72 s; %+v", got, b.counts())
		}
		b.stop()
		reg = prometheus.NewRegistry()
		b.opts.Registerer = reg
		b.start()
		if got := age(); got != 72*time.Second {
			t.Errorf("after a restart: %v, want 72 s", got)
		}
		b.router.Lanes.named("a").SetPause(true, false, time.Time{})
		b.send(order(12))
		if got := age(); got != 72*time.Second {
			t.Errorf("paused: %v, want 72 s", got)
		}
		b.fakes["a"].say(nil)
		b.router.Lanes.named("a").SetPause(false, false, time.Now())
		time.Sleep(time.Second)
		if got := age(); got != 0 || b.counts().Pending() != 0 {
			t.Errorf("all are delivered, but the age is %v; %+v", got, b.counts())
		}
		b.stop()
	})
}

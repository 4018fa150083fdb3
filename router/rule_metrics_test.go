package router

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/delivery"
	"signalbox/rules"
	"signalbox/targets"
)

// TestRulesAreCountedFromTheirFirstEvent, and not at all where there are too many.
func TestRulesAreCountedFromTheirFirstEvent(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newMetrics(reg, nil)
	set := func(names ...string) *rules.Set {
		s := &rules.Set{Targets: map[string]targets.Config{"mail": {Name: "mail"}}}
		for _, name := range names {
			s.Rules = append(s.Rules, &rules.Rule{Bus: "default", Name: name, Targets: []rules.RuleTarget{{Target: "mail"}}})
		}
		return s
	}
	count := func(s *rules.Set) {
		for _, r := range s.Rules {
			m.accepted(&plan{matched: []rules.Matched{{Rule: r}}}, time.Now())
			m.conditionFailed(r, "1", errors.New("broken"), time.Now())
			m.lanes.Died(delivery.Rule{Bus: r.Bus, Name: r.Name}, "mail")
		}
	}
	check := func(what string, matches, conditions int) {
		t.Helper()
		if a, b := series(m.matches), series(m.whenErrors); a != matches || b != conditions {
			t.Errorf("%s: figures of %d rules that matched, and of %d whose condition failed; want %d and %d", what, a, b, matches, conditions)
		}
	}
	two, three, one := set("a", "b"), set("a", "b", "c"), set("b")
	m.serve(nil, two, 2, 100)
	check("before any event", 0, 0)
	count(two)
	check("after one of each rule", 2, 2)
	m.serve(two, one, 2, 100)
	check("a rule has gone", 1, 1)
	m.serve(one, three, 2, 100)
	count(three)
	check("too many rules", 0, 0)
	m.serve(three, one, 2, 100)
	count(one)
	check("few again", 1, 1)
	many := set()
	for i := range 300 {
		many.Rules = append(many.Rules, set(fmt.Sprint("r-", i)).Rules...)
	}
	m.serve(one, many, 1000, 100)
	count(many)
	check("many more", 300, 300)
	m.serve(many, one, 1000, 100)
	check("nearly all are gone", 0, 0)
	if !m.lanes.OfEachRule() || m.lanes.EachRule(true) {
		t.Error("a figure for each rule, and it says otherwise")
	}
}

// series counts the series of a collector.
func series(c prometheus.Collector) int {
	all := make(chan prometheus.Metric, 1000)
	c.Collect(all)
	return len(all)
}

package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"signalbox/rules/pattern"
	"signalbox/targets"
)

// With gives the Set with more rules and their targets, which no file holds. The
// Set itself stays as it is; the Revision is still that of the files.
func (s *Set) With(more []*Rule, added map[string]targets.Config) (*Set, error) {
	next := *s
	next.Targets = maps.Clone(s.Targets)
	for name, cfg := range added {
		if _, ok := next.Targets[name]; ok {
			return nil, fmt.Errorf("target %q: the rule files have one of that name too", name)
		}
		next.Targets[name] = cfg
	}
	next.Rules = append(slices.Clone(s.Rules), more...)
	slices.SortStableFunc(next.Rules, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Name, b.Name))
	})
	next.matchers = map[string]*matcher{}
	for i, r := range next.Rules {
		if i > 0 && next.Rules[i-1].Bus == r.Bus && next.Rules[i-1].Name == r.Name {
			return nil, fmt.Errorf("rule %q: bus %q has another of that name", r.Name, r.Bus)
		}
		if r.State == Disabled {
			continue
		}
		if next.matchers[r.Bus] == nil {
			next.matchers[r.Bus] = &matcher{}
		}
		m := next.matchers[r.Bus]
		m.rules = append(m.rules, r)
	}
	for bus, m := range next.matchers {
		patterns := make([]*pattern.Pattern, len(m.rules))
		for i, r := range m.rules {
			patterns[i] = r.Pattern
		}
		var err error
		if m.patterns, err = pattern.Compile(patterns); err != nil {
			return nil, fmt.Errorf("bus %q: %w", bus, err)
		}
	}
	return &next, nil
}

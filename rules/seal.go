package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"signalbox/document"
	"signalbox/rules/pattern"
	"signalbox/targets"
)

// With returns the Set with more rules and their targets, which no file holds, checked as
// those of files are. The Set itself stays as it is; the Revision is still that of the
// files. An error is of the type document.Errors.
func (s *Set) With(more []*Rule, added map[string]targets.Config) (*Set, error) {
	next := *s
	var problems, warnings document.Problems
	next.Targets = maps.Clone(s.Targets)
	for name, cfg := range added {
		if _, ok := next.Targets[name]; ok {
			problems.AddError("", fmt.Errorf("target %q: the rule files have one of that name too", name))
		}
		next.Targets[name] = cfg
	}
	next.Rules = append(slices.Clone(s.Rules), more...)
	sortRules(next.Rules)
	for i, r := range next.Rules[min(1, len(next.Rules)):] {
		if before := next.Rules[i]; before.Bus == r.Bus && before.Name == r.Name {
			problems.AddError("", fmt.Errorf("rule %q: bus %q has another of that name", r.Name, r.Bus))
		}
	}
	next.seal(&problems, &warnings)
	checkHandlers(&next, &problems, &warnings)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	next.Warnings = slices.Clone(s.Warnings)
	for _, w := range warnings.Sorted() {
		if !slices.ContainsFunc(s.Warnings, func(known *document.Problem) bool { return known.Error() == w.Error() }) {
			next.Warnings = append(next.Warnings, w)
		}
	}
	return &next, nil
}

func sortRules(rules []*Rule) {
	slices.SortStableFunc(rules, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Name, b.Name))
	})
}

// seal makes a Set of sound rules fit for use: it compiles the matcher of each bus, and
// warns of loops, which only all rules together show.
func (s *Set) seal(problems, warnings *document.Problems) {
	s.matchers = map[string]*matcher{}
	for _, r := range s.Rules {
		if r.State == Disabled {
			continue
		}
		m := s.matchers[r.Bus]
		if m == nil {
			m = &matcher{}
			s.matchers[r.Bus] = m
		}
		m.rules = append(m.rules, r)
	}
	for bus, m := range s.matchers {
		patterns := make([]*pattern.Pattern, len(m.rules))
		for i, r := range m.rules {
			patterns[i] = r.Pattern
		}
		var err error
		if m.patterns, err = pattern.Compile(patterns); err != nil {
			problems.AddError("", fmt.Errorf("bus %q: %w", bus, err))
		}
	}
	warnOfLoops(s, warnings)
}

package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"signalbox/document"
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
	next.seal(s, &problems, &warnings)
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

// seal makes a Set of sound rules fit for use: it makes the matcher of each bus, of those of a Set
// before where that is not nil, and warns of loops, which only all rules together show.
func (s *Set) seal(known *Set, problems, warnings *document.Problems) {
	s.matchers = map[string]*matcher{}
	serving := map[string][]*Rule{}
	for _, r := range s.Rules {
		if r.State != Disabled {
			serving[r.Bus] = append(serving[r.Bus], r)
		}
	}
	for bus, all := range serving {
		var before *matcher
		if known != nil {
			before = known.matchers[bus]
		}
		var err error
		if s.matchers[bus], err = newMatcher(all, before); err != nil {
			problems.AddError("", fmt.Errorf("bus %q: %w", bus, err))
		}
	}
	warnOfLoops(s, warnings)
}

package rules

import (
	"cmp"
	"slices"

	"signalbox/rules/pattern"
)

// matcher holds the rules of one bus that are not disabled. To compile all patterns for each
// change would cost the more the more rules there are, so a few that have changed are compiled
// beside those that have not.
type matcher struct {
	base, recent compiled
	// gone are rules of base that there are no more.
	gone map[*Rule]bool
}

// compiled are rules with their patterns; the pattern number i is that of of[i]. A rule that has a
// schedule and a pattern beside it is there twice, first for its schedule.
type compiled struct {
	patterns *pattern.Set
	of       []*Rule
	rules    []*Rule // sorted by name
}

func compileRules(rules []*Rule) (c compiled, err error) {
	patterns := make([]*pattern.Pattern, 0, len(rules))
	c.rules, c.of = rules, make([]*Rule, 0, len(rules))
	for _, r := range rules {
		if r.Firing != nil && r.Firing != r.Pattern {
			patterns, c.of = append(patterns, r.Firing), append(c.of, r)
		}
		patterns, c.of = append(patterns, r.Pattern), append(c.of, r)
	}
	c.patterns, err = pattern.Compile(patterns)
	return c, err
}

// ofSchedule reports whether a pattern is that of its rule's schedule.
func (c *compiled) ofSchedule(i int) bool {
	r := c.of[i]
	return r.Firing == r.Pattern || i+1 < len(c.of) && c.of[i+1] == r
}

// newMatcher returns the matcher of the rules of a bus, sorted by name; known is that of rules
// before, or nil.
func newMatcher(rules []*Rule, known *matcher) (*matcher, error) {
	m := &matcher{}
	var err error
	if known != nil {
		fresh, gone := changes(known.base.rules, rules)
		if len(fresh)+len(gone) <= mostRecent(len(rules)) {
			m.base, m.gone = known.base, gone
			if len(fresh) > 0 {
				m.recent, err = compileRules(fresh)
			}
			return m, err
		}
	}
	m.base, err = compileRules(rules)
	return m, err
}

// mostRecent is how many rules may have changed of so many until all are compiled again.
func mostRecent(rules int) int { return rules / 50 }

// changes returns which rules are not those of before, and which of before have gone; both are
// sorted by name.
func changes(before, now []*Rule) (fresh []*Rule, gone map[*Rule]bool) {
	gone = map[*Rule]bool{}
	i := 0
	for _, r := range now {
		for i < len(before) && before[i] != r && before[i].Name <= r.Name {
			gone[before[i]] = true
			i++
		}
		if i < len(before) && before[i] == r {
			i++
		} else {
			fresh = append(fresh, r)
		}
	}
	for ; i < len(before); i++ {
		gone[before[i]] = true
	}
	return fresh, gone
}

// match appends the rules of one bus that match, sorted by name.
func (m *matcher) match(envelope []byte, cond *conditions, dst []Matched) []Matched {
	if m == nil {
		return dst
	}
	from := len(dst)
	dst = m.base.match(envelope, cond, m.gone, dst)
	if m.recent.patterns == nil {
		return dst
	}
	n := len(dst)
	dst = m.recent.match(envelope, cond, nil, dst)
	if from < n && n < len(dst) { // both have some
		slices.SortFunc(dst[from:], func(a, b Matched) int { return cmp.Compare(a.Rule.Name, b.Rule.Name) })
	}
	return dst
}

func (c *compiled) match(envelope []byte, cond *conditions, gone map[*Rule]bool, dst []Matched) []Matched {
	var numbers [16]int
	for _, i := range c.patterns.Match(envelope, numbers[:0]) {
		rule := c.of[i]
		if len(gone) > 0 && gone[rule] {
			continue
		}
		if rule.Firing != nil && (c.ofSchedule(i) && !cond.event.Meta.Scheduled || len(dst) > 0 && dst[len(dst)-1].Rule == rule) {
			continue
		}
		if len(rule.Kinds) > 0 {
			if kind, _ := cond.catalog.Kind(cond.event); !slices.Contains(rule.Kinds, kind) {
				continue
			}
		}
		if rule.When == nil {
			dst = append(dst, Matched{Rule: rule})
			continue
		}
		holds, err := cond.hold(rule.When)
		if holds || err != nil {
			dst = append(dst, Matched{Rule: rule, Err: err})
		}
	}
	return dst
}

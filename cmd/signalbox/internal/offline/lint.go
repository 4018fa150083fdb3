package offline

import (
	"fmt"
	"reflect"
	"slices"

	"signalbox/document"
	"signalbox/rules"
	"signalbox/rules/pattern"
)

// lint looks for rules that repeat what others do.
func lint(set *rules.Set) []*document.Problem {
	var found []*document.Problem
	for r, by := range repeated(set) {
		found = append(found, &document.Problem{
			Pos: r.Pos, Path: fmt.Sprintf("rule %q", r.Name),
			Message: fmt.Sprintf("its targets get its events twice: rule %q at %s matches all of them too", by.Name, by.Pos),
		})
	}
	return found
}

// maxCompared bounds the rules of which each is compared with each.
const maxCompared = 2000

// repeated calls yield with each rule that only sends what another one sends as
// well, and with that one.
func repeated(set *rules.Set) func(yield func(r, by *rules.Rule) bool) {
	return func(yield func(r, by *rules.Rule) bool) {
		if len(set.Rules) > maxCompared {
			return
		}
		for i, r := range set.Rules {
			j := slices.IndexFunc(set.Rules, func(by *rules.Rule) bool { return repeats(r, by) })
			// Of two that do the same, the second is told of.
			if j >= 0 && (j < i || !repeats(set.Rules[j], r)) && !yield(r, set.Rules[j]) {
				return
			}
		}
	}
}

// repeats reports whether all that r sends is sent on behalf of another rule too.
func repeats(r, by *rules.Rule) bool {
	if r == by || r.Bus != by.Bus || r.State != rules.Enabled || by.State != rules.Enabled || by.When != nil || len(r.Targets) == 0 {
		return false
	}
	for _, t := range r.Targets {
		if !slices.ContainsFunc(by.Targets, func(other rules.RuleTarget) bool { return sendSame(t, other) }) {
			return false
		}
	}
	return pattern.Covers(by.Pattern, r.Pattern)
}

// sendSame reports whether two entries send the same to the same target.
func sendSame(a, b rules.RuleTarget) bool {
	a.Spec.TargetID, b.Spec.TargetID = "", "" // only for the texts of errors
	return a.Target == b.Target && reflect.DeepEqual(a.Spec, b.Spec)
}

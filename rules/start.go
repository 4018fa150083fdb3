package rules

import "signalbox/targets"

// Starting is a rule's target that begins in the past.
type Starting struct {
	Bus    string        `json:"bus"`
	Rule   string        `json:"rule"`
	Target string        `json:"target"`
	Start  targets.Start `json:"-"`
}

// Starting returns the targets of rules that begin in the past, as the rule says, or else
// the target.
func (s *Set) Starting() (all []Starting) {
	for _, rule := range s.Rules {
		if rule.State != Enabled {
			continue
		}
		for i := range rule.Targets {
			name := rule.Targets[i].Target
			start := rule.Start
			if !start.Set {
				start = s.Targets[name].Start
			}
			if start.Past {
				all = append(all, Starting{rule.Bus, rule.Name, name, start})
			}
		}
	}
	return all
}

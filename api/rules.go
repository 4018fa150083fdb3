package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"signalbox/rules"
)

// Rules gives the rules that serve now.
type Rules interface {
	Rules() *rules.Set
}

// Rule is one rule as the API shows it.
type Rule struct {
	Name        string       `json:"name"`
	Bus         string       `json:"bus"`
	Description string       `json:"description,omitempty"`
	State       rules.State  `json:"state"`
	ARN         string       `json:"arn"`
	Pattern     RawPattern   `json:"pattern"`
	When        string       `json:"when,omitempty"`
	Targets     []RuleTarget `json:"targets"`
	// Position is where the rule stands: file:line:column.
	Position string `json:"position"`
}

// RawPattern is a pattern as it is written.
type RawPattern = json.RawMessage

// RuleTarget is one place that a rule sends to.
type RuleTarget struct {
	ID     string `json:"id"`
	Target string `json:"target"`
	Type   string `json:"type"`
	// Transformed says that the rule sends something other than the event itself.
	Transformed bool `json:"transformed,omitempty"`
}

// RuleList is every rule that serves, sorted by bus and name.
type RuleList struct {
	// Revision is a hash of all that the files say.
	Revision string `json:"revision"`
	Rules    []Rule `json:"rules"`
}

func (a *api) listRules(w http.ResponseWriter, _ *http.Request) {
	set := a.Rules.Rules()
	list := RuleList{Revision: set.Revision, Rules: make([]Rule, len(set.Rules))}
	for i, r := range set.Rules {
		list.Rules[i] = showRule(set, r)
	}
	a.answer(w, list)
}

func (a *api) getRule(w http.ResponseWriter, r *http.Request) {
	set := a.Rules.Rules()
	bus, name := r.PathValue("bus"), r.PathValue("name")
	rule := set.Rule(bus, name)
	if rule == nil {
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no rule %q on bus %q", name, bus), Hint: "GET /v1/rules lists them"})
		return
	}
	a.answer(w, showRule(set, rule))
}

func showRule(set *rules.Set, r *rules.Rule) Rule {
	shown := Rule{
		Name: r.Name, Bus: r.Bus, Description: r.Description, State: r.State, ARN: r.ARN,
		Pattern: r.Pattern.Source(), Position: r.Pos.String(), Targets: make([]RuleTarget, len(r.Targets)),
	}
	if r.When != nil {
		shown.When = r.When.Source()
	}
	for i, t := range r.Targets {
		shown.Targets[i] = RuleTarget{ID: t.ID, Target: t.Target, Type: set.Targets[t.Target].Type, Transformed: t.Transform != nil}
	}
	return shown
}

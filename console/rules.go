package console

import (
	"context"
	"fmt"

	"signalbox/api/client"
	"signalbox/history"
	"signalbox/router/pause"
)

// rulesShown bounds the rules on one page.
const rulesShown = 500

// ruleView is a rule with its figures.
type ruleView struct {
	client.Rule
	Matched, Errors chart
}

func loadRules(v *visit) (any, error) {
	list, err := v.api.Rules.List(v.ctx())
	if err != nil {
		return nil, err
	}
	series, err := v.figures(history.Filter{})
	if err != nil {
		return nil, err
	}
	of := map[figure]history.Series{}
	series.by(of)
	x := struct {
		Rules []ruleView
		More  int
	}{More: max(0, len(list)-rulesShown)}
	for _, r := range list[:min(len(list), rulesShown)] {
		view := ruleView{Rule: r, Matched: chart{Title: "Matches a second", Tone: "busy"}, Errors: chart{}}
		view.Matched.add(of[figure{"matched", r.Bus, r.Name, ""}])
		view.Errors.add(of[figure{"condition_errors", r.Bus, r.Name, ""}])
		x.Rules = append(x.Rules, view)
	}
	return x, nil
}

// onRule returns the action that pauses or resumes a rule.
func onRule(act func(client.Rules, context.Context, string, string) (pause.Rule, error), told string) action {
	return func(v *visit) (string, string, error) {
		_, err := act(v.api.Rules, v.ctx(), v.q("bus"), v.q("name"))
		return "rules", fmt.Sprintf(told, v.q("name")), err
	}
}

// ruleLink returns the address of what is shown of a rule.
func ruleLink(_, name string) string { return link("events", "rule", name) }

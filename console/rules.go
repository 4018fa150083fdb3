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

// chart adds the figures of the last hour.
func (r *ruleView) chart(of map[figure]history.Series) {
	r.Matched, r.Errors = chart{Title: "Matches a second", Tone: "busy"}, chart{Title: "Condition errors a second", Tone: "bad"}
	r.Matched.add(of[figure{"matched", r.Bus, r.Name, ""}])
	r.Errors.add(of[figure{"condition_errors", r.Bus, r.Name, ""}])
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
		view := ruleView{Rule: r}
		view.chart(of)
		x.Rules = append(x.Rules, view)
	}
	return x, nil
}

// onRule returns the action that pauses or resumes a rule.
func onRule(act func(client.Rules, context.Context, string, string) (pause.Rule, error), told string) action {
	return func(v *visit) (string, string, error) {
		_, err := act(v.api.Rules, v.ctx(), v.q("bus"), v.q("name"))
		return ruleLink(v.q("bus"), v.q("name"))[len(Path):], fmt.Sprintf(told, v.q("name")), err
	}
}

// ruleLink returns the address of what is shown of a rule.
func ruleLink(bus, name string) string { return link("rule", "bus", bus, "name", name) }

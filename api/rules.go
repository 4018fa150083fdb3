package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"signalbox/router/pause"
	"signalbox/rules"
)

// ruleList is every rule that serves, sorted by bus and name.
type ruleList struct {
	// Revision is a hash of all that the files say.
	Revision string        `json:"revision"`
	Rules    []*rules.Rule `json:"rules"`
	// Paused are those that are paused or being resumed; a rule may be gone.
	Paused     []pause.Rule `json:"paused"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

// ruleRoutes serves the rules.
type ruleRoutes struct{ *api }

func (a ruleRoutes) listRules(w http.ResponseWriter, r *http.Request) {
	set := a.Router.Rules()
	part, next, err := page(r.URL.Query(), set.Rules, func(r **rules.Rule) string { return (*r).Bus + "/" + (*r).Name })
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, ruleList{Revision: set.Revision, Rules: part, Paused: a.Router.Pauses.Rules(), NextCursor: next})
}

func (a ruleRoutes) getRule(w http.ResponseWriter, r *http.Request) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	rule := a.Router.Rules().Rule(bus, name)
	if rule == nil {
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no rule %q on bus %q", name, bus), Hint: "GET /v1/rules lists them"})
		return
	}
	a.answer(w, rule)
}

// onRule is onTarget for a rule.
func (a ruleRoutes) onRule(act func(bus, name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.actOnRule(w, r, act) }
}

// actOnRule answers with how the rule stands then.
func (a ruleRoutes) actOnRule(w http.ResponseWriter, r *http.Request, act func(bus, name string) error) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	if err := act(bus, name); err != nil {
		a.fail(w, pauseProblem(err, a.likeRule(bus, name)))
		return
	}
	for _, p := range a.Router.Pauses.Rules() {
		if p.Bus == bus && p.Name == name {
			a.answer(w, p)
			return
		}
	}
	state := "gone"
	if rule := a.Router.Rules().Rule(bus, name); rule != nil {
		state = string(rule.State)
	}
	a.answer(w, pause.Rule{Bus: bus, Name: name, State: state})
}

// likeRule is the same for a rule of a bus.
func (a ruleRoutes) likeRule(bus, name string) string {
	var names []string
	for _, rule := range a.Router.Rules().Rules {
		switch {
		case rule.Bus == bus:
			names = append(names, rule.Name)
		case rule.Name == name:
			return fmt.Sprintf("there is one on bus %q", rule.Bus)
		}
	}
	return like(name, names, "signalbox rules list shows what there is")
}

// RuleView is what a listing says of one rule.
type RuleView struct {
	Bus     string           `json:"bus"`
	Name    string           `json:"name"`
	State   string           `json:"state"`
	Targets []RuleTargetView `json:"targets"`
	// Pause is set while the rule is paused or being resumed.
	Pause *pause.Rule `json:"pause,omitempty"`
}

// RuleTargetView is one place that a rule sends to.
type RuleTargetView struct {
	ID     string `json:"id"`
	Target string `json:"target"`
}

// Rules returns every rule, and those that are gone and still hold deliveries back.
func (c *Client) Rules(ctx context.Context) ([]RuleView, error) {
	var list struct {
		Rules  []RuleView   `json:"rules"`
		Paused []pause.Rule `json:"paused"`
	}
	if err := c.get(ctx, "/v1/rules", nil, &list); err != nil {
		return nil, err
	}
	for i := range list.Paused {
		list.Rules = withPause(list.Rules, &list.Paused[i])
	}
	return list.Rules, nil
}

func withPause(rules []RuleView, p *pause.Rule) []RuleView {
	for i := range rules {
		if rules[i].Bus == p.Bus && rules[i].Name == p.Name {
			rules[i].Pause = p
			return rules
		}
	}
	return append(rules, RuleView{Bus: p.Bus, Name: p.Name, State: "gone", Targets: []RuleTargetView{}, Pause: p})
}

// PauseRule pauses a rule, and returns how the rule stands then.
func (c *Client) PauseRule(ctx context.Context, bus, name string) (pause.Rule, error) {
	return c.actOnRule(ctx, bus, name, "pause")
}

// ResumeRule lets the deliveries of a rule continue; its state is resuming until all
// that were suspended are on their way.
func (c *Client) ResumeRule(ctx context.Context, bus, name string) (pause.Rule, error) {
	return c.actOnRule(ctx, bus, name, "resume")
}

func (c *Client) actOnRule(ctx context.Context, bus, name, verb string) (p pause.Rule, err error) {
	return p, c.post(ctx, "/v1/rules/"+url.PathEscape(bus)+"/"+url.PathEscape(name)+"/"+verb, "", nil, &p)
}

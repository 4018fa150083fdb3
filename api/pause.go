package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"signalbox/delivery"
	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/spelling"
)

// onTarget returns the handler that does something to a target, and answers with how the
// target is then.
func (a *api) onTarget(act func(string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.actOnTarget(w, r, act) }
}

// onRule is onTarget for a rule.
func (a *api) onRule(act func(bus, name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.actOnRule(w, r, act) }
}

func (a *api) actOnTarget(w http.ResponseWriter, r *http.Request, act func(string) error) {
	name := r.PathValue("name")
	if err := act(name); err != nil {
		a.fail(w, pauseProblem(err, a.likeTarget(name)))
		return
	}
	t, ok := a.target(name)
	if !ok {
		t = TargetView{Name: name, State: delivery.Gone}
	}
	a.answer(w, t)
}

// target returns how a target is; false if there is none.
func (a *api) target(name string) (TargetView, bool) {
	for _, s := range a.Router.Lanes.Targets() {
		if s.Name == name {
			return showTarget(s), true
		}
	}
	return TargetView{}, false
}

// actOnRule answers with how the rule stands then.
func (a *api) actOnRule(w http.ResponseWriter, r *http.Request, act func(bus, name string) error) {
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

// likeTarget is the hint for a target that does not exist: the one that was
// probably meant, or where to find the others.
func (a *api) likeTarget(name string) string {
	var names []string
	for _, t := range a.Router.Lanes.Targets() {
		names = append(names, t.Name)
	}
	return like(name, names, "signalbox targets list shows what there is")
}

// likeRule is the same for a rule of a bus.
func (a *api) likeRule(bus, name string) string {
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

func like(name string, names []string, otherwise string) string {
	if hint := spelling.Suggest(name, names); hint != "" {
		return strings.Trim(hint, " ()")
	}
	return otherwise
}

// pauseProblem returns an error with its status; hint is for what does not exist.
func pauseProblem(err error, hint string) error {
	var (
		unknown  *pause.Unknown
		noTarget *router.UnknownTarget
		file     *pause.ByFile
	)
	switch {
	case errors.As(err, &noTarget):
		return &Error{Status: http.StatusNotFound, Message: noTarget.Error(), Hint: hint}
	case errors.As(err, &unknown):
		return &Error{Status: http.StatusNotFound, Message: unknown.Error(), Hint: hint}
	case errors.As(err, &file):
		return &Error{Status: http.StatusConflict, Message: file.What + " is paused by its file", Hint: file.Mend}
	case errors.Is(err, router.ErrStopping):
		return &Error{Status: http.StatusServiceUnavailable, Message: "the router is stopping"}
	}
	return err
}

// Targets returns how every target stands.
func (c *Client) Targets(ctx context.Context) ([]TargetView, error) {
	var list targetList
	return list.Targets, c.get(ctx, "/v1/targets", nil, &list)
}

// PauseTarget pauses a target, and gives how it stands then.
func (c *Client) PauseTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "pause")
}

// ResumeTarget lets a paused or draining target continue.
func (c *Client) ResumeTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "resume")
}

// RetryTarget makes all that waits at a target for a later attempt due now.
func (c *Client) RetryTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "retry")
}

// DrainTarget begins to drain a target. It continues after the answer: the target is
// in state draining, and then paused.
func (c *Client) DrainTarget(ctx context.Context, name string) (TargetView, error) {
	return c.actOnTarget(ctx, name, "drain")
}

func (c *Client) actOnTarget(ctx context.Context, name, verb string) (t TargetView, err error) {
	return t, c.post(ctx, "/v1/targets/"+url.PathEscape(name)+"/"+verb, "", nil, &t)
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

package awsapi

import (
	"slices"
	"strings"

	"signalbox/rules"
)

// ruleName names a rule.
type ruleName struct{ Name, EventBusName string }

// find returns the bus and the rule that are named; there is no rule where the error is nil and it is nil.
func (a *API) find(set *rules.Set, name, busName string) (bus rules.Bus, r *rules.Rule, err error) {
	bus, err = a.bus(set, busName)
	if err != nil {
		return bus, nil, err
	}
	return bus, set.Rule(bus.Name, name), nil
}

// known returns a rule as the API tells of it; that there is none is an error.
func (a *API) known(set *rules.Set, name, busName string) (*ruleDocument, error) {
	bus, r, err := a.find(set, name, busName)
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, noRule(bus.Name, name)
	}
	return a.document(set, r), nil
}

// ruleView is a rule in answers, without its targets and tags.
type ruleView struct {
	Name               string
	Arn                string
	EventPattern       string `json:",omitempty"`
	State              string
	Description        string `json:",omitempty"`
	ScheduleExpression string `json:",omitempty"`
	RoleArn            string `json:",omitempty"`
	ManagedBy          string `json:",omitempty"`
	EventBusName       string
	CreatedBy          string `json:",omitempty"`
}

func (a *API) view(d *ruleDocument) ruleView {
	return ruleView{
		Name: d.Name, Arn: a.ruleARN(d.EventBusName, d.Name), EventPattern: d.EventPattern, State: d.State, Description: d.Description,
		ScheduleExpression: d.ScheduleExpression, RoleArn: d.RoleArn, ManagedBy: d.ManagedBy, EventBusName: d.EventBusName,
	}
}

func (a *API) ruleARN(bus, name string) string {
	return rules.RuleARN(a.opts.Region, a.opts.Account, bus, name)
}

func (a *API) describeRule(in *ruleName) (any, error) {
	d, err := a.known(a.opts.Rules(), in.Name, in.EventBusName)
	if err != nil {
		return nil, err
	}
	view := a.view(d)
	view.CreatedBy = a.opts.Account
	return view, nil
}

func (a *API) listRules(in *struct {
	paging
	NamePrefix, EventBusName string
}) (any, error) {
	set := a.opts.Rules()
	bus, err := a.bus(set, in.EventBusName)
	if err != nil {
		return nil, err
	}
	name := func(r *rules.Rule) string { return r.Name }
	part, next, err := page(in.paging, withPrefix(set.On(bus.Name), in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	views := make([]ruleView, len(part))
	for i, r := range part {
		views[i] = a.view(a.document(set, r))
	}
	return struct {
		Rules     []ruleView
		NextToken string `json:",omitempty"`
	}{views, next}, nil
}

func (a *API) listTargetsByRule(in *struct {
	paging
	Rule, EventBusName string
}) (any, error) {
	d, err := a.known(a.opts.Rules(), in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	id := func(t target) string { return t.ID }
	sorted := slices.SortedFunc(slices.Values(d.Targets), func(s, t target) int { return strings.Compare(s.ID, t.ID) })
	part, next, err := page(in.paging, sorted, id)
	if err != nil {
		return nil, err
	}
	return struct {
		Targets   []target
		NextToken string `json:",omitempty"`
	}{orNone(part), next}, nil
}

func (a *API) listRuleNamesByTarget(in *struct {
	paging
	TargetArn, EventBusName string
}) (any, error) {
	set := a.opts.Rules()
	bus, err := a.bus(set, in.EventBusName)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range set.On(bus.Name) {
		if slices.ContainsFunc(a.document(set, r).Targets, func(t target) bool { return t.ARN == in.TargetArn }) {
			names = append(names, r.Name)
		}
	}
	part, next, err := page(in.paging, names, func(name string) string { return name })
	if err != nil {
		return nil, err
	}
	return struct {
		RuleNames []string
		NextToken string `json:",omitempty"`
	}{orNone(part), next}, nil
}

// orNone returns items, of which nil is no list in JSON.
func orNone[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

package api

import (
	"fmt"
	"net/http"

	"signalbox/router"
	"signalbox/router/pause"
	"signalbox/rules"
	"signalbox/schedule"
)

// ruleHandlers show, pause and resume rules.
type ruleHandlers struct {
	router    *router.Router
	schedules *schedule.Runner
	made      func() ([]rules.Document, error)
}

// ruleList is every rule that serves, sorted by bus and name.
type ruleList struct {
	// Revision is a hash of all that the files say.
	Revision string        `json:"revision"`
	Rules    []*rules.Rule `json:"rules"`
	// Activity is what those rules have done since the router began.
	Activity []router.RuleActivity `json:"activity"`
	// Paused are those that are paused or being resumed; a rule may be gone.
	Paused     []pause.Rule `json:"paused"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

func (h ruleHandlers) list(_ http.ResponseWriter, r *http.Request) (any, error) {
	set := h.router.Rules()
	part, next, err := page(r.URL.Query(), set.Rules, func(r **rules.Rule) string { return (*r).Bus + "/" + (*r).Name })
	active := make([]router.RuleActivity, len(part))
	for i, rule := range part {
		active[i] = h.router.Activity(rule)
	}
	return ruleList{Revision: set.Revision, Rules: part, Activity: active, Paused: h.router.Pauses.Rules(), NextCursor: next}, err
}

// RuleStatus is how one rule stands.
type RuleStatus struct {
	router.RuleActivity
	// Pause is set while the rule is paused or being resumed.
	Pause *pause.Rule `json:"pause,omitempty"`
}

func (h ruleHandlers) status(_ http.ResponseWriter, r *http.Request) (any, error) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	rule := h.router.Rules().Rule(bus, name)
	if rule == nil {
		return nil, h.unknown(bus, name)
	}
	return RuleStatus{h.router.Activity(rule), h.pause(bus, name)}, nil
}

// pause returns how a rule is paused; nil if it is not.
func (h ruleHandlers) pause(bus, name string) *pause.Rule {
	for _, p := range h.router.Pauses.Rules() {
		if p.Bus == bus && p.Name == name {
			return &p
		}
	}
	return nil
}

func (h ruleHandlers) get(_ http.ResponseWriter, r *http.Request) (any, error) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	if rule := h.router.Rules().Rule(bus, name); rule != nil {
		return rule, nil
	}
	return nil, h.unknown(bus, name)
}

// unknown is the error of a rule that does not exist.
func (h ruleHandlers) unknown(bus, name string) error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no rule %q on bus %q", name, bus), Hint: h.like(bus, name)}
}

// verb returns the handler that does something to a rule, and answers with how the rule is
// then.
func (h ruleHandlers) verb(act func(bus, name string) error) handler {
	return func(_ http.ResponseWriter, r *http.Request) (any, error) {
		bus, name := r.PathValue("bus"), r.PathValue("name")
		if err := act(bus, name); err != nil {
			return nil, pauseProblem(err, h.like(bus, name))
		}
		if p := h.pause(bus, name); p != nil {
			return p, nil
		}
		state := "gone"
		if rule := h.router.Rules().Rule(bus, name); rule != nil {
			state = string(rule.State)
		}
		return pause.Rule{Bus: bus, Name: name, State: state}, nil
	}
}

// like returns the hint for a rule that does not exist: the one that was probably meant, or
// where to find the others.
func (h ruleHandlers) like(bus, name string) string {
	var names []string
	for _, rule := range h.router.Rules().Rules {
		switch {
		case rule.Bus == bus:
			names = append(names, rule.Name)
		case rule.Name == name:
			return fmt.Sprintf("there is one on bus %q", rule.Bus)
		}
	}
	return like(name, names, "signalbox rules list shows what there is")
}

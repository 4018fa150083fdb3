package api

import (
	"fmt"
	"net/http"

	"signalbox/router"
	"signalbox/rules"
)

// Rules gives the rules that serve now.
type Rules interface {
	Rules() *rules.Set
}

// ruleList is every rule that serves, sorted by bus and name.
type ruleList struct {
	// Revision is a hash of all that the files say.
	Revision string        `json:"revision"`
	Rules    []*rules.Rule `json:"rules"`
	// Paused are those that are paused or being resumed; a rule may be gone.
	Paused []router.RulePause `json:"paused"`
}

func (a *api) listRules(w http.ResponseWriter, _ *http.Request) {
	set := a.Rules.Rules()
	list := ruleList{Revision: set.Revision, Rules: set.Rules, Paused: a.Pauser.RulePauses()}
	if list.Rules == nil {
		list.Rules = []*rules.Rule{}
	}
	a.answer(w, list)
}

func (a *api) getRule(w http.ResponseWriter, r *http.Request) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	rule := a.Rules.Rules().Rule(bus, name)
	if rule == nil {
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no rule %q on bus %q", name, bus), Hint: "GET /v1/rules lists them"})
		return
	}
	a.answer(w, rule)
}

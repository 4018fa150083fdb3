package api

import (
	"fmt"
	"net/http"

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

func (a *api) listRules(w http.ResponseWriter, r *http.Request) {
	set := a.Router.Rules()
	part, next, err := page(r.URL.Query(), set.Rules, func(r **rules.Rule) string { return (*r).Bus + "/" + (*r).Name })
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, ruleList{Revision: set.Revision, Rules: part, Paused: a.Router.Pauses.Rules(), NextCursor: next})
}

func (a *api) getRule(w http.ResponseWriter, r *http.Request) {
	bus, name := r.PathValue("bus"), r.PathValue("name")
	rule := a.Router.Rules().Rule(bus, name)
	if rule == nil {
		a.fail(w, &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no rule %q on bus %q", name, bus), Hint: "GET /v1/rules lists them"})
		return
	}
	a.answer(w, rule)
}

package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"signalbox/api"
	"signalbox/diff"
	"signalbox/history"
	"signalbox/rules"
	"signalbox/trace"
)

// ruleEvents is how many events the page of a rule lists.
const ruleEvents = 10

// oneRuleView is what the page of a rule shows.
type oneRuleView struct {
	Rule     ruleView
	Schedule string
	// Document is the rule with the keys of a rule file, but for its pattern.
	Document json.RawMessage
	Routes   []ruleRoute
	// Events are the latest that it matched.
	Events trace.Page
}

// ruleRoute is a target of a rule, and what went to it in the last hour.
type ruleRoute struct {
	ID, Target      string
	Delivered, Dead chart
}

func loadRule(v *visit) (any, error) {
	bus, name := v.q("bus"), v.q("name")
	document, err := v.api.Rules.Get(v.ctx(), bus, name)
	if err != nil {
		return nil, err
	}
	var x oneRuleView
	if err := json.Unmarshal(document, &x.Rule.Rule); err != nil {
		return nil, err
	}
	var fields struct {
		Schedule string `json:"schedule"`
	}
	_ = json.Unmarshal(document, &fields) // it was read above
	x.Schedule, x.Document = fields.Schedule, document
	status, err := v.api.Rules.Status(v.ctx(), bus, name)
	if err != nil {
		return nil, err
	}
	x.Rule.Pause, x.Rule.Activity = status.Pause, &status.RuleActivity
	all, err := v.figures(history.Filter{Bus: bus, Rule: name})
	if err != nil {
		return nil, err
	}
	of := map[figure]history.Series{}
	all.by(of)
	x.Rule.chart(of)
	for _, t := range x.Rule.Targets {
		r := ruleRoute{ID: t.ID, Target: t.Target, Delivered: chart{Tone: "good"}, Dead: chart{Tone: "bad"}}
		r.Delivered.add(of[figure{"rule_delivered", bus, name, t.Target}])
		r.Dead.add(of[figure{"rule_dead", bus, name, t.Target}])
		x.Routes = append(x.Routes, r)
	}
	x.Events, err = v.matchedBy(&x.Rule)
	return x, err
}

// matchedBy returns the latest events that a rule has matched since the router began, of those
// that its pattern matches now: others are passed over without a look at their deliveries. A shadow
// rule has no deliveries to be found by. It looks back from the last match, as since then there
// may be a million that others matched.
func (v *visit) matchedBy(r *ruleView) (trace.Page, error) {
	if r.Activity.LastMatch.IsZero() {
		return trace.Page{}, nil
	}
	filter := trace.Filter{Rule: r.Name, Pattern: r.Pattern, Until: r.Activity.LastMatch.Add(time.Second)}
	if r.State == string(rules.Shadow) {
		filter.Rule, filter.Bus = "", r.Bus
	}
	return v.api.Events.Search(v.ctx(), filter, "", ruleEvents, false)
}

// shadowView is what a shadow rule would have sent.
type shadowView struct {
	Bus, Name, Since, Until string
	Result                  *diff.Result
	Problem                 *api.Error
}

// loadShadow plans past events, which takes up to a minute.
func loadShadow(v *visit) (any, error) {
	x := shadowView{Bus: v.q("bus"), Name: v.q("name"), Since: strings.TrimSpace(v.q("since")), Until: strings.TrimSpace(v.q("until"))}
	asked := diff.Range{Bus: x.Bus}
	var err error
	if asked.Since, err = timeOf("since", x.Since, v.now); err == nil {
		asked.Until, err = timeOf("until", x.Until, v.now)
	}
	if err == nil {
		_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{}) // not supported by a recorder
		x.Result, err = v.api.Rules.Shadow(v.ctx(), x.Name, asked)
	}
	if errors.As(err, &x.Problem) && (x.Problem.Status == http.StatusBadRequest || x.Problem.Status == http.StatusConflict) {
		return x, nil
	}
	return x, err
}

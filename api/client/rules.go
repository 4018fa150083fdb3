package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"signalbox/api"
	"signalbox/router"
	"signalbox/router/pause"
)

// Rules shows rules, pauses and resumes them.
type Rules struct{ *conn }

// Rule is what a listing shows of one rule.
type Rule struct {
	Bus     string       `json:"bus"`
	Name    string       `json:"name"`
	State   string       `json:"state"`
	Targets []RuleTarget `json:"targets"`
	// Description, Pattern, When and Position are as the rule's file has them.
	Description string          `json:"description,omitempty"`
	Pattern     json.RawMessage `json:"pattern,omitempty"`
	When        string          `json:"when,omitempty"`
	Position    string          `json:"position,omitempty"`
	// Pause is set while the rule is paused or being resumed.
	Pause *pause.Rule `json:"pause,omitempty"`
	// Activity is what it has done since the router began; nil for a rule that is gone.
	Activity *router.RuleActivity `json:"activity,omitempty"`
}

// RuleTarget is one place that a rule sends to.
type RuleTarget struct {
	ID     string `json:"id"`
	Target string `json:"target"`
}

// List returns every rule, and those that are gone and still have suspended deliveries.
func (r Rules) List(ctx context.Context) ([]Rule, error) {
	var paused []pause.Rule // each page has all
	rules, err := all(ctx, r.conn, "/v1/rules", func(page *struct {
		Rules    []Rule                `json:"rules"`
		Activity []router.RuleActivity `json:"activity"`
		Paused   []pause.Rule          `json:"paused"`
		Next     string                `json:"next_cursor"`
	},
	) ([]Rule, string) {
		paused = page.Paused
		for i := range min(len(page.Rules), len(page.Activity)) {
			page.Rules[i].Activity = &page.Activity[i]
		}
		return page.Rules, page.Next
	})
	for i := range paused {
		rules = withPause(rules, &paused[i])
	}
	return rules, err
}

// Get returns a rule with the keys of a rule file.
func (r Rules) Get(ctx context.Context, bus, name string) (document json.RawMessage, err error) {
	return document, r.get(ctx, pathOfRule(bus, name), nil, &document)
}

// Documents returns what was made by EventBridge's API as rule files.
func (r Rules) Documents(ctx context.Context) (d api.RuleDocuments, err error) {
	return d, r.get(ctx, "/v1/rule-documents", nil, &d)
}

// Status returns how a rule stands.
func (r Rules) Status(ctx context.Context, bus, name string) (s api.RuleStatus, err error) {
	return s, r.get(ctx, pathOfRule(bus, name)+"/status", nil, &s)
}

func pathOfRule(bus, name string) string {
	return "/v1/rules/" + url.PathEscape(bus) + "/" + url.PathEscape(name)
}

// AWS calls an operation of EventBridge's API, such as ListRules.
func (r Rules) AWS(ctx context.Context, operation string, in, into any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := r.request(ctx, http.MethodPost, "/", "application/x-amz-json-1.1", body, "X-Amz-Target", "AWSEvents."+operation)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answerError(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: this is not the answer of a router: %w", operation, err)
	}
	return nil
}

// Schedule returns the next times at which a rule with a schedule fires, limit at most.
func (r Rules) Schedule(ctx context.Context, bus, name string, limit int) (s api.ScheduleView, err error) {
	return s, r.get(ctx, pathOfRule(bus, name)+"/schedule", params("limit", strconv.Itoa(limit)), &s)
}

// Flow returns which messages lead to which, with a picture of it if that is drawn.
func (r Rules) Flow(ctx context.Context, drawn bool) (f api.FlowView, err error) {
	return f, r.get(ctx, "/v1/flow", params("svg", strconv.FormatBool(drawn)), &f)
}

func withPause(rules []Rule, p *pause.Rule) []Rule {
	for i := range rules {
		if rules[i].Bus == p.Bus && rules[i].Name == p.Name {
			rules[i].Pause = p
			return rules
		}
	}
	return append(rules, Rule{Bus: p.Bus, Name: p.Name, State: "gone", Targets: []RuleTarget{}, Pause: p})
}

// Pause pauses a rule, and returns how it is then.
func (r Rules) Pause(ctx context.Context, bus, name string) (pause.Rule, error) {
	return r.verb(ctx, bus, name, "pause")
}

// Resume lets the deliveries of a rule continue; its state is resuming until all
// that were suspended are on their way.
func (r Rules) Resume(ctx context.Context, bus, name string) (pause.Rule, error) {
	return r.verb(ctx, bus, name, "resume")
}

func (r Rules) verb(ctx context.Context, bus, name, verb string) (p pause.Rule, err error) {
	return p, r.act(ctx, pathOfRule(bus, name)+"/"+verb, &p)
}

// Buses returns every bus.
func (r Rules) Buses(ctx context.Context) ([]api.BusView, error) {
	return all(ctx, r.conn, "/v1/buses", func(page *struct {
		Buses []api.BusView
		Next  string `json:"next_cursor"`
	},
	) ([]api.BusView, string) {
		return page.Buses, page.Next
	})
}

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"signalbox/api/client"
	"signalbox/flow"
	"signalbox/history"
	"signalbox/router/pause"
	"signalbox/sources"
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
	of := map[string]history.Series{}
	for _, s := range series {
		if s.Rule != "" {
			of[s.Name+"\x00"+s.Bus+"\x00"+s.Rule] = s
		}
	}
	x := struct {
		Rules []ruleView
		More  int
	}{More: max(0, len(list)-rulesShown)}
	for _, r := range list[:min(len(list), rulesShown)] {
		view := ruleView{Rule: r, Matched: chart{Title: "Matches a second", Tone: "busy"}, Errors: chart{}}
		view.Matched.add(of["matched\x00"+r.Bus+"\x00"+r.Name])
		view.Errors.add(of["condition_errors\x00"+r.Bus+"\x00"+r.Name])
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

func loadFlow(v *visit) (any, error) {
	f, err := v.api.Rules.Flow(v.ctx())
	if err != nil {
		return nil, err
	}
	types, err := v.api.Catalog.List(v.ctx())
	return struct {
		Rows  []flow.Row
		Types []client.Type
	}{f.Rows, types}, err
}

// picture serves the graph as an image: what stands in it can't run there.
func (c *Console) picture(w http.ResponseWriter, r *http.Request) {
	v := c.visit(w, r)
	if v.locked() {
		v.askForKey()
		return
	}
	f, err := v.api.Rules.Flow(v.ctx())
	if err != nil {
		v.fail(err)
		return
	}
	w.Header().Set("Content-Type", assetTypes[".svg"])
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
	_, _ = w.Write([]byte(f.SVG)) // a viewer who has gone misses nothing
}

func loadSources(v *visit) (any, error) {
	list, err := v.api.Sources.List(v.ctx())
	if statusOf(err) == http.StatusNotFound { // a program that has none
		list, err = nil, nil
	}
	return struct{ Sources []sources.Status }{list}, err
}

// onSource returns the action that pauses or resumes a source.
func onSource(act func(client.Sources, context.Context, string) (sources.Status, error), told string) action {
	return func(v *visit) (string, string, error) {
		_, err := act(v.api.Sources, v.ctx(), v.q("name"))
		return "sources", fmt.Sprintf(told, v.q("name")), err
	}
}

// sampleOf returns an event that a pattern is about, as far as its plain values tell.
func sampleOf(pattern json.RawMessage) map[string]any {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(pattern, &fields) // a pattern that serves is JSON
	e := map[string]any{"source": "example.app", "detail-type": "SomethingHappened", "detail": map[string]any{}}
	for _, name := range []string{"source", "detail-type", "detail"} {
		if value, ok := plain(fields[name]); ok {
			e[name] = value
		}
	}
	return e
}

// plain returns the first plain value of a pattern's field, and of an object those of its fields.
func plain(field json.RawMessage) (any, bool) {
	var list []any
	if json.Unmarshal(field, &list) == nil {
		for _, v := range list {
			if _, operator := v.(map[string]any); !operator {
				return v, true
			}
		}
		return nil, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(field, &fields) != nil {
		return nil, false
	}
	object := map[string]any{}
	for name, f := range fields {
		if v, ok := plain(f); ok {
			object[name] = v
		}
	}
	return object, true
}

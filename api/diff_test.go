package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/api"
	"signalbox/diff"
)

var farAhead = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)

func TestDiff(t *testing.T) {
	w := newWorld(t)
	ids := w.accept("250", "120", "0")
	req := api.DiffRequest{Rules: []api.RuleDocument{{Name: "new/rules.yaml", Text: strings.Replace(worldRules, "100", "200", 1)}}}
	got, err := w.client.Rules.Diff(t.Context(), req)
	must(t, err)
	if got.Events != 3 || got.Counts != (diff.Counts{Lost: 1}) || len(got.Changes) != 1 || len(got.Changes[0].Samples) != 1 {
		t.Fatalf("got %+v", got)
	}
	if s := got.Changes[0].Samples[0]; s.EventID != ids[1] || strings.Join(s.Why, "; ") != "detail.total: 120, wanted numeric > 200" || s.Before == nil || s.After != nil {
		t.Errorf("the sample is %+v", s)
	}
	body := func(change func(*api.DiffRequest)) string {
		asked := req
		change(&asked)
		text, err := json.Marshal(asked)
		must(t, err)
		return string(text)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"no rules", `{}`, http.StatusBadRequest, "there are no rules"},
		{"no rules at all is a candidate too", `{"rules": [{"name": "a.yaml", "text": "rules: []"}]}`, http.StatusOK, `"lost":`},
		{"rules with faults", `{"rules": [{"name": "new/a.yaml", "text": "rules: 1"}]}`, http.StatusBadRequest, "candidate:new/a.yaml:1:8"},
		{"a secret that may not be named", `{"rules": [{"name": "a.yaml", "text": "targets: {x: {type: http, url: \"http://h/${NO_SUCH}\"}}"}]}`, http.StatusBadRequest, "NO_SUCH is not set"},
		{"a member that is not known", body(func(*api.DiffRequest) {})[:1] + `"limit": 1,` + body(func(*api.DiffRequest) {})[1:], http.StatusBadRequest, "unknown member"},
		{"the future", body(func(r *api.DiffRequest) { r.Since = farAhead }), http.StatusBadRequest, "lies in the future"},
		{"a pattern that is none", body(func(r *api.DiffRequest) { r.Pattern = json.RawMessage(`{"source": "x"}`) }), http.StatusBadRequest, "pattern: "},
		{"another bus", body(func(r *api.DiffRequest) { r.Bus = "none" }), http.StatusOK, `"events":0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.ask(http.MethodPost, "/v1/diff", tt.body, tt.status, tt.want)
		})
	}
}

func TestShadow(t *testing.T) {
	w := newWorld(t)
	w.accept("250", "0")
	one := 1
	got, err := w.client.Rules.Shadow(t.Context(), "watched", diff.Range{Bus: "default", Samples: &one})
	must(t, err)
	if got.Gained != 2 || got.Before != 0 || len(got.Changes) != 1 || got.Changes[0].Target != "console" || len(got.Changes[0].Samples) != 1 {
		t.Errorf("got %+v", got)
	}
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/rules/default/watched/shadow?samples=0", 200, `"gained":2`},
		{"/v1/rules/default/watched/shadow?samples=101", 400, "write a number from 0 to 100"},
		{"/v1/rules/default/watched/shadow?samples=x", 400, "write a number from 0 to 100"},
		{"/v1/rules/default/watched/shadow?since=2999-01-01T00:00:00Z", 400, "lies in the future"},
		{"/v1/rules/default/big/shadow", 409, "is enabled, not in state shadow"},
		{"/v1/rules/default/watchd/shadow", 404, "did you mean"},
	} {
		t.Run(tt.path, func(t *testing.T) { w.ask(http.MethodGet, tt.path, "", tt.status, tt.want) })
	}
}

package api_test

import (
	"errors"
	"net/http"
	"testing"

	"signalbox/api"
	"signalbox/delivery"
)

func TestPausingOverHTTP(t *testing.T) {
	w := newWorld(t)
	for _, step := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/targets/console/pause", 200, `"state":"paused"`},
		{"/v1/targets/console/drain", 200, `"name":"console"`},
		{"/v1/targets/console/resume", 200, `"state":"ok"`},
		{"/v1/targets/console/retry", 200, `"name":"console"`},
		{"/v1/targets/nothing/retry", 404, `no target \"nothing\"`},
		{"/v1/targets/nothing/pause", 404, `no target \"nothing\"`},
		{"/v1/rules/default/unpaid/pause", 200, `"state":"paused","by":["command"]`},
		{"/v1/rules/default/nothing/pause", 404, `no rule \"nothing\" on bus \"default\"`},
	} {
		w.ask("POST", step.path, "", step.status, step.want)
	}
	w.ask("GET", "/v1/rules", "", 200, `"paused":[{"bus":"default","name":"unpaid","state":"paused"`)
	w.ask("POST", "/v1/rules/default/unpaid/resume", "", 200, `"name":"unpaid"`)
}

func TestPausingByClient(t *testing.T) {
	w := newWorld(t)
	s, err := w.client.Targets.Pause(t.Context(), "console")
	must(t, err)
	if s.State != delivery.Paused {
		t.Errorf("got %+v", s)
	}
	all, err := w.client.Targets.List(t.Context())
	must(t, err)
	if len(all) == 0 || all[0].Name != "console" || all[0].Pause == nil {
		t.Errorf("got %+v", all)
	}
	p, err := w.client.Rules.Pause(t.Context(), "default", "unpaid")
	must(t, err)
	if p.State != "paused" {
		t.Errorf("got %+v", p)
	}
	rules, err := w.client.Rules.List(t.Context())
	must(t, err)
	paused := 0
	for _, r := range rules {
		if r.Pause != nil {
			paused++
		}
	}
	if paused != 1 {
		t.Errorf("got %+v", rules)
	}
	var problem *api.Error
	if _, err := w.client.Targets.Drain(t.Context(), "x"); !errors.As(err, &problem) || problem.Status != http.StatusNotFound {
		t.Errorf("got %v", err)
	}
	_, err = w.client.Targets.Resume(t.Context(), "console")
	must(t, err)
	_, err = w.client.Rules.Resume(t.Context(), "default", "unpaid")
	must(t, err)
}

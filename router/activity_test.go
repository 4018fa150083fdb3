package router

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signalbox/rules"
	"signalbox/targets"
)

// TestRuleActivity: what a rule has done stays when it changes, and goes with it.
func TestRuleActivity(t *testing.T) {
	r := &Router{}
	r.metrics = newMetrics(prometheus.NewRegistry(), r)
	set := func(names ...string) *rules.Set {
		s := &rules.Set{Targets: map[string]targets.Config{"mail": {Name: "mail"}}}
		for _, name := range names {
			s.Rules = append(s.Rules, &rules.Rule{Bus: "default", Name: name})
		}
		return s
	}
	first, now := set("a", "b"), time.Date(2026, 1, 31, 15, 4, 5, 6, time.UTC)
	r.metrics.serve(nil, first, 10, 10)
	if got := r.Activity(first.Rules[0]); got != (RuleActivity{Bus: "default", Name: "a"}) {
		t.Errorf("before any event: %+v", got)
	}
	broken := errors.New("no tier\xff" + strings.Repeat("x", 2*maxConditionError))
	for _, rule := range first.Rules {
		r.metrics.accepted(&plan{matched: []rules.Matched{{Rule: rule}}}, now)
		r.metrics.conditionFailed(rule, "1", broken, now)
		r.metrics.conditionFailed(rule, "2", broken, now)
	}
	again := set("a", "c")
	r.metrics.serve(first, again, 10, 10)
	got := r.Activity(again.Rules[0])
	if !got.LastMatch.Equal(now) || got.ConditionErrors != 2 || got.LastError == nil {
		t.Fatalf("the rule has changed: %+v", got)
	}
	if e := got.LastError; e.EventID != "2" || !e.Time.Equal(now) || !strings.HasPrefix(e.Message, "no tier\ufffd") || len(e.Message) > maxConditionError+10 {
		t.Errorf("the last error is %+v", e)
	}
	r.metrics.serve(again, first, 10, 10)
	if got := r.Activity(first.Rules[1]); !got.LastMatch.IsZero() || got.ConditionErrors != 0 {
		t.Errorf("a rule that was gone: %+v", got)
	}
}

package playground_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/playground"
	"signalbox/rules/ruletest"
)

var defaults = event.Defaults{ID: "1", Account: "000000000000", Region: "local", Time: time.Unix(0, 0).UTC()}

const order = `{"source": "shop", "detail-type": "OrderCreated", "detail": {"total": 90, "note": "#1: [a]", "id": "007"}}`

func run(t *testing.T, trial playground.Trial) playground.Result {
	t.Helper()
	if trial.Event == nil {
		trial.Event = []byte(order)
	}
	r, err := playground.Run(trial, defaults)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	if r := run(t, playground.Trial{Pattern: []byte(`{"detail": {"total": [{"numeric": [">", 100]}]}}`)}); r.Matched || len(r.Failures) != 1 || r.Failures[0].Path != "detail.total" || r.Body != "" {
		t.Errorf("a near miss: %+v", r)
	}
	if r := run(t, playground.Trial{Pattern: []byte(`{"source": ["shop"]}`), When: "detail.total > 100"}); r.Matched || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the condition does not hold") {
		t.Errorf("a condition that does not hold: %+v", r)
	}
	if r := run(t, playground.Trial{Pattern: []byte(`{"source": ["shop"]}`)}); !r.Matched || !strings.Contains(r.Body, `"OrderCreated"`) {
		t.Errorf("a rule that sends the event: %+v", r)
	}
	if r := run(t, playground.Trial{Pattern: []byte(`{"source": ["shop"]}`), Transform: "detail.none.none"}); !r.Matched || r.BodyError == "" && r.Body == "" {
		t.Errorf("a transform that fails: %+v", r)
	}
	for text, trial := range map[string]playground.Trial{
		"(did you mean \"prefix\"?)": {Pattern: []byte(`{"source": [{"prefx": "a"}]}`)},
		"when":                       {Pattern: []byte(`{"source": ["a"]}`), When: "detail.total >"},
		"transform":                  {Pattern: []byte(`{"source": ["a"]}`), Transform: "detail..x"},
		"name":                       {Pattern: []byte(`{"source": ["a"]}`), Name: "no name"},
	} {
		if r := run(t, trial); len(r.Problems) == 0 || !strings.Contains(strings.Join(r.Problems, " "), text) || strings.Contains(strings.Join(r.Problems, " "), "rule.json") {
			t.Errorf("%+v: problems %q, want %q", trial, r.Problems, text)
		}
	}
	if _, err := playground.Run(playground.Trial{Event: []byte(`{"source": "a"}`), Pattern: []byte(`{"source": ["a"]}`)}, defaults); err == nil {
		t.Error("an event without a type is tried")
	}
}

// TestTheTestHolds runs the rule tests that come of trials against the rules that were tried.
func TestTheTestHolds(t *testing.T) {
	for name, trial := range map[string]playground.Trial{
		"matches":        {Pattern: []byte(`{"source": ["shop"]}`), Transform: `{order: detail.id, note: detail.note}`},
		"does not match": {Pattern: []byte(`{"source": ["another"]}`)},
	} {
		r := run(t, trial)
		dir := t.TempDir()
		rule := `{"targets": {"my-target": {"type": "log"}}, "rules": [{"name": "my-rule", "pattern": ` + string(trial.Pattern) + `, "targets": [{"target": "my-target", "transform": "` + trial.Transform + `"}]}]}`
		if trial.Transform == "" {
			rule = strings.Replace(rule, `, "transform": ""`, "", 1)
		}
		write(t, filepath.Join(dir, "r.json"), rule)
		test := filepath.Join(dir, "r_test.yaml")
		write(t, test, r.Test)
		set, err := rules.Load(rules.Source{Globs: []string{"r.json"}, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		files, err := ruletest.Load([]string{test})
		if err != nil {
			t.Fatalf("%s:\n%s%v", name, r.Test, err)
		}
		results, err := ruletest.Run(set, files, ruletest.Options{})
		if err != nil || len(results) != 1 || !results[0].Passed() {
			t.Errorf("%s:\n%s%+v, %v", name, r.Test, results, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

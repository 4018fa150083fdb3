// Package examples checks that every rule set here loads, without a warning,
// and passes its own tests.
package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/ruletest"
)

func TestExamples(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		dir := entry.Name()
		t.Run(dir, func(t *testing.T) {
			set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(dir, "*.yaml")}, Account: "000000000000", Region: "local"})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range set.Warnings {
				t.Errorf("warning: %s", w)
			}
			paths, err := ruletest.Discover(set)
			if err != nil || len(paths) == 0 {
				t.Fatalf("no rule tests: %v", err)
			}
			files, err := ruletest.Load(paths)
			if err != nil {
				t.Fatal(err)
			}
			results, err := ruletest.Run(set, files, ruletest.Options{Account: "000000000000", Region: "local"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				for _, f := range r.Failures {
					t.Errorf("%s: %s: %s", f.Pos, r.Name, f.Text)
				}
			}
			if len(results) == 0 {
				t.Error("the rule tests ran nothing")
			}
		})
	}
}

// Every sample must be an event that ingest takes.
func TestSampleEvents(t *testing.T) {
	paths, err := filepath.Glob("*/events/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sample events: %v", err)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(path, "put-events.json") {
				body = []byte(`{"Entries":` + string(body) + `}`)
				batch, err := event.DecodePutEvents(body, event.Limits{})
				if err != nil || batch.Refused != nil {
					t.Errorf("%v, %v", err, batch.Refused)
				}
				return
			}
			if _, err := event.DecodeJSON(body, event.Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
}

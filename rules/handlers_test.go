package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadDeclared loads rules beside a catalog of one command and one query.
func loadDeclared(t *testing.T, rules string) (*Set, error) {
	t.Helper()
	dir := t.TempDir()
	const types = "types:\n  - {name: CreateOrder, kind: command}\n  - {name: CountOrders, kind: query}\n"
	must(t, os.WriteFile(filepath.Join(dir, "types.yaml"), []byte(types), 0o600))
	const head = `targets:
  shop: {type: http, url: "http://127.0.0.1:1/"}
  other: {type: http, url: "http://127.0.0.1:1/"}
  jobs: {type: queue, url: "nats://127.0.0.1:1", stream: S, subject: jobs}
  console: {type: log}
rules:
`
	must(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(head+rules), 0o600))
	return Load(Source{Globs: []string{"rules.yaml"}, Catalog: []string{"types.yaml"}, Dir: dir})
}

func TestHandlers(t *testing.T) {
	const first = "  - {name: a, pattern: {detail-type: [CreateOrder]}, targets: [shop]}\n"
	for _, c := range []struct{ name, rules, fault, warning string }{
		{"one handler", first, "", ""},
		{"two rules", first + "  - {name: b, pattern: {detail-type: [CreateOrder, Other]}, targets: [other]}\n",
			`rules.yaml:8:5: rule "b": would be the second handler of the command CreateOrder; rule "a" is the first`, ""},
		{"two targets", "  - {name: a, pattern: {detail-type: [CreateOrder]}, targets: [shop, other]}\n",
			`rule "a": sends the command CreateOrder to 2 targets`, ""},
		{"the same source", "  - {name: a, pattern: {detail-type: [CreateOrder], source: [x, y]}, targets: [shop]}\n" +
			"  - {name: b, pattern: {detail-type: [CreateOrder], source: [y]}, targets: [shop]}\n", `second handler`, ""},
		{"other sources", "  - {name: a, pattern: {detail-type: [CreateOrder], source: [x]}, targets: [shop]}\n" +
			"  - {name: b, pattern: {detail-type: [CreateOrder], source: [y]}, targets: [shop]}\n", "", ""},
		{"a log looks on", first + "  - {name: b, pattern: {source: [x]}, targets: [console]}\n", "", ""},
		{"a condition may keep them apart", first + "  - {name: b, when: 'detail.total > 9', pattern: {detail-type: [CreateOrder]}, targets: [shop]}\n", "", ""},
		{"a disabled rule", first + "  - {name: b, state: disabled, pattern: {detail-type: [CreateOrder]}, targets: [shop]}\n", "", ""},
		{"a rule for events", first + "  - {name: b, kind: event, pattern: {detail-type: [CreateOrder]}, targets: [shop]}\n", "", ""},
		{"only logged", "  - {name: a, pattern: {detail-type: [CreateOrder]}, targets: [console]}\n", "", "only logs the command CreateOrder"},
		{"a query to a queue", "  - {name: a, pattern: {detail-type: [CountOrders]}, targets: [jobs]}\n", "", "from which no reply comes"},
		{"a command to a queue", "  - {name: a, pattern: {detail-type: [CreateOrder]}, targets: [jobs]}\n", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := loadDeclared(t, c.rules)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Fatalf("%v; want %s", err, c.fault)
				}
				return
			}
			must(t, err)
			var warnings []string
			for _, w := range set.Warnings {
				if s := w.Message; strings.Contains(s, "handle") || strings.Contains(s, "reply") {
					warnings = append(warnings, s)
				}
			}
			if text := strings.Join(warnings, "\n"); (text != "") != (c.warning != "") || !strings.Contains(text, c.warning) {
				t.Errorf("warnings %q; want %q", text, c.warning)
			}
		})
	}
}

// TestWithChecksAsFilesDo adds a rule in code that handles what a rule of a file handles.
func TestWithChecksAsFilesDo(t *testing.T) {
	set, err := loadDeclared(t, "  - {name: a, pattern: {detail-type: [CreateOrder]}, targets: [shop]}\n")
	must(t, err)
	second := *set.Rules[0]
	if _, err := set.With([]*Rule{&second}, nil); err == nil || !strings.Contains(err.Error(), `bus "default" has another of that name`) {
		t.Errorf("the same name: %v", err)
	}
	second.Name = "b"
	if _, err := set.With([]*Rule{&second}, nil); err == nil || !strings.Contains(err.Error(), "second handler") {
		t.Errorf("a second handler: %v", err)
	}
	second.State = Disabled
	more, err := set.With([]*Rule{&second}, nil)
	must(t, err)
	if len(more.Rules) != 2 || len(more.Warnings) != len(set.Warnings) {
		t.Errorf("%d rules, warnings %v; had %v", len(more.Rules), more.Warnings, set.Warnings)
	}
}

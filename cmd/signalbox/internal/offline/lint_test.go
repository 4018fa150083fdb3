package offline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/config"
)

func TestLint(t *testing.T) {
	const targets = "targets:\n  out: {type: log}\n  err: {type: log}\nrules:\n"
	tests := []struct {
		name, rules string
		want        []string // parts of the warnings, in their order
	}{
		{"nothing", `
  - {name: a, pattern: {source: [x]}, targets: [out]}
  - {name: b, pattern: {source: [y]}, targets: [out]}`, nil},
		{"a rule that repeats a wider one", `
  - {name: all, pattern: {source: [{prefix: x}]}, targets: [err, out]}
  - {name: some, pattern: {source: [xy]}, targets: [out]}`, []string{`rule "some": its targets get its events twice: rule "all" at `}},
		{"two that do the same are told of once", `
  - {name: a, pattern: {source: [x]}, targets: [out]}
  - {name: b, pattern: {source: [x]}, targets: [out]}`, []string{`rule "b": its targets`}},
		{"a wider one that sends something else, elsewhere, or not always", `
  - {name: a, pattern: {source: [x]}, targets: [out]}
  - {name: b, pattern: {source: [{prefix: x}]}, targets: [{target: out, input_path: $.detail}]}
  - {name: c, pattern: {source: [{prefix: x}]}, targets: [err]}
  - {name: d, pattern: {source: [{prefix: x}]}, when: detail.n > 1, targets: [out]}
  - {name: e, pattern: {source: [{prefix: x}]}, state: disabled, targets: [out]}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeIn(t, dir, "rules.yaml", targets+strings.TrimPrefix(tt.rules, "\n")+"\n")
			cfg, err := config.Load(writeIn(t, dir, "config.yaml", "rules: [rules.yaml]\n"))
			fatal(t, err)
			set, err := cfg.LoadRules()
			fatal(t, err)
			found := lint(set)
			if len(found) != len(tt.want) {
				t.Fatalf("found %v, want %q", found, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(found[i].Error(), want) {
					t.Errorf("found %v, want %q", found[i], want)
				}
			}
		})
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writeIn writes a file in a directory, and returns its path.
func writeIn(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

func TestMatchReadsFilesAndStandardInput(t *testing.T) {
	dir := t.TempDir()
	pattern := write(t, dir, "pattern.json", `{"detail":{"n":[1]}}`)
	event := write(t, dir, "event.json", "\xef\xbb\xbf"+`{"detail":{"n":1.0}}`)
	signalbox(t, "match", "--pattern", pattern, "--event", event).want(t, cli.ExitOK, "true\n", "")
	signalboxIn(t, `{"detail":{"n":2}}`, "match", "--pattern", pattern, "--event", "-").want(t, cli.ExitError, "false\n", "")
	signalbox(t, "match", "--pattern", pattern, "--event", filepath.Join(dir, "none.json")).want(t, cli.ExitError, "", "event: open")
}

func TestMatchOfPairs(t *testing.T) {
	lines := `{"pattern":{"a":[1.0]},"event":{"a":1}}
{"pattern":{"a":[1]},"event":{"a":2}}

{"pattern":{"a":[]},"event":{"a":2}}
{"pattern":{"a":[1]}}
nonsense
`
	o := signalboxIn(t, lines, "match", "--jsonl")
	got := strings.Split(strings.TrimSpace(o.stdout), "\n")
	want := []string{"true", "false", "error: Event pattern is not valid. Reason: Empty arrays are not allowed", "error: ", "error: "}
	if o.code != cli.ExitOK || len(got) != len(want) {
		t.Fatalf("exit code %d, %q", o.code, got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("line %d is %q, want %q", i+1, got[i], want[i])
		}
	}
	file := write(t, t.TempDir(), "pairs.jsonl", lines)
	if again := signalbox(t, "match", "--jsonl", file); again.stdout != o.stdout {
		t.Errorf("the file gives %q", again.stdout)
	}
	big := `{"pattern":{"a":[1]},"event":{"b":"` + strings.Repeat("x", 2<<20) + `","a":1}}`
	signalboxIn(t, big, "match", "--jsonl").want(t, cli.ExitOK, "true\n", "")
}

func TestTestRunsTheTestsBesideTheRules(t *testing.T) {
	dir := t.TempDir()
	config := write(t, dir, "config.yaml", "rules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "targets:\n  out: {type: log}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	tests := write(t, dir, "rules_test.yaml", `tests:
  - name: matches
    event: {source: x, detail-type: t, detail: {}}
    expect: {rules: [a], targets: [out]}
  - name: fails
    event: {source: y, detail-type: t, detail: {}}
    expect: {rules: [a]}
`)
	report := filepath.Join(dir, "report.xml")
	o := signalbox(t, "test", "--config", config, "--junit", report)
	o.want(t, cli.ExitError, "FAIL  fails", "")
	o.want(t, cli.ExitError, "1 passed, 1 failed", "")
	xml, err := os.ReadFile(report)
	must(t, err)
	if !strings.Contains(string(xml), `<testsuites tests="2" failures="1">`) {
		t.Errorf("the report is\n%s", xml)
	}
	signalbox(t, "test", "--config", config, "-o", "json").want(t, cli.ExitError, `"passed": 1,
  "failed": 1,`, "")
	signalbox(t, "test", "--config", config, "--run", "^match", "-v", tests).want(t, cli.ExitOK, "ok    matches\n", "")
}

func TestBench(t *testing.T) {
	dir := t.TempDir()
	events := write(t, dir, "events.jsonl", `{"source":"x"}`+"\n"+`{"source":"y"}`+"\n")
	patterns := write(t, dir, "patterns.jsonl", `{"source":["x"]}`+"\n"+`{"source":[{"exists":true}]}`+"\n")
	rules := write(t, dir, "rules.yaml", "targets:\n  out: {type: log}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	t.Chdir(dir)
	for name, tt := range map[string]struct {
		args    []string
		matches float64
	}{"patterns": {[]string{"--patterns", patterns}, 3}, "rules": {[]string{"--rules", rules}, 1}} {
		t.Run(name, func(t *testing.T) {
			o := signalbox(t, append([]string{"bench", "--events", events, "--duration", "1ms", "--output", "json"}, tt.args...)...)
			o.want(t, cli.ExitOK, "", "")
			var got map[string]float64
			must(t, json.Unmarshal([]byte(o.stdout), &got))
			for _, name := range []string{"events_per_second", "json_valid_events_per_second", "compile_seconds"} {
				if got[name] <= 0 {
					t.Errorf("%s is %v", name, got[name])
				}
			}
			if _, ok := got["heap_bytes"]; !ok || got["matches"] != tt.matches {
				t.Errorf("got %v, want %v matches", got, tt.matches)
			}
		})
	}
	signalbox(t, "bench", "--events", events, "--patterns", patterns, "--duration", "1ms").want(t, cli.ExitOK, "2 patterns, 2 events\n", "")
	signalbox(t, "bench", "--events", events, "--patterns", events, "--duration", "1ms").want(t, cli.ExitError, "", "pattern 1: Event pattern is not valid")
}

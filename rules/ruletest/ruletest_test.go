package ruletest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signalbox/document"
	"signalbox/rules"
)

// beside reads the rules that stand beside a test file.
func beside(t *testing.T, path string) *rules.Set {
	t.Helper()
	set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(filepath.Dir(path), "*.yaml")}, Account: "1", Region: "eu"})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// write puts a test file beside the rules of testdata, so that the paths in it
// start there.
func write(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"shop.yaml", "other.yaml", "event.json", "events.json", "request.http"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "shop_test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// one runs a file with a single test.
func one(t *testing.T, text string) Result {
	t.Helper()
	path := write(t, text)
	files, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(beside(t, path), files, Options{Account: "1", Region: "eu"})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 {
		t.Fatalf("%d results, want 1", len(results))
	}
	return results[0]
}

const bigOrder = `
tests:
  - name: t
    event: {source: shop.orders, detail-type: T, detail: {id: "7", total: 200}}
    expect: `

func TestRun(t *testing.T) {
	tests := []struct {
		name, text string
		// want are the failures; none means that the test passes.
		want []string
	}{
		{"rules", bigOrder + `[big, every, other, watched]`, nil},
		{"a repeated rule", bigOrder + `[big, big, every, other, watched]`, []string{"rule big does not match, and should: it is listed more than once"}},
		{"order makes no difference", bigOrder + `{rules: [other, watched, every, big]}`, nil},
		{"a rule too few", bigOrder + `[big, every, other]`, []string{"rule watched matches, and should not"}},
		{"none", bigOrder + `none`, []string{
			"rule big matches, and should not", "rule every matches, and should not",
			"rule other matches, and should not", "rule watched matches, and should not"}},
		{"no such rule", bigOrder + `[bigg, every, other, watched]`, []string{`no rule "bigg" on bus "default" (did you mean "big"?)`, "rule big matches, and should not"}},
		{"a rule that misses", "\ntests: [{name: t, event: event.json, expect: [big, every, other, watched]}]", []string{"rule big does not match, and should: detail.total: 5, wanted numeric > 100"}},
		{"a condition that does not hold", "\ntests: [{name: t, event: {source: shop.mail, detail-type: T, detail: {a: {b: 1}}}, expect: [conditional]}]",
			[]string{"rule conditional does not match, and should: the pattern matches, and the condition does not hold: detail.a.b > 1"}},
		{"a rule of another file", "\nrules: [other.yaml]\ntests: [{name: t, event: event.json, expect: [every, other]}]",
			[]string{"rule every does not match, and should: it matches, and stands in a file that this test is not about"}},
		{"a disabled rule", bigOrder + `[big, every, other, watched, "off"]`, []string{"rule off does not match, and should: it is disabled"}},
		{"targets count each delivery", bigOrder + `{targets: [warehouse, console, console, console]}`, nil},
		{"a target too few", bigOrder + `{targets: [warehouse, console, console]}`, []string{"target console gets the event from big and every and other, and should not"}},
		{"a target too many", bigOrder + `{targets: [warehouse, warehouse, console, console, console]}`, []string{"target warehouse does not get the event, and should"}},
		{"no such target", bigOrder + `{targets: [warehouse, console, console, console, wharehouse]}`, []string{`no target "wharehouse"`}},
		{"no targets", "\ntests: [{name: t, event: {source: x, detail-type: T, detail: {}}, expect: {rules: none, targets: none}}]", nil},
		{"a body as JSON", bigOrder + `{bodies: {warehouse: {text: order 7, order: "7"}}}`, nil},
		{"a body as text", bigOrder + `{bodies: {warehouse: '{"order": "7", "text": "order 7"}'}}`, nil},
		{"a body as other JSON text", bigOrder + `{bodies: {warehouse: '{"text":"order 7","order":"7"}'}}`, nil},
		{"a body that is a string", bigOrder + `{bodies: {big/note: big}}`, nil},
		{"a body that is a string, in quotes", bigOrder + `{bodies: {big/note: '"big"'}}`, nil},
		{"the event itself", bigOrder + `
      bodies:
        every/console:
          {version: "0", id: 00000000-0000-4000-8000-000000000000, detail-type: T, source: shop.orders,
          account: "1", time: "2026-01-01T00:00:00Z", region: eu, resources: [], detail: {id: "7", total: 2e2}}`, nil},
		{"another body", bigOrder + `{bodies: {warehouse: {order: "8", text: order 7}}}`,
			[]string{"the body for warehouse is not as expected:\n  {\n-   \"order\": \"8\",\n+   \"order\": \"7\",\n    \"text\": \"order 7\"\n  }"}},
		{"an ambiguous body", bigOrder + `{bodies: {console: big}}`, []string{"3 deliveries go to console: write which as big/console or every/console"}},
		{"a body of nothing", bigOrder + `{bodies: {every/warehouse: big}}`,
			[]string{"nothing is sent to every/warehouse; there are big/warehouse, big/console, every/console, other/console"}},
		{"a shadow rule sends nothing", bigOrder + `{bodies: {watched/warehouse: 1}}`,
			[]string{"nothing is sent to watched/warehouse; there are big/warehouse, big/console, every/console, other/console"}},
		{"a condition that fails", "\ntests: [{name: t, event: {source: shop.mail, detail-type: T, detail: {}}, expect: none}]",
			[]string{"rule conditional does not match, because its condition failed: when: at byte"}},
		{"a transform that fails", "\ntests: [{name: t, event: {source: shop.hollow, detail-type: T, detail: {}}, expect: {bodies: {console: 1}}}]",
			[]string{"hollow/console would go to the dead-letter queue: input_path $.detail.none: the event has no such value"}},
		{"another bus", "\ntests: [{name: t, bus: returns, event: event.json, expect: [returned]}]", nil},
		{"no such bus", "\ntests: [{name: t, bus: nowhere, event: event.json, expect: none}]", []string{`no bus "nowhere"`}},
		{"a webhook", "\ntests: [{name: t, webhook: {hook: shop, request: request.http}, expect: [hooked]}]", nil},
		{"no such hook", "\ntests: [{name: t, webhook: {hook: shops, request: request.http}, expect: none}]", []string{`no hook "shops" (did you mean "shop"?)`}},
		{"a webhook that becomes no event", "\ntests: [{name: t, webhook: {hook: broken, request: request.http}, expect: none}]", []string{"the hook makes no event of the request: id of the hook: body.a.b"}},
		{"an event from a file", "\ntests: [{name: t, event: event.json, expect: [every, other, watched]}]", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := one(t, tt.text)
			var got []string
			for _, f := range result.Failures {
				if f.Pos.Line == 0 {
					t.Errorf("failure %q has no line", f.Text)
				}
				got = append(got, f.Text)
			}
			same := slices.EqualFunc(got, tt.want, func(g, w string) bool { return strings.HasPrefix(g, w) })
			if !same {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if result.Passed() != (len(tt.want) == 0) {
				t.Errorf("Passed is %v", result.Passed())
			}
		})
	}
}

func TestRunOnlyTheRulesOfAFile(t *testing.T) {
	path := write(t, "rules: [other.yaml]\ntests: [{name: t, event: event.json, expect: [other]}]")
	set := beside(t, path)
	files, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(set, files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || !results[0].Passed() {
		t.Errorf("got %+v", results)
	}

	files[0].Rules = []string{"absent.yaml"}
	_, err = Run(set, files, Options{})
	if err == nil || !strings.Contains(err.Error(), "absent.yaml is none of the rule files that were loaded") {
		t.Errorf("error %v", err)
	}
}

func TestRunSelected(t *testing.T) {
	path := write(t, "tests: [{name: first one, event: event.json, expect: none}, {name: second, event: event.json, expect: none}]")
	files, err := Load([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(beside(t, path), files, Options{Run: regexp.MustCompile("^first")})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || results[0].Name != "first one" {
		t.Errorf("got %+v", results)
	}
}

func TestLoadErrors(t *testing.T) {
	const ev = "event: {source: s, detail-type: T, detail: {}}"
	tests := []struct{ name, text, want string }{
		{"empty", "", "shop_test.yaml: holds no tests"},
		{"no tests", "tests: []", "shop_test.yaml:1:1: tests: must be a list of tests"},
		{"broken", "tests: [", "shop_test.yaml:1:"},
		{"unknown key", "tests: [{name: t, " + ev + ", expect: none, expects: 1}]", `unknown key "expects"`},
		{"unknown key of the file", "rule: []\ntests: []", `shop_test.yaml:1:1: unknown key "rule" (did you mean "rules"?)`},
		{"unknown key of expect", "tests:\n- name: t\n  " + ev + "\n  expect:\n    rules: none\n    bodie: {}", `shop_test.yaml:6:5: test "t": expect: unknown key "bodie" (did you mean "bodies"?)`},
		{"unknown key of a webhook", "tests:\n- name: t\n  webhook: {hook: shop,\n    reqest: request.http}\n  expect: none", `shop_test.yaml:4:5: test "t": webhook: unknown key "reqest" (did you mean "request"?)`},
		{"unknown key of an event", "tests:\n- name: t\n  event:\n    source: s\n    detailtype: T\n  expect: none", `shop_test.yaml:5:5: test "t": event: detailtype: unknown member of an event envelope (did you mean "detail-type"?)`},
		{"no name", "tests: [{" + ev + ", expect: none}]", "shop_test.yaml:1:9: tests[0]: has no name"},
		{"one name twice", "tests:\n- {name: t, " + ev + ", expect: none}\n- {name: t, " + ev + ", expect: none}", `shop_test.yaml:3:3: test "t": stands twice`},
		{"no event", "tests: [{name: t, expect: none}]", `shop_test.yaml:1:9: test "t": event: is missing`},
		{"an event that is a list", "tests: [{name: t, event: [], expect: none}]", `test "t": event: must be an event, or the path of a JSON file, not`},
		{"an event without source", "tests: [{name: t, event: {detail-type: T, detail: {}}, expect: none}]", `test "t": event: source: is required and must not be empty`},
		{"no such file", "tests: [{name: t, event: gone.json, expect: none}]", "gone.json: no such file or directory"},
		{"a file of two events", "tests: [{name: t, event: events.json, expect: none}]", "events.json holds 2 events: a test has one"},
		{"a file that is no event", "tests: [{name: t, event: shop.yaml, expect: none}]", "not valid JSON"},
		{"a webhook and an event", "tests: [{name: t, bus: b, webhook: {hook: shop, request: request.http}, expect: none}]", `test "t": has a webhook, of which its hook makes the event`},
		{"a webhook without a hook", "tests: [{name: t, webhook: {request: request.http}, expect: none}]", `test "t": webhook: must have hook:, the name of one, and request:`},
		{"a webhook of no request", "tests: [{name: t, webhook: {hook: shop, request: event.json}, expect: none}]", "event.json: has no empty line"},
		{"a webhook of no file", "tests: [{name: t, webhook: {hook: shop, request: gone.http}, expect: none}]", "gone.http: no such file or directory"},
		{"no expect", "tests: [{name: t, " + ev + "}]", `test "t": expect: is missing: write rules, targets or bodies, or none`},
		{"an empty expect", "tests: [{name: t, " + ev + ", expect: {}}]", `test "t": expect: is empty: write none if no rule is to match`},
		{"expect a word", "tests: [{name: t, " + ev + ", expect: nothing}]", `test "t": expect: must be none, a list of rules, or a mapping`},
		{"rules a word", "tests: [{name: t, " + ev + ", expect: {rules: big}}]", `test "t": expect.rules: must be a list of names, or none`},
		{"bodies a list", "tests: [{name: t, " + ev + ", expect: {bodies: [1]}}]", `test "t": expect.bodies: must be a mapping from targets to bodies`},
		{"a body twice", "tests: [{name: t, " + ev + ", expect: {bodies: {a: 1, a: 2}}}]", `expect.bodies.a: the key stands twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load([]string{write(t, tt.text)})
			if all := (document.Errors{}); !errors.As(err, &all) {
				t.Fatalf("error %v is no document.Errors", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoadReportsAllFiles(t *testing.T) {
	_, err := Load([]string{write(t, ""), write(t, "tests: []"), filepath.Join(t.TempDir(), "gone_test.yaml")})
	var all document.Errors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestExpandAndDiscover(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b_test.yaml", "a.test.yml", "shop.yaml", ".hidden_test.yaml", "c_test.json", "d_test.yaml.bak"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("rules: []"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "a.test.yml"), filepath.Join(dir, "b_test.yaml")}
	got, err := Expand([]string{dir})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Expand of the directory: %v, %v; want %v", got, err, want)
	}
	single := filepath.Join(dir, "shop.yaml")
	if got, err := Expand([]string{single}); err != nil || !slices.Equal(got, []string{single}) {
		t.Errorf("Expand of a file: %v, %v", got, err)
	}
	if _, err := Expand([]string{filepath.Join(dir, "gone")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Expand of nothing: %v", err)
	}
	set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(dir, "*.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Discover(set); err != nil || !slices.Equal(got, want) {
		t.Errorf("Discover: %v, %v; want %v", got, err, want)
	}
}

func TestDifference(t *testing.T) {
	tests := []struct {
		name, want, got string
		same            bool
	}{
		{"numbers by value", `[1, -0, 250.00]`, `[1.0, 0, 2.5e2]`, true},
		{"numbers beyond a double", `[9007199254740993]`, `[9007199254740992]`, false},
		{"huge exponents by spelling", `[1e99999]`, `[1e99999]`, true},
		{"huge exponents of other spelling", `[1e99999]`, `[10e99998]`, false},
		{"keys in any order", `{a: 1, b: [true, null]}`, `{"b":[true,null],"a":1}`, true},
		{"another key", `{a: 1}`, `{"b":1}`, false},
		{"a key too many", `{a: 1}`, `{"a":1,"b":1}`, false},
		{"items in another order", `[1, 2]`, `[2,1]`, false},
		{"a number is no string", `[1]`, `["1"]`, false},
		{"text of several lines", "|\n  \"a\"\n  \"b\"\n", "\"a\"\n\"b\"\n", true},
		{"text that differs", `hello`, `"hallo"`, false},
		{"JSON for a body that is not", `{a: 1}`, `{"a":`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := document.Parse("t.yaml", []byte(tt.want))
			if err != nil {
				t.Fatal(err)
			}
			if got := difference(n, []byte(tt.got)); (got == "") != tt.same {
				t.Errorf("difference is %q", got)
			}
		})
	}
}

func TestLineDifference(t *testing.T) {
	tests := []struct{ name, want, got, diff string }{
		{"a line changed", "a\nb\nc", "a\nx\nc", "  a\n- b\n+ x\n  c"},
		{"a line more", "a\nc", "a\nb\nc", "  a\n+ b\n  c"},
		{"a line less", "a\nb", "b", "- a\n  b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lineDifference(tt.want, tt.got); got != tt.diff {
				t.Errorf("got\n%s\nwant\n%s", got, tt.diff)
			}
		})
	}
	t.Run("long texts are cut", func(t *testing.T) {
		got := lineDifference(strings.Repeat("a\n", 100_000), "b")
		if n := strings.Count(got, "\n"); n > 2*maxDiffLines {
			t.Errorf("%d lines", n)
		}
	})
}

func reported(t *testing.T) []Result {
	t.Helper()
	first := write(t, "tests: [{name: good, event: event.json, expect: [every, other, watched]}, {name: bad <1>, event: event.json, expect: none}]")
	second := write(t, "tests: [{name: fine, event: event.json, expect: {targets: [console, console]}}]")
	files, err := Load([]string{first, second})
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(beside(t, first), files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestWriteText(t *testing.T) {
	results := reported(t)
	var out bytes.Buffer
	if err := WriteText(&out, results, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ok    good\nFAIL  bad <1>\n      " + results[1].Failures[0].Pos.String() + ": rule every matches, and should not\n",
		"shop_test.yaml: 1 passed, 1 failed\nok    fine\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if !strings.HasSuffix(out.String(), "\n2 passed, 1 failed\n") {
		t.Errorf("the last line is not the sum:\n%s", &out)
	}
	out.Reset()
	if err := WriteText(&out, results, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "ok ") {
		t.Errorf("tests that pass have a line:\n%s", &out)
	}
}

func TestWriteJUnit(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJUnit(&out, reported(t)); err != nil {
		t.Fatal(err)
	}
	var report junitReport
	if err := xml.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in\n%s", err, &out)
	}
	if report.Tests != 3 || report.Failures != 1 || len(report.Suites) != 2 {
		t.Fatalf("got %+v", report)
	}
	bad := report.Suites[0].Cases[1]
	if bad.Name != "bad <1>" || bad.Line != 1 || bad.Failure == nil || bad.Failure.Message != "rule every matches, and should not" {
		t.Errorf("got %+v with failure %+v", bad, bad.Failure)
	}
	if report.Suites[0].Cases[0].Failure != nil || report.Suites[1].Failures != 0 {
		t.Errorf("a test that passed is reported as failed:\n%s", &out)
	}
}

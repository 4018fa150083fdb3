package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"signalbox/document"
	"signalbox/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// loadText loads the rule files of a test, given by their names.
func loadText(t testing.TB, files map[string]string, previous *Set) (*Set, string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	set, err := Load(Source{Globs: []string{"."}, Dir: dir, Previous: previous})
	return set, dir, err
}

func mustLoad(t testing.TB, text string) *Set {
	t.Helper()
	set, _, err := loadText(t, map[string]string{"rules.yaml": text}, nil)
	must(t, err)
	return set
}

// shopEvent is an event and its envelope.
func shopEvent(bus, detail string) (*event.Event, []byte) {
	ev := &event.Event{ID: "e1", Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(detail), Time: time.Unix(1e9, 0)}
	ev.Meta.Bus = bus
	return ev, fmt.Appendf(nil, `{"version":"0","id":"e1","detail-type":"OrderCreated","source":"shop.orders","resources":[],"detail":%s}`, detail)
}

// matchedNames are the rules that an event matches, with a ! behind those whose
// condition failed.
func matchedNames(s *Set, bus, detail string) []string {
	ev, envelope := shopEvent(bus, detail)
	names := []string{}
	for _, m := range s.Match(ev, envelope, nil) {
		name := m.Rule.Name
		if m.Err != nil {
			name += "!"
		}
		names = append(names, name)
	}
	return names
}

func TestLoadGood(t *testing.T) {
	set, err := Load(Source{Globs: []string{"testdata/good"}, Account: "000000000000", Region: "local"})
	must(t, err)
	var names []string
	for _, r := range set.Rules {
		names = append(names, r.Bus+"/"+r.Name)
	}
	if want := []string{"default/all-orders", "default/big-orders", "default/switched-off", "orders/on-orders"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	mail := set.Targets["mail"]
	if mail.Retry.MaxAttempts != 5 || mail.Retry.MaxAge != 7*24*time.Hour || mail.RateLimit.N != 300 || mail.Timeout != 10*time.Second || mail.Concurrency != 32 {
		t.Errorf("target mail: %+v", mail)
	}
	big := set.Rule(DefaultBus, "big-orders")
	if r := big.Targets[0].Retry; r == nil || r.MaxAttempts != 9 || r.MaxAge != 7*24*time.Hour {
		t.Errorf("the rule's retry: %+v", r)
	}
	if pos := big.Pos.String(); pos != "testdata/good/orders.yaml:19:5" {
		t.Errorf("the rule is at %s", pos)
	}
	text, err := json.Marshal(set.On(DefaultBus)[:2])
	must(t, err)
	const want = `[{"name":"all-orders","bus":"default","arn":"arn:aws:events:local:000000000000:rule/all-orders","state":"shadow","pattern":{"source":["shop.orders"]},"targets":[{"id":"console","target":"console","input":{"constant":[1,2.50]}},{"id":"onwards","target":"onwards"}],"position":"testdata/good/orders.yaml:34:5"},` +
		`{"name":"big-orders","bus":"default","arn":"arn:aws:events:local:000000000000:rule/big-orders","description":"Orders over 100 go to the warehouse first.","state":"enabled","pattern":{"source":["shop.orders"],"detail-type":["OrderCreated"],"detail":{"total":[{"numeric":["\u003e",100]}]}},"when":"detail.total \u003e detail.paid","targets":[{"id":"warehouse","target":"warehouse","input_transformer":{"input_paths_map":{"id":"$.detail.orderId"},"input_template":"{\"order\": \u003cid\u003e}"},"retry":{"max_attempts":9,"max_age":"7d","min_backoff":"1s","max_backoff":"10m"}},{"id":"console","target":"console"}],"position":"testdata/good/orders.yaml:19:5"}]`
	if string(text) != want {
		t.Errorf("as JSON\ngot  %s\nwant %s", text, want)
	}
}

func TestMatch(t *testing.T) {
	set, err := Load(Source{Globs: []string{"testdata/good"}})
	must(t, err)
	tests := []struct {
		name, bus, detail string
		want              []string
	}{
		{"pattern and condition hold", "", `{"total": 150, "paid": 100.5}`, []string{"all-orders", "big-orders"}},
		{"the condition does not hold", "", `{"total": 150, "paid": 150}`, []string{"all-orders"}},
		{"the pattern does not match", "default", `{"total": 50, "paid": 0}`, []string{"all-orders"}},
		{"the condition fails", "", `{"total": 150}`, []string{"all-orders", "big-orders!"}},
		{"another bus", "orders", `{"total": 150}`, []string{"on-orders"}},
		{"no such bus", "nowhere", `{"total": 150}`, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := matchedNames(set, tt.bus, tt.detail); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	tests := []struct {
		name, when, detail string
		want               string // empty: no match; else the end of the rule's name
	}{
		{"the envelope", `source == "shop.orders" and detail_type == "OrderCreated" and id == "e1"`, `{}`, "r"},
		{"metadata", `metadata.bus == "" and not metadata.synthetic`, `{}`, "r"},
		{"integers and floats compare", `detail.a == detail.b and detail.c > detail.a`, `{"a": 1, "b": 1.0, "c": 1.5}`, "r"},
		{"large integers keep all digits", `detail.a == detail.b`, `{"a": 9007199254740993, "b": 9007199254740992}`, ""},
		{"no boolean", `detail.flag`, `{"flag": "yes"}`, "r!"},
		{"a number too large", `detail.a > 1`, `{"a": 1e999}`, "r!"},
		{"too much memory", `len(map(1..100000000, #)) > 0`, `{}`, "r!"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := mustLoad(t, fmt.Sprintf("rules: [{name: r, pattern: {source: [shop.orders]}, when: %q}]", tt.when))
			if got := strings.Join(matchedNames(set, "", tt.detail), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRevision(t *testing.T) {
	const a, b, target = "  - {name: a, pattern: {source: [x]}, targets: [t]}\n", "  - {name: b, pattern: {source: [y]}, targets: [t]}\n", "targets: {t: {type: log}}\n"
	dir := t.TempDir()
	revision := func(files ...string) string {
		t.Helper()
		old, err := filepath.Glob(filepath.Join(dir, "*"))
		must(t, err)
		for _, path := range old {
			must(t, os.Remove(path))
		}
		for i, text := range files {
			must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o644))
		}
		set, err := Load(Source{Globs: []string{"*.yaml"}, Dir: dir})
		must(t, err)
		return set.Revision
	}
	first := revision(target + "rules:\n" + a + b)
	for name, same := range map[string]string{
		"order":    revision(target + "rules:\n" + b + a),
		"files":    revision("rules:\n"+b, target+"rules:\n"+a),
		"comments": revision("# x\n" + target + "rules:\n# y\n" + a + b),
	} {
		if same != first {
			t.Errorf("%s changed the revision", name)
		}
	}
	for name, other := range map[string]string{
		"pattern": revision(target + "rules:\n" + a + strings.Replace(b, "y", "z", 1)),
		"name":    revision(target + "rules:\n" + a + strings.Replace(b, "b", "c", 1)),
		"removal": revision(target + "rules:\n" + a),
		"target":  revision(strings.Replace(target, "log", "log, concurrency: 2", 1) + "rules:\n" + a + b),
		"bus":     revision("buses: {o: {}}\n" + target + "rules:\n" + a + b),
	} {
		if other == first {
			t.Errorf("a change of the %s kept the revision", name)
		}
	}
}

func TestWarnings(t *testing.T) {
	set, dir, err := loadText(t, map[string]string{
		"a.yaml":     "rules:\n  - {name: a, pattern: {source: [x], detail: {flag: [True]}}}\n",
		"empty.yaml": "",
	}, nil)
	must(t, err)
	var got []string
	for _, w := range set.Warnings {
		got = append(got, strings.TrimPrefix(w.Error(), dir+"/"))
	}
	want := []string{
		`a.yaml:2:5: rule "a": has no targets: it matches and counts, and sends nothing`,
		`a.yaml:2:54: rule "a": pattern.detail.flag[0]: True is the string "True" here; quote it, or write true, false or a number in JSON's form`,
		`empty.yaml: is empty: it holds no rules`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLoadWithoutRights(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), "rules: []")
	must(t, os.Chmod(dir, 0))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	if _, err := Load(Source{Globs: []string{"*.yaml"}, Dir: dir}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v", err)
	}
}

// FuzzLoad looks for rule files that break the loader rather than be reported.
func FuzzLoad(f *testing.F) {
	for _, glob := range []string{"testdata/good/*", "testdata/bad/*", "testdata/aws/*"} {
		files, _ := filepath.Glob(glob)
		for _, file := range files {
			if src, err := os.ReadFile(file); err == nil && len(src) < 4096 && !strings.HasSuffix(file, ".txt") {
				f.Add(string(src), strings.HasSuffix(file, ".json"))
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, src string, asJSON bool) {
		path := filepath.Join(dir, "x.yaml")
		if asJSON {
			path = filepath.Join(dir, "x.json")
		}
		must(t, os.WriteFile(path, []byte(src), 0o644))
		set, err := Load(Source{Globs: []string{path}})
		if err == nil {
			if _, err := json.Marshal(set.Rules); err != nil {
				t.Fatalf("a loaded set is no JSON: %v", err)
			}
			matchedNames(set, "", `{"total": 1}`)
			return
		}
		for _, p := range err.(document.Errors) {
			if p.Message == "" || p.Pos.File != path {
				t.Errorf("no message, or no place: %#v", p)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, when := range []bool{false, true} {
		b.Run(fmt.Sprintf("rules=100/when=%v", when), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("rules:\n")
			for i := range 100 {
				fmt.Fprintf(&text, "  - {name: r%d, pattern: {source: [shop.orders], detail: {total: [%d]}}", i, i%20)
				if when {
					text.WriteString(", when: detail.total < 100")
				}
				text.WriteString("}\n")
			}
			set := mustLoad(b, text.String())
			ev, envelope := shopEvent("", `{"total": 7, "items": ["a", "b", "c"]}`)
			var dst []Matched
			b.ReportAllocs()
			for b.Loop() {
				dst = set.Match(ev, envelope, dst[:0])
			}
			if len(dst) != 5 {
				b.Fatalf("%d rules match, want 5", len(dst))
			}
		})
	}
}

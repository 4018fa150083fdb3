package explain_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/explain"
	"signalbox/targets/kinds"
)

// load makes rules: one that wants each source, and some more.
func load(t *testing.T, sources int, more string) *rules.Set {
	t.Helper()
	var text strings.Builder
	text.WriteString("targets: {out: {type: log}}\nrules:\n" + more)
	for i := range sources {
		fmt.Fprintf(&text, "  - {name: other-%d, pattern: {source: [team-%d]}, targets: [out]}\n", i, i)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(rules.Source{Kinds: kinds.All(), Globs: []string{"r.yaml"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var defaults = event.Defaults{ID: "1", Account: "0", Region: "r", Bus: "default", Time: time.Unix(0, 0)}

func explained(t *testing.T, set *rules.Set, text string) explain.Explanation {
	t.Helper()
	e, envelope, err := explain.Read(set, []byte(text), defaults)
	if err != nil {
		t.Fatal(err)
	}
	x, err := explain.Event(set, e, envelope)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestNear(t *testing.T) {
	set := load(t, 300, `  - {name: hit, pattern: {source: [shop.orders]}, targets: [out]}
  - {name: big, pattern: {source: [shop.orders], detail: {total: [{numeric: [">", 100]}]}}, targets: [out]}
  - {name: misspelt, pattern: {source: [shop.order]}, targets: [out]}
  - {name: cased, pattern: {source: [SHOP.orders]}, targets: [out]}
  - {name: cancelled, pattern: {source: [shop.orders], detail-type: [Cancelled]}, targets: [out]}
`)
	x := explained(t, set, `{"source":"shop.orders","detail-type":"Created","detail":{"total":90}}`)
	near, far := x.Near()
	var names []string
	for _, r := range near {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "cased big misspelt" && got != "cased misspelt big" && got != "big cased misspelt" {
		t.Errorf("near: %s", got)
	}
	if fmt.Sprint(far) != "[{source 300} {detail-type 1}]" || len(x.Matched) != 1 || len(x.Unmatched) != 304 {
		t.Errorf("far: %v, %d and %d", far, len(x.Matched), len(x.Unmatched))
	}
	x.Unmatched = x.Unmatched[len(x.Unmatched)-5:]
	if near, far = x.Near(); len(near) != 5 || far != nil {
		t.Errorf("of a few: %d, %v", len(near), far)
	}
}

func TestOnly(t *testing.T) {
	set := load(t, 3, "")
	x := explained(t, set, `{"source":"team-1","detail-type":"T","detail":{}}`)
	if err := x.Only("othr-2"); err == nil || err.Error() != `no rule "othr-2" on bus "default" (did you mean "other-2"?)` {
		t.Errorf("a misspelt rule: %v", err)
	}
	x = explained(t, set, `{"source":"team-1","detail-type":"T","detail":{}}`)
	if err := x.Only("other-2"); err != nil || len(x.Matched) != 0 || len(x.Unmatched) != 1 {
		t.Errorf("%v: %+v", err, x)
	}
}

func TestReadRefuses(t *testing.T) {
	set := load(t, 1, "")
	for _, test := range []struct{ text, bus, want string }{
		{`{"detail-type":"T","detail":{}}`, "default", "source: is required"},
		{`{`, "default", "not valid JSON"},
		{`{"source":"a","detail-type":"T","detail":{}}`, "defualt", `no bus "defualt" (did you mean "default"?)`},
	} {
		d := defaults
		d.Bus = test.bus
		if _, _, err := explain.Read(set, []byte(test.text), d); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.text, err, test.want)
		}
	}
}

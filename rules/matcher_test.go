package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"signalbox/event"
)

// TestAFewChangesAmongManyRules: a Set that was built of one before matches as one that was built anew, whatever
// changed, and however often.
func TestAFewChangesAmongManyRules(t *testing.T) {
	const many = 300
	rng := rand.New(rand.NewPCG(1, 2))
	versions := map[int]int{}
	for i := range many {
		versions[i] = 0
	}
	documents := func() (all []Document) {
		for i := range many {
			v, ok := versions[i]
			if !ok {
				continue
			}
			all = append(all, Document{Path: fmt.Sprintf("%d.yaml", i), Text: fmt.Appendf(nil,
				"rules: [{name: r-%d, state: %s, pattern: {source: [s%d, all]}, targets: [t]}]\n", i, []string{"enabled", "disabled"}[v/7%2], v%3)})
		}
		return append(all, Document{Path: "t.yaml", Text: []byte("targets: {t: {type: log}}\n")})
	}
	load := func(previous *Set) *Set {
		set, err := Load(Source{Previous: previous, Others: []Documents{{Name: "api", Read: func() ([]Document, error) { return documents(), nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	names := func(set *Set, source string) string {
		ev := &event.Event{Source: source, DetailType: "T"}
		var all []string
		for _, m := range set.Match(ev, []byte(`{"source":"`+source+`","detail-type":"T","detail":{}}`), nil) {
			all = append(all, m.Rule.Name)
		}
		if !slices.IsSorted(all) {
			t.Errorf("not in order: %v", all)
		}
		return strings.Join(all, " ")
	}
	set, beside := load(nil), false
	for range 40 {
		for range 1 + rng.IntN(2) {
			if i := rng.IntN(many); rng.IntN(4) == 0 {
				delete(versions, i)
			} else {
				versions[i]++
			}
		}
		set = load(set)
		anew := load(nil)
		for _, source := range []string{"s0", "s1", "s2", "all", "none"} {
			if got, want := names(set, source), names(anew, source); got != want {
				t.Fatalf("%s: got %s, want %s", source, got, want)
			}
		}
		beside = beside || len(set.matchers[DefaultBus].recent.rules) > 0
	}
	if !beside {
		t.Error("no change was compiled beside the others")
	}
}

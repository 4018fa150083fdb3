package rules

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/rules/pattern"
)

// TestFlowIsWhatEachPairSays holds the steps of random rules against an oracle that asks each
// pair by itself.
func TestFlowIsWhatEachPairSays(t *testing.T) {
	edges, rounds := 0, 0
	for seed := range uint64(60) {
		set := randomLoops(t, rand.New(rand.NewPCG(seed, 2)))
		g := flowOf(set)
		for i, step := range g.steps {
			var want []int
			for j := range g.steps {
				if leads(set, step, g.steps[j].Rule) {
					want = append(want, j)
				}
			}
			if !slices.Equal(g.next[i], want) {
				t.Fatalf("seed %d: step %d of %s leads to %v, want %v", seed, i, step.Rule.Pattern.Source(), g.next[i], want)
			}
			if back := g.way(i, i); back != (g.round[i] > 0) {
				t.Fatalf("seed %d: a way from step %d back to it: %v, round %d", seed, i, back, g.round[i])
			}
			for j := range i {
				if together := g.way(i, j) && g.way(j, i); together != (g.round[i] > 0 && g.round[i] == g.round[j]) {
					t.Fatalf("seed %d: steps %d and %d lead to each other: %v, rounds %d and %d", seed, i, j, together, g.round[i], g.round[j])
				}
			}
			edges += len(want)
			rounds += min(1, g.round[i])
		}
	}
	if edges < 500 || rounds < 100 {
		t.Errorf("%d pairs and %d steps in rounds: that tests little", edges, rounds)
	}
}

// randomLoops returns rules of which many lead to others.
func randomLoops(t *testing.T, r *rand.Rand) *Set {
	t.Helper()
	pick := func(texts ...string) string { return texts[r.IntN(len(texts))] }
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(loopTargets, "\n"))
	for i := range 2 + r.IntN(20) {
		var asks []string
		for _, member := range []string{
			pick("", "detail-type: ["+pick("A", "B", "A, C", "D", "{prefix: C}", "{anything-but: [A]}", "1", "<x>")+"]"),
			pick("", "", "source: ["+pick("s", "t", "s, t", "{prefix: s}")+"]"),
		} {
			if member != "" {
				asks = append(asks, member)
			}
		}
		if asks == nil {
			asks = []string{"account: [\"1\"]"}
		}
		fmt.Fprintf(&b, "  - {name: r%d, bus: %s, pattern: {%s}, targets: [%s]}\n", i, pick("default", "default", "other", "third", "third.low"),
			strings.Join(asks, ", "), pick("a", "b", "c", "to-other", "to-default", "{target: c, emits: [A, D]}", "{target: c, emits: [<x>]}"))
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yaml"), b.String())
	set, err := Load(Source{Globs: []string{"rules.yaml"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// way reports whether a step leads to another, over others or not.
func (g *flow) way(from, to int) bool {
	seen := map[int]bool{}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g.next[queue[0]] {
			if next == to {
				return true
			}
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return false
}

// leads reports whether what a step makes can reach a rule.
func leads(s *Set, step Step, to *Rule) bool {
	bus := step.Rule.Bus
	config := s.Targets[step.Entry.Target]
	if other := config.ToBus(); other != "" {
		bus = other
	}
	if to.Bus != bus && !slices.Contains(s.Above(bus), to.Bus) {
		return false
	}
	if step.Types != nil {
		return slices.ContainsFunc(step.Types, func(name string) bool { return takes(memberOf(to, "detail-type"), "detail-type", name) })
	}
	for _, key := range []string{"detail-type", "source"} {
		if !pairMeets(memberOf(step.Rule, key), memberOf(to, key), key) {
			return false
		}
	}
	return true
}

// memberOf returns what a rule's pattern asks of one member; nil for nothing.
func memberOf(r *Rule, key string) json.RawMessage {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Pattern.Source(), &members); err != nil {
		panic(err)
	}
	return members[key]
}

func takes(ask json.RawMessage, key, value string) bool {
	if ask == nil {
		return true
	}
	p, err := pattern.Parse(fmt.Appendf(nil, `{%q:%s}`, key, ask), pattern.Options{Extensions: true})
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		panic(err)
	}
	ok, err := p.Match(text)
	return ok || err != nil
}

func pairMeets(a, b json.RawMessage, key string) bool {
	if a == nil || b == nil {
		return true
	}
	for _, pair := range [][2]json.RawMessage{{a, b}, {b, a}} {
		var values []string
		if json.Unmarshal(pair[0], &values) == nil {
			return slices.ContainsFunc(values, func(v string) bool { return takes(pair[1], key, v) })
		}
	}
	return true
}

package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/rules/pattern"
	"signalbox/targets"
)

// Step is one target entry on the way of events round a loop, and the types that
// it makes of what it gets. Types is nil where it passes on what it gets, as a
// bus target does.
type Step struct {
	Rule  *Rule
	Entry *RuleTarget
	Types []string
}

// Cycles finds loops: rules whose targets emit, by what they declare, or put on
// a bus, what leads back to the same rules. Of those that share a rule only one
// is given, the shortest. Only enabled rules are looked at; conditions and what
// patterns ask besides detail-type and source are not.
func Cycles(s *Set) [][]Step {
	g := flowOf(s)
	var cycles [][]Step
	done := map[int]bool{}
	for from := range g.steps {
		if done[from] {
			continue
		}
		cycle := g.shortest(from, done)
		for _, i := range cycle {
			done[i] = true
		}
		if cycle != nil {
			cycles = append(cycles, g.pick(cycle))
		}
	}
	return cycles
}

// flow is which target entries lead to which: steps[i] to steps[j] for each j in
// next[i].
type flow struct {
	set   *Set
	steps []Step
	next  [][]int
}

// maxFlow bounds the target entries of which each is held against each.
const maxFlow = 2000

// flowOf gathers the target entries that lead to events.
func flowOf(s *Set) *flow {
	g := &flow{set: s}
	for _, r := range s.Rules {
		if r.State != Enabled {
			continue
		}
		for i := range r.Targets {
			t := &r.Targets[i]
			switch {
			case len(t.Emits) > 0:
				g.steps = append(g.steps, Step{r, t, t.Emits})
			case traitsOf(s, t.Target).Forwards:
				g.steps = append(g.steps, Step{r, t, nil})
			}
		}
	}
	if len(g.steps) > maxFlow {
		g.steps = g.steps[:maxFlow]
	}
	g.next = make([][]int, len(g.steps))
	heads := make([]*head, len(g.steps))
	for i := range g.steps {
		heads[i] = headOf(g.steps[i].Rule)
	}
	for i, step := range g.steps {
		for j := range g.steps {
			if g.leads(step, heads[i], g.steps[j].Rule, heads[j]) {
				g.next[i] = append(g.next[i], j)
			}
		}
	}
	return g
}

// traitsOf returns what the kind of a target claims.
func traitsOf(s *Set, target string) targets.Traits {
	cfg := s.Targets[target]
	return cfg.Traits()
}

// leads reports whether what a step makes can reach a rule.
func (g *flow) leads(step Step, from *head, to *Rule, want *head) bool {
	bus := step.Rule.Bus
	config := g.set.Targets[step.Entry.Target]
	if to := config.ToBus(); to != "" {
		bus = to
	}
	if !slices.Contains(g.set.Above(bus), to.Bus) && to.Bus != bus {
		return false
	}
	if step.Types == nil {
		return from.meets(want)
	}
	return slices.ContainsFunc(step.Types, want.takesType)
}

// shortest finds the shortest way from a step back to itself, past those that
// are done.
func (g *flow) shortest(from int, done map[int]bool) []int {
	before := make([]int, len(g.steps))
	for i := range before {
		before[i] = -1
	}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, next := range g.next[at] {
			if next == from {
				way := []int{at}
				for at != from {
					at = before[at]
					way = append(way, at)
				}
				slices.Reverse(way)
				return way
			}
			if before[next] < 0 && !done[next] {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func (g *flow) pick(numbers []int) []Step {
	steps := make([]Step, len(numbers))
	for i, n := range numbers {
		steps[i] = g.steps[n]
	}
	return steps
}

// head is what a pattern asks of the type and the source; nil asks for nothing.
type head struct{ detailType, source *pattern.Pattern }

// headOf takes the two members out of a rule's pattern.
func headOf(r *Rule) *head {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Pattern.Source(), &members) != nil {
		return &head{} // which asks for nothing: no loop is missed
	}
	part := func(key string) *pattern.Pattern {
		if members[key] == nil {
			return nil
		}
		p, err := pattern.Parse(fmt.Appendf(nil, `{%q:%s}`, key, members[key]), pattern.Options{Extensions: true})
		if err != nil {
			return nil
		}
		return p
	}
	return &head{detailType: part("detail-type"), source: part("source")}
}

func (h *head) takesType(name string) bool { return takes(h.detailType, "detail-type", name) }

func takes(p *pattern.Pattern, key, value string) bool {
	if p == nil {
		return true
	}
	text, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		return true
	}
	ok, err := p.Match(text)
	return ok || err != nil
}

// meets reports whether an event can match both; where neither names a value, it is
// taken for granted.
func (h *head) meets(other *head) bool {
	return meet(h.detailType, other.detailType, "detail-type") && meet(h.source, other.source, "source")
}

func meet(a, b *pattern.Pattern, key string) bool {
	if a == nil || b == nil {
		return true
	}
	for _, pair := range [][2]*pattern.Pattern{{a, b}, {b, a}} {
		values, all := exact(pair[0], key)
		if all {
			return slices.ContainsFunc(values, func(v string) bool { return takes(pair[1], key, v) })
		}
	}
	return true
}

// exact returns the values that a pattern of one member names, and whether it
// takes no others.
func exact(p *pattern.Pattern, key string) (values []string, all bool) {
	var members map[string][]any
	if json.Unmarshal(p.Source(), &members) != nil {
		return nil, false
	}
	for _, item := range members[key] {
		value, ok := item.(string)
		if !ok {
			return nil, false
		}
		values = append(values, value)
	}
	return values, true
}

// warnOfLoops warns of every loop, at the first rule of it.
func warnOfLoops(s *Set, warnings *document.Problems) {
	for _, cycle := range Cycles(s) {
		first := cycle[0]
		warnings.Add(first.Entry.Pos, document.In(fmt.Sprintf("rule %q", first.Rule.Name)),
			"is part of a loop: %s; an event goes round until max_hops stops it: let one of the rules ask for more, or remove one", cycleText(cycle))
	}
}

// cycleText writes a loop from its first rule round to it again.
func cycleText(cycle []Step) string {
	var b strings.Builder
	for _, step := range cycle {
		makes := "the same event"
		if step.Types != nil {
			makes = strings.Join(step.Types, " or ")
		}
		fmt.Fprintf(&b, "%s/%s > %s -> %s -> ", step.Rule.Bus, step.Rule.Name, step.Entry.Target, makes)
	}
	fmt.Fprintf(&b, "%s/%s", cycle[0].Rule.Bus, cycle[0].Rule.Name)
	return b.String()
}

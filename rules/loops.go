package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
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
		if done[from] || g.round[from] == 0 {
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
	// round has a number for each step, which those share that lead to each other; nought for
	// a step from which no way leads back to it.
	round []int
}

// maxFlow bounds the target entries that are looked at.
const maxFlow = 2000

// flowOf gathers the target entries that lead to events.
func flowOf(s *Set) *flow {
	g := &flow{set: s}
	g.gather()
	heads := newHeads(g.steps)
	reach := map[string]map[string]bool{}
	g.next = make([][]int, len(g.steps))
	for i, step := range g.steps {
		bus := g.bus(step)
		if reach[bus] == nil {
			reach[bus] = map[string]bool{bus: true}
			for _, above := range s.Above(bus) {
				reach[bus][above] = true
			}
		}
		for j := range heads.takers(i, step.Types) {
			if reach[bus][g.steps[j].Rule.Bus] {
				g.next[i] = append(g.next[i], j)
			}
		}
	}
	g.findRounds()
	return g
}

// gather lists the steps.
func (g *flow) gather() {
	forwards := map[string]bool{}
	for name := range g.set.Targets {
		forwards[name] = traitsOf(g.set, name).Forwards
	}
	for _, r := range g.set.Rules {
		if r.State != Enabled {
			continue
		}
		for i := range r.Targets {
			t := &r.Targets[i]
			switch {
			case len(g.steps) == maxFlow:
				return
			case len(t.Emits) > 0:
				g.steps = append(g.steps, Step{r, t, t.Emits})
			case forwards[t.Target]:
				g.steps = append(g.steps, Step{r, t, nil})
			}
		}
	}
}

// traitsOf returns what the kind of a target claims.
func traitsOf(s *Set, target string) targets.Traits {
	cfg := s.Targets[target]
	return cfg.Traits()
}

// bus returns the bus on which the events of a step arrive.
func (g *flow) bus(step Step) string {
	config := g.set.Targets[step.Entry.Target]
	return cmp.Or(config.ToBus(), step.Rule.Bus)
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
			if before[next] < 0 && !done[next] && g.round[next] == g.round[from] {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// findRounds numbers the steps that lead to each other: the strongly connected components, by
// Tarjan's algorithm. Most steps are in none, and need no search.
func (g *flow) findRounds() {
	n := len(g.steps)
	g.round = make([]int, n)
	seen, low, open := make([]int, n), make([]int, n), make([]bool, n)
	var stack []int
	number, rounds := 0, 0
	var visit func(int)
	visit = func(at int) {
		number++
		seen[at], low[at], open[at] = number, number, true
		stack = append(stack, at)
		for _, next := range g.next[at] {
			switch {
			case seen[next] == 0:
				visit(next)
				low[at] = min(low[at], low[next])
			case open[next]:
				low[at] = min(low[at], seen[next])
			}
		}
		if low[at] < seen[at] {
			return
		}
		from := slices.Index(stack, at)
		members := stack[from:]
		stack = stack[:from]
		rounds++
		for _, i := range members {
			open[i] = false
			if len(members) > 1 || slices.Contains(g.next[i], i) {
				g.round[i] = rounds
			}
		}
	}
	for at := range g.steps {
		if seen[at] == 0 {
			visit(at)
		}
	}
}

func (g *flow) pick(numbers []int) []Step {
	steps := make([]Step, len(numbers))
	for i, n := range numbers {
		steps[i] = g.steps[n]
	}
	return steps
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

package console

import (
	"cmp"
	"fmt"
	"slices"

	"signalbox/api"
	"signalbox/delivery"
	"signalbox/flow"
	"signalbox/history"
)

// flowState is what goes through the graph, and how its targets stand.
type flowState struct {
	series  map[figure]history.Series
	targets map[string]api.TargetView
}

func (v *visit) flowState() (*flowState, error) {
	s := &flowState{series: map[figure]history.Series{}, targets: map[string]api.TargetView{}}
	for _, name := range []string{"matched", "rule_delivered", "rule_dead"} {
		all, err := v.figures(history.Filter{Name: name})
		if err != nil {
			return nil, err
		}
		all.by(s.series)
	}
	list, err := v.api.Targets.List(v.ctx())
	for _, t := range list {
		s.targets[t.Name] = t
	}
	return s, err
}

// flowEdge is an edge that leads to a target, with its figures.
type flowEdge struct {
	From, To string // nodes
	Rules    []flow.RuleRef
	Target   string
	// Delivered and Dead are of the last hour.
	Delivered, Dead chart
	// Fault is why not all is delivered, "shadow" of a rule that sends nothing, and Tone the
	// colour of that; both empty for none.
	Fault, Tone string
}

// edges returns the edges that lead to targets, those that fail first.
func (s *flowState) edges(g *flow.Graph) (all []flowEdge) {
	nodes, to := map[string]flow.Node{}, map[string]int{}
	for _, n := range g.Nodes {
		nodes[n.ID] = n
	}
	for _, e := range g.Edges {
		to[e.To]++
	}
	for _, e := range g.Edges {
		from, target := nodes[e.From], nodes[e.To]
		if from.Shape != flow.RuleNode || target.Shape != flow.Action {
			continue
		}
		x := flowEdge{From: e.From, To: e.To, Rules: from.Rules, Target: target.Target, Delivered: chart{Tone: "good"}, Dead: chart{Tone: "bad"}}
		for _, r := range from.Rules {
			x.Delivered.add(s.series[figure{"rule_delivered", r.Bus, r.Name, target.Target}])
			x.Dead.add(s.series[figure{"rule_dead", r.Bus, r.Name, target.Target}])
		}
		if x.Fault, x.Tone = from.Mark, "busy"; x.Fault == "" {
			x.Fault, x.Tone = s.fault(x.Target, x.Dead.Max() > 0 || to[e.To] == 1)
		}
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b flowEdge) int { return cmp.Compare(b.bad(), a.bad()) })
	return all
}

// bad is 1 for an edge that fails, else 0.
func (e *flowEdge) bad() int {
	if e.Tone == "bad" {
		return 1
	}
	return 0
}

// fault tells why a target does not take all that is sent over an edge; blamed means that its
// dead letters are of that edge.
func (s *flowState) fault(target string, blamed bool) (why, tone string) {
	t := s.targets[target]
	switch t.State {
	case delivery.Open, delivery.HalfOpen:
		return "circuit " + string(t.State), "bad"
	case delivery.Failing, delivery.Gone:
		return string(t.State), "bad"
	}
	if t.Dead > 0 && blamed {
		return fmt.Sprintf("%s dead", number(t.Dead)), "bad"
	}
	if t.State == delivery.Paused || t.State == delivery.Draining {
		return string(t.State), "late"
	}
	return "", ""
}

// matched returns how many events a second the rules of a node match.
func (s *flowState) matched(n *flow.Node) (sum float64) {
	for _, r := range n.Rules {
		sum += s.series[figure{"matched", r.Bus, r.Name, ""}].Last
	}
	return sum
}

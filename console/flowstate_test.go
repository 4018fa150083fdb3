package console

import (
	"fmt"
	"slices"
	"testing"

	"signalbox/api"
	"signalbox/delivery"
	"signalbox/flow"
	"signalbox/history"
	"signalbox/router"
)

// TestFlowFigures: an edge has the figures of its rules to its target, and the fault that is its own.
func TestFlowFigures(t *testing.T) {
	g := (&flow.Graph{
		Nodes: []flow.Node{
			{ID: "r:a", Shape: flow.RuleNode, Lines: []string{"a"}, Rules: []flow.RuleRef{{Bus: "x", Name: "a"}}},
			{ID: "r:b", Shape: flow.RuleNode, Lines: []string{"b"}, Rules: []flow.RuleRef{{Bus: "x", Name: "b"}}},
			{ID: "t", Shape: flow.Action, Target: "shop"}, {ID: "u", Shape: flow.Action, Target: "mail"},
		},
		Edges: []flow.Edge{{From: "r:a", To: "t"}, {From: "r:b", To: "t"}, {From: "r:b", To: "u"}},
	})
	target := func(name string, state delivery.State, dead uint64) api.TargetView {
		v := api.TargetView{TargetStatus: router.TargetStatus{Name: name}}
		v.State, v.Dead = state, dead
		return v
	}
	s := &flowState{series: map[figure]history.Series{}, targets: map[string]api.TargetView{
		"shop": target("shop", delivery.OK, 4), "mail": target("mail", delivery.Open, 0),
	}}
	figures{
		{Name: "matched", Bus: "x", Rule: "a", Last: 3}, {Name: "matched", Bus: "x", Rule: "b", Last: 4},
		{Name: "rule_delivered", Bus: "x", Rule: "a", Target: "shop", Last: 1, Points: []float64{2}},
		{Name: "rule_delivered", Bus: "x", Rule: "b", Target: "shop", Last: 2, Points: []float64{5}},
		{Name: "rule_dead", Bus: "x", Rule: "b", Target: "shop", Last: 0, Points: []float64{1, 0}},
	}.by(s.series)
	for _, tc := range []struct {
		rules bool
		want  []string
	}{
		{false, []string{"b shop 2 5 bad 4 dead", "b mail 0 0 bad circuit open", "a shop 1 2  "}},
		{true, []string{"2 rules shop 3 7 bad 4 dead", "b mail 0 0 bad circuit open"}},
	} {
		folded := g.Fold(tc.rules)
		names, got := map[string]string{}, []string{}
		for _, n := range folded.Nodes {
			names[n.ID] = n.Lines[0]
		}
		for _, e := range s.edges(folded) {
			got = append(got, fmt.Sprint(names[e.From], " ", e.Target, " ", e.Delivered.Last, " ", e.Delivered.Max(), " ", e.Tone, " ", e.Fault))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("got %q\nwant %q", got, tc.want)
		}
	}
	p, err := new(drawings).draw(g.Fold(true), s, s.edges(g.Fold(true)))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.Nodes {
		if n.Title == "2 rules, 7.0 matched/s" && n.Link == "/ui/flow?fold=none&target=shop" {
			return
		}
	}
	t.Errorf("the picture lacks the rules of shop: %+v", p.Nodes)
}

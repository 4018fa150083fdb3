package diff

import (
	"cmp"
	"slices"
	"time"

	"signalbox/journal"
)

// Result is what a candidate set of rules would have changed.
type Result struct {
	// Since and Until bound when the events that were compared were accepted: [Since, Until).
	// Partial means that they are the latest of those that were asked for: there was no time
	// for more.
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Partial bool      `json:"partial,omitempty"`
	// Events is how many were compared. Of those left out, Synthetic are test events, and
	// Unreadable have a damaged record.
	Events     int `json:"events"`
	Synthetic  int `json:"synthetic,omitempty"`
	Unreadable int `json:"unreadable,omitempty"`
	// Before and After count the deliveries that the rules which serve and the candidate plan.
	Before int `json:"deliveries_before"`
	After  int `json:"deliveries_after"`
	Counts
	// Change is Gained, Lost and Changed as a part of all deliveries that either plans, in
	// percent.
	Change float64 `json:"change_percent"`
	// Silenced are the events that had deliveries and would have none, and Roused those that
	// had none.
	Silenced int `json:"silenced,omitempty"`
	Roused   int `json:"roused,omitempty"`
	// Changes are by rule, entry and target, the most first; Omitted is how many more there
	// are.
	Changes []Group `json:"changes"`
	Omitted int     `json:"omitted,omitempty"`
	// Notes are what could not be compared.
	Notes []string `json:"notes,omitempty"`
}

// Counts counts the deliveries that differ.
type Counts struct {
	Gained  int `json:"gained"`
	Lost    int `json:"lost"`
	Changed int `json:"changed"`
	// Moved are made by another rule, to the same target with the same content: that is no
	// change.
	Moved int `json:"moved,omitempty"`
}

// Total returns how many deliveries changed.
func (c Counts) Total() int { return c.Gained + c.Lost + c.Changed }

func (c *Counts) add(change Change, n int) {
	switch change {
	case Gained:
		c.Gained += n
	case Lost:
		c.Lost += n
	case Changed:
		c.Changed += n
	case Moved:
		c.Moved += n
	}
}

// Group is what changes in the deliveries of an entry of a rule to a target.
type Group struct {
	Bus    string `json:"bus"`
	Rule   string `json:"rule"`
	Entry  string `json:"rule_target"`
	Target string `json:"target"`
	Counts
	Samples []Sample `json:"samples,omitempty"`
}

// The bounds of a result: the groups in it, and those that have samples.
const (
	maxGroups = 1000
	maxShown  = 50
)

// result sums up what was counted of the events from a number on.
func (c *comparison) result(t *tally, from journal.Seq) *Result {
	r := &Result{
		Since: from.Time(), Until: c.Until, Partial: from.Time().After(c.Since),
		Events: t.events, Synthetic: t.synthetic, Unreadable: t.unreadable,
		Before: t.deliveries[before], After: t.deliveries[after], Silenced: t.silenced, Roused: t.roused, Changes: []Group{},
	}
	groups := map[int]*Group{}
	for k, f := range t.changes {
		g := groups[k.slot]
		if g == nil {
			at := c.slots[k.slot].place
			g = &Group{Bus: at.bus, Rule: at.rule, Entry: at.entry, Target: at.target}
			groups[k.slot] = g
		}
		g.add(k.change, f.n)
		r.add(k.change, f.n)
	}
	if all := r.Before + r.Gained; all > 0 {
		r.Change = 100 * float64(r.Total()) / float64(all)
	}
	r.Notes = c.notes(t, groups)
	for i, n := range sorted(groups) {
		if i == maxGroups {
			r.Omitted = len(groups) - maxGroups
			break
		}
		if i < maxShown {
			groups[n].Samples = c.samplesOf(t, n)
		}
		r.Changes = append(r.Changes, *groups[n])
	}
	return r
}

// sorted returns the numbers of the groups, the most changed first.
func sorted(groups map[int]*Group) []int {
	numbers := make([]int, 0, len(groups))
	for n := range groups {
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, func(a, b int) int {
		return cmp.Or(cmp.Compare(groups[b].Total(), groups[a].Total()), cmp.Compare(groups[b].Moved, groups[a].Moved), cmp.Compare(a, b))
	})
	return numbers
}

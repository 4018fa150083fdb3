package dlq

import (
	"cmp"
	"slices"
	"time"

	"signalbox/journal"
)

// Group is the dead letters of one target that died of the same fault.
type Group struct {
	Target string `json:"target"`
	Code   string `json:"error_code"`
	// Status is the HTTP status of their last answers; 0 where there was none.
	Status int `json:"status,omitempty"`
	Count  int `json:"count"`
	// First and Last are when the first and the last of them came to the queue.
	First time.Time `json:"first_seen"`
	Last  time.Time `json:"last_seen"`
	// Message is the fault of the last of them, and Rules counts them by rule.
	Message string         `json:"error_message"`
	Rules   map[string]int `json:"rules"`
}

// Groups are dead letters by target and fault, the largest group first.
type Groups struct {
	Groups []Group `json:"groups"`
	// Looked counts the dead letters in them.
	Looked int `json:"looked"`
	// Next is where the grouping continues; empty where it is complete.
	Next string `json:"next_cursor,omitempty"`
}

// maxGrouped bounds the dead letters that are looked at for one answer.
const maxGrouped = 20_000

// fault is what the letters of a group have in common.
type fault struct {
	target, code string
	status       int
}

// Groups returns the dead letters of a target, or of all where it is empty, by fault: as many
// as may be looked at, from where an earlier answer ended.
func (q *letters) Groups(target, after string) (Groups, error) {
	all := Groups{Groups: []Group{}}
	from, err := q.place(grouped, after)
	if err != nil {
		return all, err
	}
	found := map[fault]*Group{}
	err = q.journal.Deliveries.DeadLetters(from, func(d journal.DeadLetter) bool {
		if all.Looked == maxGrouped {
			all.Next = q.cursor(grouped, journal.CursorOf(&d.Delivery))
			return false
		}
		if name := q.target(d.Delivery.Lane); target == "" || target == name {
			all.Looked++
			add(found, name, &d.Delivery)
		}
		return true
	})
	for _, g := range found {
		all.Groups = append(all.Groups, *g)
	}
	slices.SortFunc(all.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Status, b.Status))
	})
	return all, err
}

// add counts a dead letter in its group.
func add(found map[fault]*Group, target string, d *journal.Delivery) {
	death := d.Death
	if death == nil {
		death = &journal.Death{}
	}
	of := fault{target, death.Code, death.Status}
	g := found[of]
	if g == nil {
		g = &Group{Target: target, Code: death.Code, Status: death.Status, First: death.At, Rules: map[string]int{}}
		found[of] = g
	}
	g.Count++
	g.Rules[d.Rule]++
	if death.At.Before(g.First) {
		g.First = death.At
	}
	if !death.At.Before(g.Last) {
		g.Last, g.Message = death.At, death.Message
	}
}

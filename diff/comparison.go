package diff

import (
	"reflect"

	"signalbox/journal"
	"signalbox/router/render"
	"signalbox/rules"
	"signalbox/state"
)

// comparison is what all workers share. It is never changed once it is made.
type comparison struct {
	*Options
	sides [2]side // before and after
	slots []slot
}

// The sides of a comparison.
const (
	before = iota
	after
)

// place names deliveries that belong together.
type place struct{ bus, rule, entry, target string }

// slot is an entry of a rule, on one side or on both.
type slot struct {
	place
	rules   [2]*rules.Rule
	entries [2]*rules.RuleTarget // nil on the side that has none
	// alike means that both sides make the same of any event.
	alike bool
}

// side is one of two sets of rules; the set is nil where it is not looked at.
type side struct {
	render.Renderer
	// slots has those of the entries of each rule that sends something.
	slots map[*rules.Rule][]int
}

func newComparison(o *Options) *comparison {
	c := &comparison{Options: o}
	c.sides[after].Renderer = render.Renderer{Set: o.After, PublicURL: o.PublicURL}
	if o.Enable == nil {
		c.sides[before].Renderer = render.Renderer{Set: o.Before, PublicURL: o.PublicURL}
	}
	known := map[place]int{}
	for i := range c.sides {
		c.addSlots(i, known)
	}
	for i := range c.slots {
		c.slots[i].alike = c.alike(&c.slots[i])
	}
	return c
}

func (c *comparison) addSlots(number int, known map[place]int) {
	s := &c.sides[number]
	s.slots = map[*rules.Rule][]int{}
	if s.Set == nil {
		return
	}
	for _, rule := range s.Set.Rules {
		if !c.sends(rule) {
			continue
		}
		numbers := make([]int, len(rule.Targets))
		for i := range rule.Targets {
			to := &rule.Targets[i]
			at := place{rule.Bus, rule.Name, to.ID, to.Target}
			n, ok := known[at]
			if !ok {
				n = len(c.slots)
				known[at] = n
				c.slots = append(c.slots, slot{place: at})
			}
			c.slots[n].rules[number], c.slots[n].entries[number] = rule, to
			numbers[i] = n
		}
		s.slots[rule] = numbers
	}
}

// sends reports whether the deliveries of a rule are compared. Those of a paused rule are: they
// only wait.
func (c *comparison) sends(r *rules.Rule) bool {
	if c.Enable != nil {
		return r == c.Enable
	}
	return r.State == rules.Enabled || r.State == rules.Paused
}

// alike reports whether it can be told without rendering that both sides make the same of any
// event. What a state becomes in a notification, the catalog decides, and both have the same.
func (c *comparison) alike(s *slot) bool {
	b, a := s.entries[before], s.entries[after]
	if b == nil || a == nil {
		return false
	}
	if s.rules[before].ARN != s.rules[after].ARN || b.Carry != a.Carry || c.orderBy(before, s) != c.orderBy(after, s) {
		return false
	}
	return reflect.DeepEqual(b.Spec, a.Spec) && reflect.DeepEqual(b.HTTPParameters, a.HTTPParameters)
}

func (c *comparison) orderBy(side int, s *slot) string {
	if order := c.sides[side].Set.Orders[s.target]; order != nil {
		return order.Source()
	}
	return ""
}

// delivery renders the delivery of a slot on one side.
func (c *comparison) delivery(side int, s *slot, e *render.Event) render.Delivery {
	to := s.entries[side]
	e.Object = nil
	if to.Carry != "" {
		var err error
		if e.Object, err = state.Told(c.sides[side].Set.Catalog, e.Event); err != nil {
			return render.Delivery{Err: err}
		}
	}
	return c.sides[side].Delivery(e, s.rules[side], to)
}

// event returns a stored event as deliveries are rendered of it.
func eventOf(r *journal.Record) (render.Event, error) {
	e, err := r.Parsed()
	return render.Event{Event: e, Seq: r.Seq, Envelope: r.Envelope, Env: new(render.Env)}, err
}

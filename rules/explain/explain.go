// Package explain tells which rules an event matches, and why the others do not.
package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/pattern"
	"signalbox/spelling"
)

// Explanation is, for every rule on an event's bus, whether the event matches it.
type Explanation struct {
	Bus string `json:"bus"`
	// Kind is what the event was taken for. KindByName says that only its name tells
	// so: it is delivered as an event.
	Kind       event.Kind `json:"kind"`
	KindByName bool       `json:"kind_by_name,omitempty"`
	// Event is the envelope that was matched.
	Event   json.RawMessage `json:"event"`
	Matched []Rule          `json:"matched"`
	// Unmatched has near misses first.
	Unmatched []Rule `json:"unmatched"`
}

// Rule is what came of matching an event to one rule.
type Rule struct {
	Name string `json:"name"`
	// Bus is the rule's bus, where the event would bubble up to it.
	Bus   string      `json:"bus,omitempty"`
	State rules.State `json:"state"`
	// Position is where the rule stands: file:line:column.
	Position string   `json:"position"`
	Targets  []string `json:"targets,omitempty"`
	// Notes say what, besides the pattern, keeps the rule from matching or from
	// having an effect.
	Notes []string `json:"notes,omitempty"`
	// Failures are what of the pattern the event does not meet.
	Failures []pattern.Failure `json:"failures,omitempty"`
	// Nearness is how near the event came: from 0 to 1, where all of the pattern
	// is met.
	Nearness float64 `json:"nearness"`
}

// Event matches an event to every rule of its bus. Near misses come first. The event gets its
// kind; envelope is what is matched. There is an error if that is no JSON object.
func Event(set *rules.Set, e *event.Event, envelope []byte) (Explanation, error) {
	set.Catalog.SetKind(e)
	x := Explanation{Bus: e.Meta.Bus, Kind: e.Meta.Kind, KindByName: e.Meta.KindByName, Event: envelope, Matched: []Rule{}, Unmatched: []Rule{}}
	v := evaluate(set, e, envelope)
	candidates := set.On(e.Meta.Bus)
	for _, bus := range set.Above(e.Meta.Bus) {
		candidates = append(candidates, set.On(bus)...)
	}
	for _, rule := range candidates {
		shown, matched, err := v.explain(rule)
		switch {
		case err != nil:
			return x, err
		case matched:
			x.Matched = append(x.Matched, shown)
		default:
			x.Unmatched = append(x.Unmatched, shown)
		}
	}
	slices.SortStableFunc(x.Unmatched, func(a, b Rule) int { return cmp.Compare(b.Nearness, a.Nearness) })
	return x, nil
}

// One explains an event by a single rule of a set, and reports whether it matches. There is an
// error if envelope is no JSON object.
func One(set *rules.Set, rule *rules.Rule, e *event.Event, envelope []byte) (shown Rule, matched bool, err error) {
	return evaluate(set, e, envelope).explain(rule)
}

// evaluation is what a set of rules makes of an event.
type evaluation struct {
	event    *event.Event
	kind     event.Kind
	envelope []byte
	// matched has the rules whose pattern matches, and why the condition failed, and way the
	// buses that the event comes to.
	matched map[*rules.Rule]error
	way     []string
}

func evaluate(set *rules.Set, e *event.Event, envelope []byte) *evaluation {
	v := &evaluation{event: e, envelope: envelope, matched: map[*rules.Rule]error{}}
	v.kind, _ = set.Catalog.Kind(e)
	all := set.Match(e, envelope, nil)
	for _, m := range all {
		v.matched[m.Rule] = m.Err
	}
	v.way = set.Way(e.Meta.Bus, all)
	return v
}

// explain returns what came of matching the event to one rule.
func (v *evaluation) explain(rule *rules.Rule) (shown Rule, matched bool, err error) {
	shown = Rule{Name: rule.Name, State: rule.State, Position: rule.Pos.String(), Nearness: 1}
	for _, t := range rule.Targets {
		shown.Targets = append(shown.Targets, t.Target)
	}
	if rule.Bus != v.event.Meta.Bus {
		shown.Bus = rule.Bus
	}
	if !slices.Contains(v.way, rule.Bus) {
		shown.note("the event does not come to this bus: a rule below stops it (stop_bubbling)")
	}
	if rule.State == rules.Shadow {
		shown.note("the rule is in state shadow: it counts events, and sends nothing")
	}
	failure, hit := v.matched[rule]
	if failure != nil {
		shown.note(fmt.Sprintf("the condition failed on this event: %v", failure))
	}
	if hit {
		return shown, failure == nil, nil
	}
	return shown, false, shown.explain(rule, v.kind, v.envelope)
}

func (r *Rule) note(text string) { r.Notes = append(r.Notes, text) }

// explain returns why a rule does not match an event.
func (r *Rule) explain(rule *rules.Rule, kind event.Kind, envelope []byte) error {
	why, err := rule.Pattern.Explain(envelope)
	if err != nil {
		return fmt.Errorf("rule %q: %w", rule.Name, err)
	}
	r.Failures, r.Nearness = why.Failures, why.Nearness
	if rule.State == rules.Disabled {
		r.note("the rule is disabled")
	}
	forKind := len(rule.Kinds) == 0 || slices.Contains(rule.Kinds, kind)
	if !forKind {
		r.note(fmt.Sprintf("the event is of the kind %s, and the rule is for %v", kind, rule.Kinds))
	}
	if !why.Matched || !forKind {
		return nil
	}
	switch {
	case rule.Firing != nil && rule.Firing == rule.Pattern:
		r.note("the rule fires by its schedule alone, " + rule.Schedule.String() + ": nothing that is sent makes it fire")
	case rule.When != nil && rule.State != rules.Disabled:
		r.note("the pattern matches, and the condition does not hold: " + rule.When.Source())
	case rule.When != nil:
		r.note("the pattern matches; the condition is not looked at: " + rule.When.Source())
	default:
		r.note("the pattern matches")
	}
	return nil
}

// Read reads one event in any form that is taken in as JSON, and completes it as a router would.
// It returns its envelope as well.
func Read(set *rules.Set, body []byte, d event.Defaults) (*event.Event, []byte, error) {
	batch, err := event.DecodeJSON(body, event.Limits{MaxEntries: 1})
	if err == nil && len(batch.Refused) > 0 && batch.Refused[0] != nil {
		err = batch.Refused[0]
	}
	if err != nil {
		return nil, nil, err
	}
	e := batch.Events[0]
	e.Complete(d)
	if _, ok := set.Buses[e.Meta.Bus]; !ok {
		return nil, nil, fmt.Errorf("no bus %q%s", e.Meta.Bus, spelling.Suggest(e.Meta.Bus, slices.Sorted(maps.Keys(set.Buses))))
	}
	if err := e.Check(); err != nil {
		return nil, nil, err
	}
	return e, e.Envelope(), nil
}

// Only leaves a single rule. There is an error if the bus has none of that name.
func (x *Explanation) Only(name string) error {
	var known []string
	keep := func(all []Rule) []Rule {
		kept := []Rule{}
		for _, r := range all {
			known = append(known, r.Name)
			if r.Name == name {
				kept = append(kept, r)
			}
		}
		return kept
	}
	x.Matched, x.Unmatched = keep(x.Matched), keep(x.Unmatched)
	if len(x.Matched)+len(x.Unmatched) == 0 {
		return fmt.Errorf("no rule %q on bus %q%s", name, x.Bus, spelling.Suggest(name, known))
	}
	return nil
}

// Far is how many rules an event is far from, as their pattern wants another value of a field.
type Far struct {
	Field string // source or detail-type
	Rules int
}

// Near parts the rules that do not match: those that are worth a look, and how many others want
// another source, or else another detail-type. A few are all worth a look.
func (x *Explanation) Near() (near []Rule, far []Far) {
	const few = 5
	if len(x.Unmatched) <= few {
		return x.Unmatched, nil
	}
	far = []Far{{Field: "source"}, {Field: "detail-type"}}
	for _, r := range x.Unmatched {
		i := slices.IndexFunc(far, func(f Far) bool { return r.wantsOther(f.Field) })
		if i < 0 {
			near = append(near, r)
			continue
		}
		far[i].Rules++
	}
	return near, slices.DeleteFunc(far, func(f Far) bool { return f.Rules == 0 })
}

// wantsOther reports whether the value of a field is another than the rule's, and not one that
// looks misspelt.
func (r *Rule) wantsOther(field string) bool {
	return slices.ContainsFunc(r.Failures, func(f pattern.Failure) bool {
		return f.Path == field && f.Reason == pattern.ReasonValue && spelling.Nearest(f.Actual, []string{f.Expected}) == ""
	})
}

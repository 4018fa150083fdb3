// Package flow shows which messages lead to which: the event design table, and
// the graph of producers, messages, rules, targets, and what those emit.
package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/pattern"
)

// Type is what is declared of a type of messages.
type Type struct {
	Name string
	Kind event.Kind
	// Sources are those that may produce it; empty where nothing is declared.
	Sources []string
	// Final means that a story ends with it: nothing needs to consume it.
	Final bool
}

// Declared returns the types of a catalog, the latest version of each.
func Declared(c *catalog.Catalog) (all []Type) {
	for _, name := range c.Names() {
		t, _ := c.Type(name, "")
		all = append(all, Type{Name: name, Kind: t.Kind, Sources: t.Sources, Final: t.Final})
	}
	return all
}

// Step is what a rule does with messages: it has a target act on them, which
// emits others.
type Step struct {
	Rule, Bus, Description string
	// Service is the target's name, Action the id of the rule's entry for it.
	Service, Action string
	// Inputs are the types that the rule names one by one. AnyInput says that it
	// takes every type.
	Inputs   []string
	AnyInput bool
	// Wider describes the operators by which the rule takes further types.
	Wider []string
	// Sources are those that the rule names one by one.
	Sources []string
	// Outputs are the types that are declared to come of it.
	Outputs []string
	// Shadow means that the rule sends nothing.
	Shadow bool
	// DeadLetter is the target that gets the step's dead letters too; empty for none.
	DeadLetter string

	types *pattern.Pattern
}

// takes reports whether the rule of a step takes messages of a type.
func (s *Step) takes(name string) bool {
	if s.AnyInput || slices.Contains(s.Inputs, name) {
		return true
	}
	if s.types == nil {
		return false
	}
	envelope, err := json.Marshal(map[string]string{"detail-type": name})
	if err != nil {
		return false
	}
	ok, err := s.types.Match(envelope)
	return ok && err == nil
}

// Flow is the whole of a set of rules: its steps in the order of the files, and
// its types by name.
type Flow struct {
	Steps []Step
	Types map[string]Type
}

// Of returns the flow of a set of rules and of the declared types. Rules that are
// disabled have no part in it.
func Of(set *rules.Set, types []Type) (*Flow, error) {
	f := &Flow{Types: map[string]Type{}}
	for _, t := range types {
		f.Types[t.Name] = t
	}
	for _, r := range slices.SortedStableFunc(slices.Values(set.Rules), inFiles) {
		if r.State == rules.Disabled {
			continue
		}
		if err := f.add(r); err != nil {
			return nil, fmt.Errorf("rule %q: %w", r.Name, err)
		}
	}
	for _, name := range f.names() {
		if t := f.Types[name]; t.Kind == "" {
			t.Name, t.Kind = name, catalog.KindOfName(name)
			f.Types[name] = t
		}
	}
	return f, nil
}

// inFiles orders rules as they stand in their files.
func inFiles(a, b *rules.Rule) int {
	return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
}

func (f *Flow) add(r *rules.Rule) error {
	common := Step{Rule: r.Name, Bus: r.Bus, Description: r.Description, Shadow: r.State == rules.Shadow}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.Pattern.Source(), &fields); err != nil {
		return err
	}
	var err error
	if common.Sources, _, err = named(fields["source"]); err != nil {
		return err
	}
	if common.Inputs, common.Wider, err = named(fields["detail-type"]); err != nil {
		return err
	}
	common.AnyInput = fields["detail-type"] == nil
	if len(common.Wider) > 0 {
		text, err := json.Marshal(map[string]json.RawMessage{"detail-type": fields["detail-type"]})
		if err != nil {
			return err
		}
		if common.types, err = pattern.Parse(text, pattern.Options{Extensions: true}); err != nil {
			return err
		}
	}
	for _, t := range r.Targets {
		s := common
		s.Service, s.Action, s.Outputs, s.DeadLetter = t.Target, t.ID, t.Emits, t.DeadLetter
		f.Steps = append(f.Steps, s)
	}
	return nil
}

// named returns the texts of a field of a pattern, and its operators as text.
func named(field json.RawMessage) (texts, wider []string, err error) {
	if field == nil {
		return nil, nil, nil
	}
	var values []json.RawMessage
	if err := json.Unmarshal(field, &values); err != nil {
		return nil, []string{string(field)}, nil // an operator over the whole list
	}
	for _, v := range values {
		var text string
		if json.Unmarshal(v, &text) == nil {
			texts = append(texts, text)
		} else {
			wider = append(wider, string(v))
		}
	}
	return texts, wider, nil
}

// producers are the steps that emit a type.
func (f *Flow) producers(name string) (steps []int) {
	for i := range f.Steps {
		if slices.Contains(f.Steps[i].Outputs, name) {
			steps = append(steps, i)
		}
	}
	return steps
}

// consumed reports whether some step takes a type. A rule that takes every type,
// such as an audit trail, does not count.
func (f *Flow) consumed(name string) bool {
	return slices.ContainsFunc(f.Steps, func(s Step) bool { return !s.AnyInput && s.takes(name) })
}

// names are all types that are declared, taken or emitted, in order.
func (f *Flow) names() []string {
	seen := map[string]bool{}
	for name := range f.Types {
		seen[name] = true
	}
	for _, s := range f.Steps {
		for _, name := range slices.Concat(s.Inputs, s.Outputs) {
			seen[name] = true
		}
	}
	var all []string
	for name := range seen {
		all = append(all, name)
	}
	slices.SortFunc(all, strings.Compare)
	return all
}

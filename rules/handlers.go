package rules

import (
	"encoding/json"
	"fmt"
	"slices"

	"signalbox/document"
	"signalbox/event"
)

// handlerCheck looks for the handlers of the commands and queries that the catalog
// declares.
type handlerCheck struct {
	set                *Set
	problems, warnings *document.Problems
	// certain are the rules that certainly match every message of a type, by types; it is
	// made when it is asked for first.
	certain map[string][]sender
}

// checkHandlers looks at the commands and queries that the catalog declares: each has
// exactly one handler. Only what is certain from the rules alone is a fault here;
// all else is seen when a message comes.
func checkHandlers(s *Set, problems, warnings *document.Problems) {
	c := &handlerCheck{set: s, problems: problems, warnings: warnings}
	for _, name := range s.Catalog.Names() {
		t, ok := s.Catalog.Type(name, "")
		if ok && s.Catalog.Asks(t) {
			c.oneHandler(name, t.Kind)
		}
	}
}

// sender is a rule that certainly matches a type of message from these sources,
// all of them where there are none.
type sender struct {
	rule    *Rule
	sources []string
}

func (c *handlerCheck) oneHandler(name string, kind event.Kind) {
	var before []sender
	if c.certain == nil {
		c.certain = certainOf(c.set.Rules)
	}
	for _, sends := range c.certain[name] {
		r := sends.rule
		if len(r.Kinds) > 0 && !slices.Contains(r.Kinds, kind) {
			continue
		}
		n := c.handling(r)
		if n == 0 && len(r.Targets) > 0 {
			c.warnings.Add(r.Pos, ruleName(r), "only logs the %s %s: a log does not handle it", kind, name)
		}
		if n == 0 {
			continue
		}
		if n > 1 {
			c.problems.Add(r.Pos, ruleName(r), "sends the %s %s to %d targets: exactly one handles it", kind, name, n)
		}
		if i := slices.IndexFunc(before, sends.meets); i >= 0 {
			other := before[i].rule
			c.problems.Add(r.Pos, ruleName(r), "would be the second handler of the %s %s; rule %q is the first, at %s: exactly one handles it",
				kind, name, other.Name, other.Pos)
		}
		if kind == event.KindQuery && c.mute(r) {
			c.warnings.Add(r.Pos, ruleName(r), "sends the query %s to a queue, from which no reply comes: send it to an http target", name)
		}
		before = append(before, sends)
	}
}

// meets reports whether both rules match the same message.
func (s sender) meets(o sender) bool {
	if s.rule.Bus != o.rule.Bus {
		return false
	}
	return s.sources == nil || o.sources == nil ||
		slices.ContainsFunc(s.sources, func(source string) bool { return slices.Contains(o.sources, source) })
}

// certainOf returns the enabled rules that match every message of a type, whatever its
// detail, by these types: their patterns ask for types by name, and for sources by name, and
// for nothing else.
func certainOf(rules []*Rule) map[string][]sender {
	all := map[string][]sender{}
	for _, r := range rules {
		if r.State != Enabled || r.When != nil || r.Pattern == nil {
			continue
		}
		var asks map[string][]string
		if json.Unmarshal(r.Pattern.Source(), &asks) != nil {
			continue
		}
		types := asks["detail-type"]
		delete(asks, "detail-type")
		s := sender{rule: r, sources: asks["source"]}
		if delete(asks, "source"); len(asks) > 0 {
			continue
		}
		slices.Sort(types)
		for _, name := range slices.Compact(types) {
			all[name] = append(all[name], s)
		}
	}
	return all
}

// handling counts the targets of a rule that are no mere logs.
func (c *handlerCheck) handling(r *Rule) (n int) {
	for i := range r.Targets {
		if !traitsOf(c.set, r.Targets[i].Target).Observes {
			n++
		}
	}
	return n
}

// mute reports whether no target of a rule gives a reply.
func (c *handlerCheck) mute(r *Rule) bool {
	return !slices.ContainsFunc(r.Targets, func(t RuleTarget) bool {
		traits := traitsOf(c.set, t.Target)
		return traits.Answers || traits.Forwards
	})
}

func ruleName(r *Rule) document.Path { return document.In(fmt.Sprintf("rule %q", r.Name)) }

package cfn

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"signalbox/document"
)

// rule converts an AWS::Events::Rule.
func (c *converter) rule(id string, resource *document.Node) {
	c.conditional(id, resource)
	s := c.scope(id, resource.Get("Properties"))
	name := id
	if label := c.labels[id]; label != "" {
		name = label
	}
	if given := s.string("Name"); given != "" {
		name = given
	}
	w := when{pattern: s.get("EventPattern"), schedule: s.get("ScheduleExpression")}
	if w.pattern == nil && w.schedule == nil {
		c.leave("rule %s has no EventPattern and no ScheduleExpression", document.Quoted(id))
		return
	}
	if why := c.untold(w.pattern); why != "" {
		c.leave("rule %s: its EventPattern %s", document.Quoted(id), why)
		return
	}
	var list []*document.Node
	if targets := s.get("Targets"); targets != nil {
		if function, _ := call(targets); function != "" {
			if targets = c.resolve(targets); targets.Kind != document.Sequence {
				c.note("the targets are computed by %s: write them", function)
			}
		}
		for i, t := range targets.Items {
			path := id + ".Targets[" + strconv.Itoa(i) + "]"
			if c.at = path; c.branch(t).IsZero() {
				continue
			}
			target := c.scope(cmp.Or(c.paths[path], path), t)
			if target.node.IsZero() || target.node.Kind != document.Mapping {
				c.lose(target.path, "is computed by the template: write the target")
				continue
			}
			list = append(list, c.target(target, target.get("Arn"), target.get("Id")))
			target.rest(targetReasons)
		}
	}
	c.add(s, name, w, list)
	s.rest(map[string]string{"RoleArn": byKeys, "Tags": noTags})
	c.rules[len(c.rules)-1].comments = c.comments
	c.comments = nil
}

// when is what makes a rule fire.
type when struct{ pattern, schedule, zone *document.Node }

// add puts a rule into the file, without its comments.
func (c *converter) add(s *scope, name string, w when, targets []*document.Node) {
	bus := c.busOf(s.get("EventBusName"))
	c.at = s.path
	if tidied := c.named(name); true {
		if name = c.unique(tidied, bus); name != tidied {
			c.note("another rule of the bus is called %s: this one is called %s here", tidied, name)
		}
	}
	rule := mapping("name", str(name))
	if bus != "default" {
		set(rule, "bus", str(bus))
	}
	if d := s.string("Description"); d != "" {
		set(rule, "description", str(d))
	}
	if c.disabled(s) {
		set(rule, "state", str("disabled"))
	}
	c.at = s.path
	if w.schedule != nil {
		schedule := c.text(w.schedule)
		set(rule, "schedule", str(schedule))
		if w.zone != nil && strings.HasPrefix(schedule, "rate(") {
			c.lose(s.path+".ScheduleExpressionTimezone", "a rate has no time zone")
		} else if w.zone != nil {
			set(rule, "timezone", str(c.text(w.zone)))
		}
	}
	if w.pattern != nil {
		c.at = s.path + ".EventPattern"
		set(rule, "pattern", c.pattern(w.pattern))
	}
	set(rule, "targets", &document.Node{Kind: document.Sequence, Items: targets})
	c.rules = append(c.rules, entry{node: rule})
}

// disabled reports whether a rule is, by its State, or by Enabled in SAM.
func (c *converter) disabled(s *scope) bool {
	enabled := s.string("Enabled")
	switch state := s.string("State"); {
	case strings.EqualFold(state, "DISABLED"):
		return true
	case state != "" && !strings.EqualFold(state, "ENABLED"):
		c.note("%s is enabled here: no event comes by another way", state)
	}
	return strings.EqualFold(enabled, "false")
}

// pattern returns a pattern, which may be written as JSON text.
func (c *converter) pattern(n *document.Node) *document.Node {
	n = c.resolve(n)
	if n.Kind == document.String {
		if parsed, err := document.Parse("pattern.json", []byte(n.Text)); err == nil && parsed != nil {
			return parsed
		}
		c.note("is no JSON: write the pattern")
	}
	return n
}

// conditional notes what decides whether a resource is there.
func (c *converter) conditional(id string, resource *document.Node) {
	condition := resource.Get("Condition")
	if condition == nil || condition.Kind != document.String {
		return
	}
	c.at = id
	text := ""
	if holds, known := c.condition(condition, nil); known && !holds {
		text = ", which is false with the defaults of the parameters: remove it if that is so"
	}
	c.at = id
	c.note("the template has it only under its condition %s%s", document.Quoted(condition.Text), text)
}

// untold returns why the text of a pattern is not there to be read; empty where it is.
func (c *converter) untold(pattern *document.Node) string {
	if function, _ := call(pattern); function == "" {
		return ""
	}
	comments, before := slices.Clone(c.comments), c.unknowns
	n := c.resolve(pattern)
	defer func() { c.comments = comments }()
	if c.unknowns == before || n.Kind != document.String {
		return ""
	}
	if _, err := document.Parse("pattern.json", []byte(n.Text)); err == nil && strings.HasPrefix(strings.TrimSpace(n.Text), "{") {
		return ""
	}
	return cmp.Or(c.later, "is known to a deployment alone: write the rule")
}

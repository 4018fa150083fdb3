package cfn

import (
	"strings"

	"signalbox/document"
)

// samEvents converts the rules and schedules that a function of SAM has among its events.
func (c *converter) samEvents(function string, resource *document.Node) {
	events := c.branch(resource.Get("Properties").Get("Events"))
	if events.IsZero() {
		return
	}
	for _, m := range events.Members {
		event := c.branch(m.Value)
		place := function + ".Events." + m.Key
		c.comments = nil
		if strings.HasPrefix(m.Key, "Fn::") {
			c.leave("%s is computed by a deployment: write its events", place)
			continue
		}
		c.conditional(function, resource)
		s := c.scope(place, event.Get("Properties"))
		switch typeOf(event) {
		case "EventBridgeRule", "CloudWatchEvent":
			if w := (when{pattern: s.get("Pattern")}); w.pattern == nil {
				c.leave("event %s of %s has no Pattern", document.Quoted(m.Key), document.Quoted(function))
			} else if why := c.untold(w.pattern); why != "" {
				c.leave("%s: its Pattern %s", place, why)
			} else {
				c.samEvent(s, function, m.Key, "RuleName", w)
			}
		case "Schedule":
			if w := (when{schedule: s.get("Schedule")}); w.schedule == nil {
				c.leave("event %s of %s has no Schedule", document.Quoted(m.Key), document.Quoted(function))
			} else {
				c.samEvent(s, function, m.Key, "Name", w)
			}
		case "ScheduleV2":
			c.scheduler(s, function, m.Key)
		default:
			c.comments = nil
		}
	}
}

// scheduler converts a schedule of EventBridge Scheduler, as far as a rule can stand for it.
func (c *converter) scheduler(s *scope, function, key string) {
	w := when{schedule: s.get("ScheduleExpression")}
	if w.schedule == nil || strings.HasPrefix(c.text(w.schedule), "at(") {
		c.leave("%s of %s is a schedule that fires once", document.Quoted(key), document.Quoted(function))
		return
	}
	w.zone = s.get("ScheduleExpressionTimezone")
	if mode := s.below("FlexibleTimeWindow").string("Mode"); mode != "" && mode != "OFF" {
		s.lose(s.path+".FlexibleTimeWindow", "a rule fires at the very time")
	}
	if s.get("Input") == nil {
		s.at = s.path
		s.note("is of EventBridge Scheduler, whose event has the source aws.scheduler; that of a rule has aws.events")
	}
	c.samEvent(s, function, key, "Name", w)
}

// samEvent converts one event of a function, whose target is the function.
func (c *converter) samEvent(s *scope, function, key, naming string, w when) {
	name := function + key
	if given := s.string(naming); given != "" {
		name = given
	}
	target := s.below("Target")
	id := target.get("Id")
	target.rest(nil)
	if id == nil {
		id = str(key)
	}
	entry := c.target(s, mapping("Ref", str(function)), id)
	c.add(s, name, w, []*document.Node{entry})
	s.rest(map[string]string{
		"RoleArn": byKeys, "PermissionsBoundary": byKeys, "KmsKeyArn": noEncrypted, "GroupName": "rules have no groups", "StartDate": "a rule fires until it is disabled",
		"EndDate": "a rule fires until it is disabled", "OmitName": "every rule has a name",
	})
	c.rules[len(c.rules)-1].comments = c.comments
	c.comments = nil
}

package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"signalbox/rules/pattern"
	"signalbox/schedule"
)

// schedule reads when a rule fires by itself.
func (b *ruleBuilder) schedule(d *draft, r *Rule) {
	path := d.path.Key(d.scheduleKey)
	if d.Schedule.Node == nil {
		if d.Timezone.Node != nil {
			b.problems.Add(d.Timezone.Node.Pos, d.path.Key("timezone"), "is only for rules with a schedule")
		}
		if d.CatchUp != "" {
			b.problems.Add(d.pos, d.path.Key("catch_up"), "is only for rules with a schedule")
		}
		return
	}
	var err error
	if r.Schedule, err = schedule.Parse(d.Schedule.Value, d.Timezone.Value); err != nil {
		b.problems.Add(d.Schedule.Node.Pos, path, "%s", err)
		return
	}
	r.CatchUp = cmp.Or(d.CatchUp, schedule.CatchUpNone)
	if _, ok := r.Schedule.Next(time.Now()); !ok {
		b.warnings.Add(d.Schedule.Node.Pos, path, "does not fire any more: no such time comes again")
	}
	if r.Firing, err = firing(r.ARN); err != nil {
		b.problems.Add(d.pos, d.path, "%s", err)
	}
}

// firing returns the pattern of the events of a rule's schedule.
func firing(arn string) (*pattern.Pattern, error) {
	text, err := json.Marshal(map[string][]string{"source": {schedule.Source}, "detail-type": {schedule.DetailType}, "resources": {arn}})
	if err != nil {
		return nil, fmt.Errorf("the pattern of a schedule: %w", err)
	}
	return pattern.Parse(text, pattern.Options{})
}

// Schedules returns the rules that fire by themselves.
func (s *Set) Schedules() []schedule.Rule {
	var all []schedule.Rule
	for _, r := range s.Rules {
		if r.Schedule != nil && r.State != Disabled {
			all = append(all, schedule.Rule{Bus: r.Bus, Name: r.Name, ARN: r.ARN, Schedule: r.Schedule, CatchUp: r.CatchUp})
		}
	}
	return all
}

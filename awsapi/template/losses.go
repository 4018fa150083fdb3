package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"signalbox/rules/pattern"
)

// Beyond is what a router has beside what EventBridge's API tells, as its management API does.
type Beyond struct {
	Buses   []BeyondBus
	Targets []BeyondTarget
	// Sources and Archives are their names.
	Sources, Archives []string
}

// BeyondBus are the options of a bus for which EventBridge has no word.
type BeyondBus struct {
	Name    string
	Options []string
}

// BeyondTarget is a target: its name and what of its configuration is shown.
type BeyondTarget struct {
	Name   string
	Config map[string]any
}

// usual are the options of targets that say how a router delivers, with the values that say no more than what holds anyway.
// Those without a value are said in the template, or are always there.
var usual = map[string]any{
	"description": nil, "url": nil, "method": nil, "retry": nil, "concurrency": nil, "retry_budget": nil, "breaker": nil, "rate_limit_per_second": nil, "bus": nil, "max_hops": nil,
	"group": nil, "queue": nil, "region": nil, "account": nil, "to": nil,
	"timeout": "5s", "synthetic": "log", "format": "eventbridge", "reply": "none", "carry": "state",
}

// LoseBeyond notes what of it no template can say.
func (m *Model) LoseBeyond(b *Beyond) {
	for _, bus := range b.Buses {
		for _, option := range bus.Options {
			m.Left = append(m.Left, fmt.Sprintf("bus %s: %s", bus.Name, option))
		}
	}
	shown := map[string]bool{}
	for _, c := range m.Connections {
		shown[c.Name] = true
	}
	destinations := map[string]bool{}
	for _, d := range m.Destinations {
		destinations[d.Name], destinations["api-destination-"+d.Name] = true, true
	}
	for _, t := range b.Targets {
		auth, _ := t.Config["auth"].(string)
		connection, isConnection := strings.CutPrefix(auth, "connection ")
		if isConnection && !shown[connection] {
			m.Left = append(m.Left, fmt.Sprintf("connection %s, with which target %s logs in: EventBridge has no word for how it logs in, or does not show it", connection, t.Name))
		}
		var options []string
		for _, name := range slices.Sorted(maps.Keys(t.Config)) {
			if standard, known := usual[name]; known && (standard == nil || standard == t.Config[name]) || name == "auth" && isConnection {
				continue
			}
			options = append(options, name)
		}
		if url, _ := t.Config["url"].(string); url != "" && !destinations[t.Name] && !strings.HasPrefix(url, "sqs://") {
			options = append(options, "url", "method", "timeout")
			if t.Config["rate_limit_per_second"] != nil {
				options = append(options, "rate_limit")
			}
		}
		slices.Sort(options)
		if options = slices.Compact(options); len(options) > 0 {
			m.Left = append(m.Left, fmt.Sprintf("target %s: %s: write how AWS is to deliver", t.Name, strings.Join(options, ", ")))
		}
		if destinations[t.Name] && t.Config["rate_limit_per_second"] == nil {
			m.Left = append(m.Left, fmt.Sprintf("target %s has no rate_limit: AWS sends at most 300 a second", t.Name))
		}
	}
	for _, name := range b.Sources {
		m.Left = append(m.Left, fmt.Sprintf("source %s: EventBridge has no word for it", name))
	}
	for _, name := range b.Archives {
		m.Left = append(m.Left, fmt.Sprintf("archive %s: where it lies", name))
	}
}

// limits notes what AWS refuses of a rule, and brings it within what it takes.
func (m *Model) limits(r *Rule) error {
	if r.ScheduleExpression != "" && r.EventBusName != defaultBus {
		m.leave(r, "AWS takes schedules on the bus default alone: move it there")
	}
	if len(r.Targets) > maxTargets {
		m.leave(r, "it has %d targets, and AWS takes %d: split it", len(r.Targets), maxTargets)
	}
	if r.EventPattern != "" {
		if _, err := pattern.Parse([]byte(r.EventPattern), pattern.Options{}); err != nil {
			m.leave(r, "EventBridge does not take its pattern: %v", err)
		}
	}
	for i := range r.Targets {
		if err := m.retryLimits(r, &r.Targets[i]); err != nil {
			return err
		}
		if arn := r.Targets[i].DeadLetterConfig.Arn; arn != "" && !strings.Contains(arn, ":sqs:") && !strings.HasPrefix(arn, ownARN) {
			m.leave(r, "the dead_letter of target %s is no queue of SQS, which AWS needs", r.Targets[i].ID)
		}
	}
	return nil
}

// The bounds of AWS's.
const (
	maxTargets = 5
	maxRetries = 185
	minAge     = 60
	maxAge     = 86_400
)

func (m *Model) retryLimits(r *Rule, t *Target) error {
	var whole map[string]json.RawMessage
	var policy struct{ MaximumRetryAttempts, MaximumEventAgeInSeconds *int }
	if err := json.Unmarshal(t.Whole, &whole); err != nil || whole["RetryPolicy"] == nil {
		return err
	}
	if err := json.Unmarshal(whole["RetryPolicy"], &policy); err != nil {
		return err
	}
	changed := false
	within := func(value *int, least, most int, what string) {
		if value == nil || *value >= least && *value <= most {
			return
		}
		m.leave(r, "target %s: %s is %d, and AWS takes %d to %d: it is %d here", t.ID, what, *value, least, most, min(max(*value, least), most))
		*value, changed = min(max(*value, least), most), true
	}
	within(policy.MaximumRetryAttempts, 0, maxRetries, "MaximumRetryAttempts")
	within(policy.MaximumEventAgeInSeconds, minAge, maxAge, "MaximumEventAgeInSeconds")
	if !changed {
		return nil
	}
	members := object{}
	if policy.MaximumRetryAttempts != nil {
		members["MaximumRetryAttempts"] = *policy.MaximumRetryAttempts
	}
	if policy.MaximumEventAgeInSeconds != nil {
		members["MaximumEventAgeInSeconds"] = *policy.MaximumEventAgeInSeconds
	}
	var err error
	if whole["RetryPolicy"], err = json.Marshal(members); err == nil {
		t.Whole, err = json.Marshal(whole)
	}
	return err
}

// statements are those of the policy of a bus.
func (b *Bus) statements() (all []map[string]any, err error) {
	if b.Policy == "" {
		return nil, nil
	}
	var policy struct{ Statement []map[string]any }
	return policy.Statement, json.Unmarshal([]byte(b.Policy), &policy)
}

package awsapi

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/transform"
	"signalbox/schedule"
)

func (a *API) putRule(in *struct {
	Name, EventBusName, ScheduleExpression, EventPattern, State, Description, RoleArn string
	Tags                                                                              []tag
}) (any, error) {
	set := a.opts.Rules()
	bus, d, err := a.writable(set, in.Name, in.EventBusName)
	switch {
	case err != nil:
		return nil, err
	case in.ScheduleExpression != "" && bus != rules.DefaultBus:
		return nil, invalid("ScheduleExpression is supported only on the default event bus.")
	case in.EventPattern == "" && in.ScheduleExpression == "":
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	if in.ScheduleExpression != "" {
		if _, err := schedule.Parse(in.ScheduleExpression, ""); err != nil {
			return nil, invalid("Parameter ScheduleExpression is not valid.")
		}
	}
	if in.EventPattern != "" {
		if _, err := parsePattern(in.EventPattern); err != nil {
			return nil, err
		}
	}
	next := &ruleDocument{Tags: in.Tags}
	if d != nil {
		next.Tags, next.Targets = d.Tags, d.Targets // those of the request count for a new rule alone
	} else if err := distinct(in.Tags); err != nil {
		return nil, err
	}
	next.Name, next.EventBusName, next.Description, next.State = in.Name, bus, in.Description, in.State
	next.EventPattern, next.ScheduleExpression, next.RoleArn = in.EventPattern, in.ScheduleExpression, in.RoleArn
	if next.State == "" {
		next.State = enabled
	}
	if err := a.change(rulePath(bus, in.Name), next); err != nil {
		return nil, err
	}
	return struct{ RuleArn string }{a.ruleARN(bus, in.Name)}, nil
}

// writable returns the bus that is named, and the rule, if there is one; it is an error if that is not the API's.
func (a *API) writable(set *rules.Set, name, busName string) (bus string, d *ruleDocument, err error) {
	b, r, err := a.find(set, name, busName)
	if err != nil || r == nil {
		return b.Name, nil, err
	}
	if d = a.document(set, r); d.ManagedBy != "" {
		return b.Name, nil, managed("Rule "+name+" on EventBus "+b.Name, r.Pos.File)
	}
	return b.Name, d, nil
}

// changed changes a rule of the API, which must be there.
func (a *API) changed(name, busName string, change func(d *ruleDocument) error) error {
	bus, d, err := a.writable(a.opts.Rules(), name, busName)
	switch {
	case err != nil:
		return err
	case d == nil:
		return noRule(bus, name)
	}
	if err := change(d); err != nil {
		return err
	}
	return a.change(rulePath(bus, name), d)
}

func (a *API) enableRule(in *ruleName) (any, error) { return nil, a.setState(in, enabled) }

func (a *API) disableRule(in *ruleName) (any, error) { return nil, a.setState(in, disabled) }

func (a *API) setState(in *ruleName, state string) error {
	return a.changed(in.Name, in.EventBusName, func(d *ruleDocument) error {
		d.State = state
		return nil
	})
}

func (a *API) deleteRule(in *ruleName) (any, error) {
	bus, d, err := a.writable(a.opts.Rules(), in.Name, in.EventBusName)
	switch {
	case err != nil || d == nil: // what is not there is deleted
		return nil, err
	case len(d.Targets) > 0:
		return nil, invalid("Rule can't be deleted since it has targets.")
	}
	return nil, a.change(rulePath(bus, in.Name), nil)
}

// failedEntry is a target that was not put or removed.
type failedEntry struct {
	TargetID                string `json:"TargetId"`
	ErrorCode, ErrorMessage string
}

type failedEntries struct {
	FailedEntryCount int
	FailedEntries    []failedEntry
}

func failedOf(failed []failedEntry) failedEntries { return failedEntries{len(failed), orNone(failed)} }

func (a *API) putTargets(in *struct {
	Rule, EventBusName string
	Targets            []target
}) (any, error) {
	set := a.opts.Rules()
	if _, _, err := a.writable(set, in.Rule, in.EventBusName); err != nil {
		return nil, err
	}
	for i := range in.Targets {
		if err := in.Targets[i].check(); err != nil {
			return nil, err
		}
	}
	var failed []failedEntry
	err := a.changed(in.Rule, in.EventBusName, func(d *ruleDocument) error {
		for _, t := range in.Targets {
			if why := cmp.Or(a.unreachable(set, &t), a.noDeadLetters(set, &t)); why != "" {
				failed = append(failed, failedEntry{t.ID, event.CodeValidation, why})
				continue
			}
			i := slices.IndexFunc(d.Targets, func(other target) bool { return other.ID == t.ID })
			if i < 0 {
				d.Targets = append(d.Targets, t)
			} else {
				d.Targets[i] = t
			}
		}
		if most := a.opts.Quotas.TargetsPerRule; most > 0 && len(d.Targets) > most {
			return exceeded()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return failedOf(failed), nil
}

// check returns why a target makes the whole request invalid.
func (t *target) check() error {
	ways := 0
	for _, given := range []bool{t.said.Input != nil, t.said.InputPath != nil, t.said.InputTransformer != nil} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.ID)
	}
	spec := transform.Spec{TargetID: t.ID, Input: t.said.Input, InputPath: t.said.InputPath}
	if it := t.said.InputTransformer; it != nil {
		spec.InputTransformer = &transform.InputTransformer{InputPathsMap: it.InputPathsMap, InputTemplate: it.InputTemplate}
	}
	_, err := transform.Compile(spec)
	var faults transform.Errors
	if errors.As(err, &faults) {
		return invalid("%s", faults[0].Reason)
	}
	return err
}

// unreachable returns why nothing can be sent to a target; it is empty where something can.
func (a *API) unreachable(set *rules.Set, t *target) string {
	made := t.made()
	if set.Reaches(made, a.opts.Account, a.opts.Region) {
		return ""
	}
	parts := strings.SplitN(t.ARN, ":", 6)
	switch {
	case len(parts) < 6 || parts[0] != "arn" || parts[2] == "" || parts[5] == "":
		return "Parameter " + t.ARN + " is not valid. Reason: Provided Arn is not in correct format."
	case parts[2] == "sqs" && strings.HasSuffix(t.ARN, ".fifo") && made.Group == "":
		return "Parameter(s) SqsParameters must be specified for target: " + t.ID + "."
	}
	return "Parameter " + t.ARN + " is not valid. Reason: no target is declared for it: declare one in a rule file, with this arn: or the name " +
		rules.NameInARN(t.ARN) + ". Only queues of SQS, buses of this router and log groups need none."
}

// noDeadLetters returns why dead letters can't be sent where a target says; it is empty where they can, or
// where it says nothing.
func (a *API) noDeadLetters(set *rules.Set, t *target) string {
	arn := t.deadLetters()
	if arn == "" {
		return ""
	}
	reason := ""
	switch parts := strings.SplitN(arn, ":", 6); {
	case len(parts) < 6 || parts[0] != "arn" || parts[5] == "":
		reason = "Provided Arn is not in correct format."
	case parts[2] != "sqs":
		reason = "DeadLetterConfig must name a queue of SQS."
	case set.Reaches(rules.Made{ARN: arn}, a.opts.Account, a.opts.Region):
		return ""
	case strings.HasSuffix(parts[5], ".fifo"):
		reason = "a dead-letter queue must be a standard queue."
	default:
		reason = "it is not the ARN of a queue."
	}
	return "Parameter " + arn + " is not valid. Reason: " + reason
}

func (a *API) removeTargets(in *struct {
	Rule, EventBusName string
	Ids                []string
}) (any, error) {
	var failed []failedEntry
	err := a.changed(in.Rule, in.EventBusName, func(d *ruleDocument) error {
		for _, id := range in.Ids {
			i := slices.IndexFunc(d.Targets, func(t target) bool { return t.ID == id })
			if i < 0 {
				failed = append(failed, failedEntry{id, event.CodeNotFound, "Rule '" + in.Rule + "' does not have a target with the Id '" + id + "'."})
				continue
			}
			d.Targets = slices.Delete(d.Targets, i, i+1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return failedOf(failed), nil
}

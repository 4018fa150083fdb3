package awsapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"signalbox/rules"
	"signalbox/rules/transform"
	"signalbox/targets"
	"signalbox/targets/sqs"
	"signalbox/targets/template"
)

// ruleDocument is a rule with its targets as the API tells of it. Its JSON is a rule file.
type ruleDocument struct {
	Name               string
	EventBusName       string
	Description        string `json:",omitempty"`
	State              string
	EventPattern       string   `json:",omitempty"`
	ScheduleExpression string   `json:",omitempty"`
	RoleArn            string   `json:",omitempty"`
	ManagedBy          string   `json:",omitempty"`
	Tags               []tag    `json:",omitempty"`
	Targets            []target `json:",omitempty"`
}

type tag struct{ Key, Value string }

// target is a target of a rule: its id, its ARN, and all that was said of it.
type target struct {
	ID, ARN string
	said    targetSaid
	text    json.RawMessage
}

// targetSaid is what of a target is looked at.
type targetSaid struct {
	ID               string `json:"Id"`
	Arn              string
	Input, InputPath *string
	InputTransformer *inputTransformer
	SqsParameters    *sqsParameters
	DeadLetterConfig *deadLetterConfig
}

type deadLetterConfig struct{ Arn string }

type sqsParameters struct {
	MessageGroupID string `json:"MessageGroupId"`
}

// UnmarshalJSON keeps the text.
func (t *target) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &t.said); err != nil {
		return err
	}
	t.ID, t.ARN, t.text = t.said.ID, t.said.Arn, bytes.Clone(text)
	return nil
}

// MarshalJSON returns the text.
func (t target) MarshalJSON() ([]byte, error) { return t.text, nil }

// The states of rules.
const (
	enabled  = "ENABLED"
	disabled = "DISABLED"
)

// document returns a rule as the API tells of it.
func (a *API) document(set *rules.Set, r *rules.Rule) *ruleDocument {
	if strings.HasPrefix(r.Pos.File, Source+":") {
		var d ruleDocument
		if found, err := a.opts.Documents.read(rulePath(r.Bus, r.Name), &d); found && err == nil {
			return &d
		}
	}
	return a.ofFile(set, r)
}

// ofFile returns a rule that stands in a file as the API tells of it.
func (a *API) ofFile(set *rules.Set, r *rules.Rule) *ruleDocument {
	d := &ruleDocument{
		Name: r.Name, EventBusName: r.Bus, Description: r.Description, State: enabled,
		ManagedBy: managedBy(r),
	}
	if r.Pattern != r.Firing {
		d.EventPattern = string(r.Pattern.Source())
	}
	if r.Schedule != nil {
		d.ScheduleExpression = r.Schedule.String()
	}
	if r.State == rules.Disabled || r.State == rules.Shadow { // which sends nothing either
		d.State = disabled
	}
	for i := range r.Targets {
		d.Targets = append(d.Targets, a.entryOfFile(set, &r.Targets[i]))
	}
	return d
}

// maxManagedBy is the most characters of ManagedBy.
const maxManagedBy = 128

// managedBy is the end of the path of a rule's file; of a subscription, which has none, the
// program's name.
func managedBy(r *rules.Rule) string {
	name := []rune(r.Pos.File)
	if len(name) == 0 {
		return "signalbox"
	}
	return string(name[max(0, len(name)-maxManagedBy):])
}

// entryOfFile is an entry of a rule in a file as the API tells of it. What EventBridge has no word
// for, such as transform, is left out.
func (a *API) entryOfFile(set *rules.Set, t *rules.RuleTarget) target {
	arn := a.targetARN(set, t.Target, t.ARN)
	var letters *deadLetterConfig
	if t.DeadLetter != "" {
		letters = &deadLetterConfig{set.TargetARN(t.DeadLetter, t.DeadLetterARN, a.opts.Region, a.opts.Account)}
	}
	out := target{ID: t.ID, ARN: arn}
	out.text = compact(struct {
		ID               string `json:"Id"`
		Arn              string
		Input            *string           `json:",omitempty"`
		InputPath        *string           `json:",omitempty"`
		InputTransformer *inputTransformer `json:",omitempty"`
		RetryPolicy      *retryPolicy      `json:",omitempty"`
		DeadLetterConfig *deadLetterConfig `json:",omitempty"`
		SqsParameters    *sqsParameters    `json:",omitempty"`
		HTTPParameters   *parameters       `json:"HttpParameters,omitempty"`
	}{t.ID, arn, t.Spec.Input, t.Spec.InputPath, transformerOf(t.Spec.InputTransformer), policyOf(retryOf(set, t)), letters, groupOf(set, t), (*parameters)(t.HTTPParameters)})
	return out
}

type inputTransformer struct {
	InputPathsMap map[string]string `json:",omitempty"`
	InputTemplate string
}

func transformerOf(t *transform.InputTransformer) *inputTransformer {
	if t == nil {
		return nil
	}
	return &inputTransformer{t.InputPathsMap, t.InputTemplate}
}

// parameters are HttpParameters of a target.
type parameters struct {
	Path    []string          `json:"PathParameterValues,omitempty"`
	Headers map[string]string `json:"HeaderParameters,omitempty"`
	Query   map[string]string `json:"QueryStringParameters,omitempty"`
}

type retryPolicy struct {
	MaximumRetryAttempts     int
	MaximumEventAgeInSeconds int
}

// retryOf is the retry of an entry, or of its target where that says more than what holds where nothing is said; nil for none.
func retryOf(set *rules.Set, t *rules.RuleTarget) *targets.Retry {
	if t.Retry != nil {
		return t.Retry
	}
	var standard targets.Config
	standard.SetDefaults()
	config := set.Targets[t.Target]
	if config.Retry.MaxAttempts == standard.Retry.MaxAttempts && config.Retry.MaxAge == standard.Retry.MaxAge {
		return nil
	}
	return &config.Retry
}

// groupOf is the message group of a FIFO queue, where it is the same for all events; nil for none.
func groupOf(set *rules.Set, t *rules.RuleTarget) *sqsParameters {
	o, ok := set.Targets[t.Target].Options.(*sqs.Options)
	if !ok || o.Group == "" || template.Dynamic(o.Group) || literal(o.Group) == "" {
		return nil
	}
	return &sqsParameters{literal(o.Group)}
}

// policyOf returns a retry without its first attempt, which EventBridge does not count.
func policyOf(r *targets.Retry) *retryPolicy {
	if r == nil {
		return nil
	}
	return &retryPolicy{r.MaxAttempts - 1, int(r.MaxAge / time.Second)}
}

// compact is a value in JSON, with < and > as they are. It must be one that can be.
func compact(v any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers, and JSON that was checked
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

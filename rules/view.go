package rules

import (
	"encoding/json"

	"signalbox/event"
	"signalbox/rules/transform"
	"signalbox/schedule"
	"signalbox/targets"
)

// ruleView is a rule as the API shows it, with the keys of a rule file.
type ruleView struct {
	Name        string           `json:"name"`
	Bus         string           `json:"bus"`
	ARN         string           `json:"arn"`
	Description string           `json:"description,omitempty"`
	State       State            `json:"state"`
	Strict      bool             `json:"strict,omitempty"`
	StopBubbles bool             `json:"stop_bubbling,omitempty"`
	Start       string           `json:"start,omitempty"`
	Schedule    string           `json:"schedule,omitempty"`
	Timezone    string           `json:"timezone,omitempty"`
	CatchUp     schedule.CatchUp `json:"catch_up,omitempty"`
	Pattern     json.RawMessage  `json:"pattern"`
	When        string           `json:"when,omitempty"`
	Kind        []event.Kind     `json:"kind,omitempty"`
	Targets     []ruleTargetView `json:"targets"`
	Position    string           `json:"position"`
}

type ruleTargetView struct {
	ID               string           `json:"id"`
	Target           string           `json:"target"`
	Input            json.RawMessage  `json:"input,omitempty"`
	InputPath        string           `json:"input_path,omitempty"`
	InputTransformer *transformerView `json:"input_transformer,omitempty"`
	Transform        string           `json:"transform,omitempty"`
	HTTPParameters   *HTTPParameters  `json:"http_parameters,omitempty"`
	Retry            *targets.Retry   `json:"retry,omitempty"`
	DeadLetter       string           `json:"dead_letter,omitempty"`
	Reply            string           `json:"reply,omitempty"`
	Emits            []string         `json:"emits,omitempty"`
}

type transformerView struct {
	InputPathsMap map[string]string `json:"input_paths_map,omitempty"`
	InputTemplate string            `json:"input_template"`
	Compat        string            `json:"compat,omitempty"`
}

// MarshalJSON returns the rule with the keys of a rule file, its ARN and its
// place.
func (r *Rule) MarshalJSON() ([]byte, error) {
	v := ruleView{
		Name:        r.Name,
		Bus:         r.Bus,
		ARN:         r.ARN,
		Description: r.Description,
		State:       r.State,
		Strict:      r.Strict,
		StopBubbles: r.StopBubbling,
		Start:       r.Start.String(),
		Kind:        r.Kinds,
		Pattern:     r.Pattern.Source(),
		Targets:     make([]ruleTargetView, len(r.Targets)),
		Position:    r.Pos.String(),
	}
	if r.Schedule != nil {
		v.Schedule, v.Timezone, v.CatchUp = r.Schedule.String(), r.Schedule.Zone(), r.CatchUp
	}
	if r.When != nil {
		v.When = r.When.Source()
	}
	for i := range r.Targets {
		v.Targets[i] = r.Targets[i].view()
	}
	return json.Marshal(v)
}

func (t *RuleTarget) view() ruleTargetView {
	v := ruleTargetView{
		ID:               t.ID,
		Target:           t.Target,
		InputPath:        orEmpty(t.Spec.InputPath),
		InputTransformer: viewTransformer(t.Spec.InputTransformer),
		Transform:        orEmpty(t.Spec.Transform),
		HTTPParameters:   t.HTTPParameters,
		Retry:            t.Retry,
		DeadLetter:       t.DeadLetter,
		Reply:            t.Reply,
		Emits:            t.Emits,
	}
	if t.Spec.Input != nil {
		v.Input = json.RawMessage(*t.Spec.Input)
	}
	return v
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func viewTransformer(t *transform.InputTransformer) *transformerView {
	if t == nil {
		return nil
	}
	return &transformerView{InputPathsMap: t.InputPathsMap, InputTemplate: t.InputTemplate, Compat: t.Compat}
}

package cfn

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
)

// plan is what is looked at of a plan of Terraform or OpenTofu (terraform show -json).
type plan struct {
	Values *struct {
		Root planModule `json:"root_module"`
	} `json:"planned_values"`
	Changes       []planChange `json:"resource_changes"`
	Configuration struct {
		Root configModule `json:"root_module"`
	} `json:"configuration"`
}

type planModule struct {
	Resources []planResource `json:"resources"`
	Children  []planModule   `json:"child_modules"`
}

type planResource struct {
	Address string         `json:"address"`
	Mode    string         `json:"mode"`
	Type    string         `json:"type"`
	Name    string         `json:"name"`
	Values  map[string]any `json:"values"`
}

// planChange says which values are known only after the plan was applied.
type planChange struct {
	Address string `json:"address"`
	Change  struct {
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

// configModule is a module as it is written; references tell what an unknown value will be.
type configModule struct {
	Resources []struct {
		Address     string                     `json:"address"`
		Expressions map[string]json.RawMessage `json:"expressions"`
	} `json:"resources"`
	Calls map[string]struct {
		Module configModule `json:"module"`
	} `json:"module_calls"`
}

// isPlan reports whether a document is a plan of Terraform.
func isPlan(root *document.Node) bool {
	return root.Get("planned_values") != nil && root.Get("format_version") != nil
}

// convertPlan makes a rule file of a plan: it is read as the template that says the same.
func convertPlan(src []byte) (*Result, error) {
	var p plan
	if err := json.Unmarshal(src, &p); err != nil || p.Values == nil {
		return nil, errors.New("no plan: write it with terraform show -json PLAN")
	}
	t := &planReader{unknown: map[string]map[string]any{}, references: map[string]map[string]json.RawMessage{}, rules: map[string]*template{}}
	for _, c := range p.Changes {
		t.unknown[c.Address] = c.Change.Unknown
	}
	t.configured("", &p.Configuration.Root)
	t.module(&p.Values.Root)
	return t.convert()
}

// template is a resource of a template.
type template struct {
	Type       string
	Properties map[string]any
}

type planReader struct {
	unknown    map[string]map[string]any
	references map[string]map[string]json.RawMessage
	// order are the names of all resources, in the order of the plan.
	order     []string
	resources map[string]*template
	// rules are the rules by bus and name, for their targets.
	rules   map[string]*template
	targets []planResource
	notes   []string
}

// configured notes the expressions of a module's resources.
func (t *planReader) configured(prefix string, m *configModule) {
	for _, r := range m.Resources {
		t.references[prefix+r.Address] = r.Expressions
	}
	for name, call := range m.Calls {
		t.configured(prefix+"module."+name+".", &call.Module)
	}
}

func (t *planReader) module(m *planModule) {
	for _, r := range m.Resources {
		if r.Mode != "data" {
			t.resource(&r)
		}
	}
	for i := range m.Children {
		t.module(&m.Children[i])
	}
}

func (t *planReader) resource(r *planResource) {
	kind, ok := strings.CutPrefix(r.Type, "aws_cloudwatch_event_")
	if !ok {
		return
	}
	switch kind {
	case "rule":
		t.rule(r)
	case "target":
		t.targets = append(t.targets, *r)
	case "bus":
		p := map[string]any{"Name": t.text(r, "name")}
		if block(r.Values, "dead_letter_config") != nil {
			p["DeadLetterConfig"] = map[string]any{}
		}
		t.add(r.Address, &template{"AWS::Events::EventBus", p})
	case "connection":
		t.add(r.Address, &template{"AWS::Events::Connection", t.connection(r)})
	case "api_destination":
		t.add(r.Address, &template{apiDestination, t.destination(r)})
	case "permission", "bus_policy": // keys have rights here
	default:
		t.notes = append(t.notes, fmt.Sprintf("%s, of type %s", document.Quoted(r.Address), r.Type))
	}
}

func (t *planReader) add(address string, r *template) {
	if t.resources == nil {
		t.resources = map[string]*template{}
	}
	if t.resources[address] == nil {
		t.order = append(t.order, address)
	}
	t.resources[address] = r
}

func (t *planReader) rule(r *planResource) {
	p := map[string]any{"Name": t.text(r, "name")}
	for property, attribute := range map[string]string{
		"Description": "description", "EventPattern": "event_pattern", "ScheduleExpression": "schedule_expression", "EventBusName": "event_bus_name", "State": "state",
	} {
		if text := t.text(r, attribute); text != "" {
			p[property] = text
		}
	}
	if enabled, ok := r.Values["is_enabled"].(bool); ok && !enabled {
		p["State"] = "DISABLED"
	}
	made := &template{"AWS::Events::Rule", p}
	t.rules[busOrDefault(p["EventBusName"])+"\x00"+fmt.Sprint(p["Name"])] = made
	t.add(r.Address, made)
}

func busOrDefault(bus any) string {
	name, _ := bus.(string)
	if _, after, ok := strings.Cut(name, ":event-bus/"); ok {
		name = after
	}
	if name == "" {
		return "default"
	}
	return name
}

// text returns an attribute. One that is known only afterwards is the name of the resource that it refers
// to.
func (t *planReader) text(r *planResource, attribute string) string {
	if text, ok := r.Values[attribute].(string); ok {
		return text
	}
	if unknown, _ := t.unknown[r.Address][attribute].(bool); !unknown {
		return ""
	}
	var e struct{ References []string }
	if json.Unmarshal(t.references[withoutKeys(r.Address)][attribute], &e) == nil {
		for _, reference := range e.References {
			if parts := strings.Split(reference, "."); len(parts) >= 2 && parts[0] != "var" && parts[0] != "local" && parts[0] != "each" {
				return parts[1]
			}
		}
	}
	if attribute == "name" {
		return r.Name
	}
	return ""
}

// withoutKeys returns an address without the keys of count and for_each, as configurations have it.
func withoutKeys(address string) string {
	var out strings.Builder
	for depth, i := 0, 0; i < len(address); i++ {
		switch address[i] {
		case '[':
			depth++
		case ']':
			depth--
		default:
			if depth == 0 {
				out.WriteByte(address[i])
			}
		}
	}
	return out.String()
}

// block returns the only block of an attribute; nil where there is none.
func block(values map[string]any, name string) map[string]any {
	list, _ := values[name].([]any)
	if len(list) == 0 {
		return nil
	}
	b, _ := list[0].(map[string]any)
	return b
}

// target adds a target to its rule.
func (t *planReader) target(r *planResource) {
	rule := t.rules[busOrDefault(t.text(r, "event_bus_name"))+"\x00"+t.text(r, "rule")]
	if rule == nil {
		t.notes = append(t.notes, fmt.Sprintf("%s, of rule %s, which the plan does not have", document.Quoted(r.Address), document.Quoted(t.text(r, "rule"))))
		return
	}
	entry := map[string]any{"Id": t.text(r, "target_id"), "Arn": t.arn(r, "arn", "api_destination")}
	if entry["Arn"] == "" {
		entry["Arn"] = r.Name
	}
	if entry["Id"] == "" {
		entry["Id"] = r.Name
	}
	for property, attribute := range map[string]string{"Input": "input", "InputPath": "input_path"} {
		if text := t.text(r, attribute); text != "" {
			entry[property] = text
		}
	}
	if b := block(r.Values, "input_transformer"); b != nil {
		entry["InputTransformer"] = map[string]any{"InputPathsMap": b["input_paths"], "InputTemplate": b["input_template"]}
	}
	if b := block(r.Values, "retry_policy"); b != nil {
		policy := map[string]any{}
		for property, attribute := range map[string]string{"MaximumRetryAttempts": "maximum_retry_attempts", "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds"} {
			if b[attribute] != nil {
				policy[property] = b[attribute]
			}
		}
		entry["RetryPolicy"] = policy
	}
	if b := block(r.Values, "dead_letter_config"); b != nil {
		entry["DeadLetterConfig"] = map[string]any{"Arn": b["arn"], "Type": "SQS"} // the ARN may be known later alone
	}
	if block(r.Values, "http_target") != nil {
		entry["HttpParameters"] = map[string]any{}
	}
	list, _ := rule.Properties["Targets"].([]any)
	rule.Properties["Targets"] = append(list, entry)
}

func (t *planReader) convert() (*Result, error) {
	for i := range t.targets {
		t.target(&t.targets[i])
	}
	c := newConverter(mapping())
	for _, address := range t.order {
		text, err := json.Marshal(t.resources[address])
		if err != nil {
			return nil, err
		}
		n, err := document.Parse("plan.json", text)
		if err != nil {
			return nil, err
		}
		set(c.resources, address, n)
	}
	c.all()
	slices.Sort(t.notes)
	for _, note := range t.notes {
		c.leave("%s", note)
	}
	return c.result(), nil
}

package template

import (
	"encoding/json"
	"slices"
	"strings"
)

// Terraform returns a configuration in Terraform's JSON syntax, for a file that ends in .tf.json.
func (m *Model) Terraform() ([]byte, error) {
	ids, resources := newNames(`[^A-Za-z0-9_-]+`), map[string]object{}
	add := func(kind string, attributes object, parts ...string) string {
		kind = "aws_cloudwatch_event_" + kind
		if resources[kind] == nil {
			resources[kind] = object{}
		}
		id := ids.of(parts...)
		resources[kind][id] = attributes
		return "${" + kind + "." + id + ".name}"
	}
	buses := map[string]any{}
	for _, b := range m.Buses {
		p := object{"name": literal(b.Name)}
		p.set("description", literal(b.Description))
		p.set("tags", tagMap(b.Tags))
		if arn := b.DeadLetterConfig.Arn; arn != "" {
			p["dead_letter_config"] = object{"arn": literal(arn)}
		}
		buses[b.Name] = add("bus", p, b.Name)
	}
	for _, r := range m.Rules {
		p := object{"name": literal(r.Name), "state": r.State}
		p.set("event_bus_name", buses[r.EventBusName])
		p.set("description", literal(r.Description))
		p.set("event_pattern", literal(r.EventPattern))
		p.set("schedule_expression", literal(r.ScheduleExpression))
		p.set("role_arn", literal(r.RoleArn))
		p.set("tags", tagMap(r.Tags))
		rule := add("rule", p, r.EventBusName, r.Name)
		for _, t := range r.Targets {
			p, unknown, err := terraformTarget(&t)
			if err != nil {
				return nil, err
			}
			for _, name := range unknown {
				m.leave(&r, "target %s: %s", t.ID, name)
			}
			p["rule"] = rule
			p.set("event_bus_name", buses[r.EventBusName])
			add("target", p, r.EventBusName, r.Name, t.ID)
		}
	}
	for _, a := range m.Archives {
		p := object{"name": literal(a.ArchiveName), "event_source_arn": literal(a.EventSourceArn), "retention_days": a.RetentionDays}
		p.set("description", literal(a.Description))
		p.set("event_pattern", literal(a.EventPattern))
		add("archive", p, a.ArchiveName)
	}
	return written(object{"resource": resources})
}

// literal is a text in which Terraform finds no template.
func literal(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}

func tagMap(tags []Tag) any {
	if len(tags) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, t := range tags {
		out[literal(t.Key)] = literal(t.Value)
	}
	return out
}

// attributes are what Terraform calls the members of a target; those of a block stand below it.
var attributes = map[string]string{
	"Id": "target_id", "Arn": "arn", "RoleArn": "role_arn", "Input": "input", "InputPath": "input_path",
	"InputTransformer": "input_transformer", "InputPathsMap": "input_paths", "InputTemplate": "input_template",
	"RetryPolicy": "retry_policy", "MaximumRetryAttempts": "maximum_retry_attempts", "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
	"DeadLetterConfig": "dead_letter_config", "SqsParameters": "sqs_target", "MessageGroupId": "message_group_id",
	"HttpParameters": "http_target", "PathParameterValues": "path_parameter_values", "HeaderParameters": "header_parameters", "QueryStringParameters": "query_string_parameters",
}

// keyed are the attributes whose members are names of the user's.
var keyed = map[string]bool{"input_paths": true, "header_parameters": true, "query_string_parameters": true}

// terraformTarget returns the attributes of a target, and the names of what has none.
func terraformTarget(t *Target) (out object, unknown []string, err error) {
	var whole map[string]any
	if err := json.Unmarshal(t.Whole, &whole); err != nil {
		return nil, nil, err
	}
	out = attributesOf(whole, false, &unknown)
	slices.Sort(unknown)
	return out, unknown, nil
}

// attributesOf renames members; those that are the user's stay as they are.
func attributesOf(members map[string]any, users bool, unknown *[]string) object {
	out := object{}
	for name, value := range members {
		attribute, known := attributes[name]
		switch {
		case users:
			attribute = literal(name)
		case !known:
			*unknown = append(*unknown, name)
			continue
		}
		switch v := value.(type) {
		case map[string]any:
			out[attribute] = attributesOf(v, keyed[attribute], unknown)
		case string:
			out[attribute] = literal(v)
		case []any:
			list := make([]any, len(v))
			for i, item := range v {
				if text, ok := item.(string); ok {
					item = literal(text)
				}
				list[i] = item
			}
			out[attribute] = list
		default:
			out[attribute] = v
		}
	}
	return out
}

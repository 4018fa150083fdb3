package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Terraform returns a configuration in Terraform's JSON syntax, for a file that ends in .tf.json.
func (m *Model) Terraform() ([]byte, error) {
	ids, resources, variables := newNames(`[^A-Za-z0-9_-]+`), map[string]object{}, object{}
	// add returns where an attribute of the resource is found.
	add := func(kind string, attributes object, parts ...string) func(attribute string) reference {
		kind = "aws_cloudwatch_event_" + kind
		if resources[kind] == nil {
			resources[kind] = object{}
		}
		id := ids.of(parts...)
		resources[kind][id] = attributes
		return func(attribute string) reference { return reference("${" + kind + "." + id + "." + attribute + "}") }
	}
	buses, arns := map[string]any{}, map[string]any{}
	for _, b := range m.Buses {
		if b.Name == defaultBus {
			continue
		}
		p := object{"name": literal(b.Name)}
		p.set("kms_key_identifier", literal(b.KmsKeyIdentifier))
		if len(b.LogConfig) > 0 {
			m.Left = append(m.Left, "bus "+b.Name+": LogConfig, which the provider has no word for")
		}
		p.set("description", literal(b.Description))
		p.set("tags", tagMap(b.Tags))
		if arn := b.DeadLetterConfig.Arn; arn != "" {
			p["dead_letter_config"] = object{"arn": literal(arn)}
		}
		of := add("bus", p, b.Name)
		buses[b.Name], arns[b.Arn] = of("name"), of("arn")
	}
	for _, b := range m.Buses {
		if b.Policy == "" {
			continue
		}
		policy := literal(b.Policy)
		if arn, ok := arns[b.Arn]; ok {
			policy = strings.ReplaceAll(policy, b.Arn, fmt.Sprint(arn))
		}
		p := object{"policy": policy, "event_bus_name": orDefault(buses[b.Name])}
		add("bus_policy", p, b.Name)
	}
	ask := func(path ...string) (string, any) {
		id := ids.of(append([]string{"connection"}, path...)...)
		variables[id] = object{"type": "string", "sensitive": true, "description": literal(strings.Join(path[1:], " ") + " of the connection " + path[0])}
		return "var." + id, reference("${var." + id + "}")
	}
	for _, c := range m.Connections {
		auth, err := m.authParameters(&c, ask)
		if err != nil {
			return nil, err
		}
		var unknown []string // there is none
		p := object{"name": literal(c.Name), "authorization_type": c.AuthorizationType, "auth_parameters": connectionAttributes.of(auth, false, &unknown)}
		p.set("description", literal(c.Description))
		p.set("kms_key_identifier", literal(c.KmsKeyIdentifier))
		arns[c.ConnectionArn] = add("connection", p, c.Name)("arn")
	}
	for _, d := range m.Destinations {
		p := object{"name": literal(d.Name), "connection_arn": orSelf(arns, d.ConnectionArn), "http_method": d.HTTPMethod, "invocation_endpoint": literal(d.InvocationEndpoint)}
		if d.InvocationRateLimitPerSecond > 0 {
			p["invocation_rate_limit_per_second"] = d.InvocationRateLimitPerSecond
		}
		p.set("description", literal(d.Description))
		arns[d.Arn] = add("api_destination", p, d.Name)("arn")
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
			if arn, ok := arns[t.Arn]; ok {
				p["arn"] = arn
			}
			p["rule"] = rule("name")
			p.set("event_bus_name", buses[r.EventBusName])
			add("target", p, r.EventBusName, r.Name, t.ID)
		}
	}
	for _, a := range m.Archives {
		p := object{"name": literal(a.ArchiveName), "event_source_arn": orSelf(arns, a.EventSourceArn), "retention_days": a.RetentionDays}
		p.set("description", literal(a.Description))
		p.set("event_pattern", literal(a.EventPattern))
		if a.KmsKeyIdentifier != "" {
			p["kms_key_identifier"] = literal(a.KmsKeyIdentifier)
		}
		add("archive", p, a.ArchiveName)
	}
	whole := object{"resource": resources}
	if len(variables) > 0 {
		whole["variable"] = variables
	}
	return written(whole)
}

// orDefault is the reference to a bus, or the name of the default one.
func orDefault(bus any) any {
	if bus == nil {
		return defaultBus
	}
	return bus
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

// attributes are what Terraform calls the members of an object; those of a block stand below it.
type attributes map[string]string

var connectionAttributes = attributes{
	"BasicAuthParameters": "basic", "Username": "username", "Password": "password",
	"ApiKeyAuthParameters": "api_key", "ApiKeyName": "key", "ApiKeyValue": "value",
	"OAuthParameters": "oauth", "AuthorizationEndpoint": "authorization_endpoint", "HttpMethod": "http_method",
	"ClientParameters": "client_parameters", "ClientID": "client_id", "ClientSecret": "client_secret",
	"OAuthHttpParameters": "oauth_http_parameters", "InvocationHttpParameters": "invocation_http_parameters",
	"HeaderParameters": "header", "QueryStringParameters": "query_string", "BodyParameters": "body",
	"Key": "key", "Value": "value", "IsValueSecret": "is_value_secret",
}

var targetAttributes = attributes{
	"Id": "target_id", "Arn": "arn", "RoleArn": "role_arn", "Input": "input", "InputPath": "input_path",
	"InputTransformer": "input_transformer", "InputPathsMap": "input_paths", "InputTemplate": "input_template",
	"RetryPolicy": "retry_policy", "MaximumRetryAttempts": "maximum_retry_attempts", "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
	"DeadLetterConfig": "dead_letter_config", "SqsParameters": "sqs_target", "MessageGroupId": "message_group_id",
	"HttpParameters": "http_target", "PathParameterValues": "path_parameter_values", "HeaderParameters": "header_parameters", "QueryStringParameters": "query_string_parameters",
}

// defaultRetry is what EventBridge does where a policy does not say.
var defaultRetry = map[string]int{"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}

// keyed are the attributes whose members are names of the user's.
var keyed = map[string]bool{"input_paths": true, "header_parameters": true, "query_string_parameters": true}

// terraformTarget returns the attributes of a target, and the names of what has none.
func terraformTarget(t *Target) (out object, unknown []string, err error) {
	var whole map[string]any
	if err := json.Unmarshal(t.Whole, &whole); err != nil {
		return nil, nil, err
	}
	if retry, ok := whole["RetryPolicy"].(map[string]any); ok {
		for member, standard := range defaultRetry { // the provider sends 0 for what is left out
			if _, given := retry[member]; !given {
				retry[member] = standard
			}
		}
	}
	out = targetAttributes.of(whole, false, &unknown)
	slices.Sort(unknown)
	return out, unknown, nil
}

// of renames members; those that are the user's stay as they are.
func (a attributes) of(members map[string]any, users bool, unknown *[]string) object {
	out := object{}
	for name, value := range members {
		attribute, known := a[name]
		switch {
		case users:
			attribute = literal(name)
		case !known:
			*unknown = append(*unknown, name)
			continue
		}
		out[attribute] = a.value(value, keyed[attribute], unknown)
	}
	return out
}

func (a attributes) value(value any, users bool, unknown *[]string) any {
	switch v := value.(type) {
	case map[string]any:
		return a.of(v, users, unknown)
	case string:
		return literal(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = a.value(item, users, unknown)
		}
		return list
	}
	return value
}

package cfn

import (
	"encoding/json"
	"fmt"
	"strings"

	"signalbox/document"
)

// plan is what is looked at of a plan of Terraform or OpenTofu, or of a state (terraform show -json).
type plan struct {
	Planned *planValues `json:"planned_values"`
	// State is there in place of Planned in a state.
	State   *planValues  `json:"values"`
	Changes []planChange `json:"resource_changes"`

	Configuration struct {
		Root configModule `json:"root_module"`
	} `json:"configuration"`
}

type planValues struct {
	Root planModule `json:"root_module"`
}

type planModule struct {
	Resources []planResource `json:"resources"`
	Children  []planModule   `json:"child_modules"`
}

type planResource struct {
	Address   string          `json:"address"`
	Mode      string          `json:"mode"`
	Type      string          `json:"type"`
	Name      string          `json:"name"`
	Index     json.RawMessage `json:"index"` // the key of count or for_each
	Values    map[string]any  `json:"values"`
	Sensitive any             `json:"sensitive_values"`
}

// planChange says which values are known only after the plan was applied.
type planChange struct {
	Address string `json:"address"`
	Change  struct {
		Unknown any `json:"after_unknown"`
	} `json:"change"`
}

// isTerraform reports whether a document is a plan or a state of Terraform.
func isTerraform(root *document.Node) bool {
	return root.Get("format_version") != nil && (root.Get("planned_values") != nil || root.Get("terraform_version") != nil)
}

// convertTerraform makes a rule file of a plan or a state: it is read as the template that says the same.
func convertTerraform(src []byte) (*Result, error) {
	var p plan
	if err := json.Unmarshal(src, &p); err != nil {
		return nil, fmt.Errorf("no plan and no state: write it with terraform show -json PLAN: %w", err)
	}
	values := p.Planned
	if values == nil {
		values = p.State
	}
	if values == nil {
		return nil, fmt.Errorf("no plan and no state, or an empty one: write it with terraform show -json PLAN")
	}
	t := &terraformReader{
		unknown: map[string]any{}, modules: map[string]*configModule{}, byAddress: map[string]*planResource{}, byARN: map[string]string{},
		rules: map[string]string{}, template: map[string]map[string]any{},
		parameters: mapping(), labels: map[string]string{}, paths: map[string]string{},
	}
	for _, c := range p.Changes {
		t.unknown[c.Address] = c.Change.Unknown
	}
	t.configured("", &p.Configuration.Root)
	t.module(&values.Root)
	return t.convert()
}

// terraformReader makes a template of the resources of a plan.
type terraformReader struct {
	unknown map[string]any
	// modules are the modules as they are written, by their address without keys.
	modules   map[string]*configModule
	byAddress map[string]*planResource
	// byARN are the addresses of what has an ARN already, as in a state.
	byARN map[string]string
	all   []*planResource
	// template are the resources of the template, and order their names.
	template map[string]map[string]any
	order    []string
	// rules are the addresses of rules by bus and name, for their targets.
	rules map[string]string
	// parameters stand for what is sensitive.
	parameters *document.Node
	// labels are what resources are called, and paths the addresses of targets by where they stand in the template.
	labels, paths map[string]string
	left          []string
}

func (t *terraformReader) module(m *planModule) {
	for i := range m.Resources {
		r := &m.Resources[i]
		t.all = append(t.all, r)
		t.byAddress[r.Address] = r
		if arn, ok := r.Values["arn"].(string); ok && r.Mode != "data" && r.Type != "aws_cloudwatch_event_target" {
			t.byARN[arn] = r.Address
		}
	}
	for i := range m.Children {
		t.module(&m.Children[i])
	}
}

// words are what attributes of a block are called in CloudFormation, and what is below them.
type words map[string]word

type word struct {
	name  string
	below words
	list  bool
}

var (
	parameterList = word{below: words{"key": {name: "Key"}, "value": {name: "Value"}, "is_value_secret": {name: "IsValueSecret"}}, list: true}
	httpWords     = words{"header": parameterList.as("HeaderParameters"), "query_string": parameterList.as("QueryStringParameters"), "body": parameterList.as("BodyParameters")}

	resourceWords = map[string]words{
		"bus": {
			"name": {name: "Name"}, "description": {name: "Description"}, "tags": {name: "Tags"}, "kms_key_identifier": {name: "KmsKeyIdentifier"},
			"event_source_name": {name: "EventSourceName"}, "dead_letter_config": {name: "DeadLetterConfig", below: words{"arn": {name: "Arn"}}}, "log_config": {name: "LogConfig"},
		},
		"rule": {
			"name": {name: "Name"}, "description": {name: "Description"}, "event_bus_name": {name: "EventBusName"}, "event_pattern": {name: "EventPattern"},
			"schedule_expression": {name: "ScheduleExpression"}, "state": {name: "State"}, "is_enabled": {name: "Enabled"}, "role_arn": {name: "RoleArn"}, "tags": {name: "Tags"},
		},
		"target": {
			"target_id": {name: "Id"}, "arn": {name: "Arn"}, "role_arn": {name: "RoleArn"}, "input": {name: "Input"}, "input_path": {name: "InputPath"},
			"input_transformer":  {name: "InputTransformer", below: words{"input_paths": {name: "InputPathsMap"}, "input_template": {name: "InputTemplate"}}},
			"retry_policy":       {name: "RetryPolicy", below: words{"maximum_retry_attempts": {name: "MaximumRetryAttempts"}, "maximum_event_age_in_seconds": {name: "MaximumEventAgeInSeconds"}}},
			"dead_letter_config": {name: "DeadLetterConfig", below: words{"arn": {name: "Arn"}}},
			"sqs_target":         {name: "SqsParameters", below: words{"message_group_id": {name: "MessageGroupId"}}},
			"http_target": {name: "HttpParameters", below: words{
				"path_parameter_values": {name: "PathParameterValues"}, "header_parameters": {name: "HeaderParameters"}, "query_string_parameters": {name: "QueryStringParameters"},
			}},
			"ecs_target": {name: "EcsParameters"}, "batch_target": {name: "BatchParameters"}, "kinesis_target": {name: "KinesisParameters"},
			"redshift_target": {name: "RedshiftDataParameters"}, "run_command_targets": {name: "RunCommandParameters"},
			"sagemaker_pipeline_target": {name: "SageMakerPipelineParameters"}, "appsync_target": {name: "AppSyncParameters"},
		},
		"archive": {
			"name": {name: "ArchiveName"}, "event_source_arn": {name: "SourceArn"}, "description": {name: "Description"}, "event_pattern": {name: "EventPattern"},
			"retention_days": {name: "RetentionDays"}, "kms_key_identifier": {name: "KmsKeyIdentifier"},
		},
		"api_destination": {
			"name": {name: "Name"}, "description": {name: "Description"}, "connection_arn": {name: "ConnectionArn"}, "invocation_endpoint": {name: "InvocationEndpoint"},
			"http_method": {name: "HttpMethod"}, "invocation_rate_limit_per_second": {name: "InvocationRateLimitPerSecond"},
		},
		"connection": {
			"name": {name: "Name"}, "description": {name: "Description"}, "authorization_type": {name: "AuthorizationType"}, "kms_key_identifier": {name: "KmsKeyIdentifier"},
			"invocation_connectivity_parameters": {name: "InvocationConnectivityParameters"},
			"auth_parameters": {name: "AuthParameters", below: words{
				"basic":   {name: "BasicAuthParameters", below: words{"username": {name: "Username"}, "password": {name: "Password"}}},
				"api_key": {name: "ApiKeyAuthParameters", below: words{"key": {name: "ApiKeyName"}, "value": {name: "ApiKeyValue"}}},
				"oauth": {name: "OAuthParameters", below: words{
					"authorization_endpoint": {name: "AuthorizationEndpoint"}, "http_method": {name: "HttpMethod"},
					"client_parameters":     {name: "ClientParameters", below: words{"client_id": {name: "ClientID"}, "client_secret": {name: "ClientSecret"}}},
					"oauth_http_parameters": {name: "OAuthHttpParameters", below: httpWords},
				}},
				"invocation_http_parameters": {name: "InvocationHttpParameters", below: httpWords},
			}},
		},
	}
	typeNames = map[string]string{"bus": "AWS::Events::EventBus", "rule": "AWS::Events::Rule", "archive": "AWS::Events::Archive", "api_destination": apiDestination, "connection": "AWS::Events::Connection"}
)

func (w word) as(name string) word {
	w.name = name
	return w
}

// ofProvider are the attributes that only say how the provider works, or what AWS adds.
var ofProvider = []string{"id", "arn", "tags_all", "force_destroy", "name_prefix", "region", "timeouts", "secret_arn"}

// convert makes the template, and the rule file of it.
func (t *terraformReader) convert() (*Result, error) {
	for _, r := range t.all {
		t.resource(r)
	}
	for _, r := range t.all {
		if r.Type == "aws_cloudwatch_event_target" && r.Mode != "data" {
			t.target(r)
		}
	}
	c := newConverter(mapping())
	c.labels, c.paths, c.parameters = t.labels, t.paths, t.parameters
	c.later = "is known only after it was applied: import the state then (terraform show -json), or write the rule"
	for _, address := range t.order {
		text, err := json.Marshal(t.template[address])
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
	for _, what := range t.left {
		c.leave("%s", what)
	}
	return c.result(), nil
}

// resource adds a resource to the template, but targets, which are parts of their rules.
func (t *terraformReader) resource(r *planResource) {
	kind, ok := strings.CutPrefix(r.Type, "aws_cloudwatch_event_")
	known, isKnown := typeNames[kind]
	switch {
	case r.Mode == "data", ok && kind == "target":
	case ok && isKnown:
		p := t.properties(r, kind)
		if kind == "rule" {
			if name, named := p["Name"].(string); named {
				t.rules[busName(p["EventBusName"])+"\x00"+name] = r.Address
			}
		}
		t.add(r, known, p)
	default:
		t.add(r, r.Type, map[string]any{})
	}
}

func (t *terraformReader) add(r *planResource, kind string, properties map[string]any) {
	if t.template[r.Address] == nil {
		t.order = append(t.order, r.Address)
	}
	t.labels[r.Address] = r.Name
	t.template[r.Address] = map[string]any{"Type": kind, "Properties": properties}
}

// busName is the name of a bus that is known.
func busName(bus any) string {
	name, _ := bus.(string)
	if _, after, ok := strings.Cut(name, ":event-bus/"); ok {
		name = after
	}
	if name == "" {
		return "default"
	}
	return name
}

// properties returns the attributes of a resource as CloudFormation calls them. One that it has no word for keeps its name.
func (t *terraformReader) properties(r *planResource, kind string) map[string]any {
	b := &blockReader{t, r, t.config(r)}
	out := b.block(overlay{r.Values, t.unknown[r.Address], r.Sensitive, b.config.Expressions}, resourceWords[kind], r.Address)
	for _, property := range []string{"EventBusName", "SourceArn", "event_bus_name"} { // the ARN of a bus is not known, its name is
		if bus := t.byAddress[referred(out[property])]; bus != nil && bus.Type == "aws_cloudwatch_event_bus" && bus.Values["name"] != nil {
			out[property] = bus.Values["name"]
		}
	}
	return out
}

// referred is the name that a value refers to; empty if it is none.
func referred(value any) string {
	ref, _ := value.(map[string]any)
	name, _ := ref["Ref"].(string)
	return name
}

// target adds a target to its rule.
func (t *terraformReader) target(r *planResource) {
	entry := t.properties(r, "target")
	bus := busName(entry["event_bus_name"])
	name, _ := entry["rule"].(string)
	address := t.rules[bus+"\x00"+name]
	if leads := referred(entry["rule"]); leads != "" {
		name, address = leads, leads
	}
	delete(entry, "event_bus_name")
	delete(entry, "rule")
	rule, ok := t.template[address]["Properties"].(map[string]any)
	if !ok || t.template[address]["Type"] != typeNames["rule"] {
		t.left = append(t.left, fmt.Sprintf("%s, of rule %s, which the plan does not have", document.Quoted(r.Address), document.Quoted(name)))
		return
	}
	if _, known := entry["Id"].(string); !known {
		entry["Id"] = r.Name
	}
	if entry["Arn"] == nil {
		entry["Arn"] = r.Name
	}
	if leads := referred(entry["Arn"]); t.labels[leads] == "" {
		t.labels[leads] = r.Name
	}
	list, _ := rule["Targets"].([]any)
	t.paths[fmt.Sprintf("%s.Targets[%d]", address, len(list))] = r.Address
	rule["Targets"] = append(list, entry)
}

package cfn_test

import (
	"encoding/json"
	"strings"
	"testing"

	"signalbox/rules"
	"signalbox/targets/http"
)

// loginOf returns the connection with which a target logs in, as JSON.
func loginOf(t *testing.T, set *rules.Set, target string) string {
	t.Helper()
	options, ok := set.Targets[target].Options.(*http.Options)
	if !ok || options.LoginOptions() == nil || options.LoginOptions().Shared() == nil {
		t.Fatalf("target %s has no connection", target)
	}
	c := options.LoginOptions().Shared()
	text, err := json.Marshal(map[string]any{"name": c.Name, "description": c.Description, "basic": c.Auth.Basic, "key": c.Auth.APIKey, "oauth": c.Auth.OAuth2, "headers": c.Headers, "query": c.Query, "body": c.Body})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConnections: connections and API destinations become connections and targets, and no secret of a template is taken over.
func TestConnections(t *testing.T) {
	for _, name := range []string{"CRM_PASSWORD", "BY_KEY_API_KEY_VALUE", "BY_KEY_X_B", "CONNECTION_9_CLIENT_SECRET", "CONNECTION_9_SCOPE_2"} {
		t.Setenv(name, "of the environment")
	}
	const template = `
Parameters: {Password: {Type: String, NoEcho: true}, Key: {Type: String, Default: s3cret}}
Resources:
  Crm: {Type: AWS::Events::Connection, Properties: {Name: crm, Description: "D ${x}", AuthorizationType: BASIC, AuthParameters: {BasicAuthParameters: {Username: "me${x}", Password: !Ref Password}}}}
  Key: {Type: AWS::Events::Connection, Properties: {Name: by key, AuthorizationType: API_KEY, AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: X-Key, ApiKeyValue: !Ref Key},
    InvocationHttpParameters: {HeaderParameters: [{Key: X-A, Value: open}, {Key: X-B, Value: s3cret, IsValueSecret: true}], QueryStringParameters: [{Key: q, Value: "1"}], BodyParameters: [{Key: b, Value: "2", IsValueSecret: false}]}}}}
  "9": {Type: AWS::Events::Connection, Properties: {AuthorizationType: OAUTH_CLIENT_CREDENTIALS, AuthParameters: {OAuthParameters: {AuthorizationEndpoint: https://login.example.com/token, HttpMethod: PUT,
    ClientParameters: {ClientID: id, ClientSecret: s3cret}, OAuthHttpParameters: {BodyParameters: [{Key: scope, Value: all}, {Key: "scope 2", Value: s3cret, IsValueSecret: true}], QueryStringParameters: [{Key: a, Value: b}]}}}}}
  None: {Type: AWS::Events::Connection, Properties: {AuthorizationType: BASIC}}
  Orders: {Type: AWS::Events::ApiDestination, Properties: {ConnectionArn: !GetAtt Crm.Arn, InvocationEndpoint: https://crm.example.com/orders, HttpMethod: PUT, InvocationRateLimitPerSecond: 5}}
  People: {Type: AWS::Events::ApiDestination, Properties: {ConnectionArn: !GetAtt Key.Arn, InvocationEndpoint: https://crm.example.com/people, HttpMethod: POST}}
  Stock: {Type: AWS::Events::ApiDestination, Properties: {ConnectionArn: !GetAtt 9.Arn, InvocationEndpoint: https://crm.example.com/stock, HttpMethod: POST}}
  Rule: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [shop]}, Targets: [{Id: a, Arn: !GetAtt Orders.Arn}, {Id: b, Arn: !GetAtt People.Arn}, {Id: c, Arn: !GetAtt Stock.Arn}]}}
`
	got, set := load(t, "t.yaml", template)
	if strings.Contains(got.YAML, "s3cret") || got.Connections != 3 {
		t.Errorf("%d connections in\n%s", got.Connections, got.YAML)
	}
	for target, want := range map[string]string{
		"Orders": `{"basic":{"User":"me$${x}","Password":"${CRM_PASSWORD}"},"body":null,"description":"D ${x}","headers":null,"key":null,"name":"crm","oauth":null,"query":null}`,
		"People": `{"basic":null,"body":{"b":"2"},"description":"","headers":{"X-A":"open","X-B":"${BY_KEY_X_B}"},"key":{"Header":"X-Key","Query":"","Value":"${BY_KEY_API_KEY_VALUE}"},"name":"by-key","oauth":null,"query":{"q":"1"}}`,
	} {
		if got := loginOf(t, set, target); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", target, got, want)
		}
	}
	stock := loginOf(t, set, "Stock")
	for _, want := range []string{`"ClientID":"id"`, `"ClientSecret":"${CONNECTION_9_CLIENT_SECRET}"`, `"Method":"PUT"`, `"Params":{"scope":"all","scope 2":"${CONNECTION_9_SCOPE_2}"}`, `"SendIn":"body"`, `"TokenURL":"https://login.example.com/token?a=b"`} {
		if !strings.Contains(stock, want) {
			t.Errorf("%s has no %s", stock, want)
		}
	}
	if orders := set.Targets["Orders"].Options.(*http.Options); orders.Method != "PUT" || orders.URL != "https://crm.example.com/orders" || set.Targets["Orders"].RateLimit.String() != "5/s" {
		t.Errorf("the target: %+v", set.Targets["Orders"])
	}
	notes := strings.Join(got.Notes, "\n")
	for _, want := range []string{"set CRM_PASSWORD in the environment", "left out: connection None says no way to log in"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note has %q:\n%s", want, notes)
		}
	}
}

// TestConnectionsOfAPlan: plans have secrets in plain text, and none is taken over.
func TestConnectionsOfAPlan(t *testing.T) {
	t.Setenv("CRM_API_KEY_VALUE", "of the environment")
	t.Setenv("CRM_X_B", "of the environment")
	const plan = `{"format_version":"1.2","planned_values":{"root_module":{"child_modules":[{"address":"module.m","resources":[
		{"address":"module.m.aws_cloudwatch_event_target.t","mode":"managed","type":"aws_cloudwatch_event_target","name":"t","values":{"rule":"r","target_id":"t"}},
		{"address":"module.m.aws_cloudwatch_event_rule.r","mode":"managed","type":"aws_cloudwatch_event_rule","name":"r","values":{"name":"r","event_pattern":"{\"source\":[\"shop\"]}"}},
		{"address":"module.m.aws_cloudwatch_event_api_destination.orders","mode":"managed","type":"aws_cloudwatch_event_api_destination","name":"orders","values":{"name":"o","invocation_endpoint":"https://crm.example.com","http_method":"POST","invocation_rate_limit_per_second":7}},
		{"address":"module.m.aws_cloudwatch_event_connection.crm","mode":"managed","type":"aws_cloudwatch_event_connection","name":"crm","values":{"name":"crm","description":null,"authorization_type":"API_KEY","auth_parameters":[
			{"api_key":[{"key":"X-Key","value":"s3cret"}],"basic":[],"oauth":[],"invocation_http_parameters":[{"header":[{"key":"X-A","value":"open","is_value_secret":false},{"key":"X-B","value":"s3cret","is_value_secret":true}]}]}]}}]}]}},
		"resource_changes":[{"address":"module.m.aws_cloudwatch_event_api_destination.orders","change":{"after_unknown":{"connection_arn":true}}},{"address":"module.m.aws_cloudwatch_event_target.t","change":{"after_unknown":{"arn":true}}}],
		"configuration":{"root_module":{"module_calls":{"m":{"module":{"resources":[
			{"address":"aws_cloudwatch_event_api_destination.orders","expressions":{"connection_arn":{"references":["aws_cloudwatch_event_connection.crm.arn","aws_cloudwatch_event_connection.crm"]}}},
			{"address":"aws_cloudwatch_event_target.t","expressions":{"arn":{"references":["aws_cloudwatch_event_api_destination.orders.arn","aws_cloudwatch_event_api_destination.orders"]}}}]}}}}}}`
	got, set := load(t, "plan.json", plan)
	target := set.Rule("default", "r").Targets[0].Target
	want := `{"basic":null,"body":null,"description":"","headers":{"X-A":"open","X-B":"${CRM_X_B}"},"key":{"Header":"X-Key","Query":"","Value":"${CRM_API_KEY_VALUE}"},"name":"crm","oauth":null,"query":null}`
	if login := loginOf(t, set, target); login != want || strings.Contains(got.YAML, "s3cret") || set.Targets[target].RateLimit.String() != "7/s" {
		t.Errorf("got  %s\nwant %s\n%s", login, want, got.YAML)
	}
}

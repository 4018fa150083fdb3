package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"signalbox/rules"
)

// awsClient returns AWS's client of a router.
func (s *serving) awsClient() *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		Region: "local", BaseEndpoint: aws.String(s.url), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
}

// TestRulesExport: what was made by API is printed as rule files, which check accepts in a folder of another
// router.
func TestRulesExport(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "rules: []\n")
	s := startRouter(t, dir)
	if out := s.run("rules", "export"); out.code != 0 || out.stdout != "nothing was made by API\n" {
		t.Errorf("got %+v", out)
	}
	c, ctx := s.awsClient(), t.Context()
	_, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("big"), EventPattern: aws.String(`{"source":["shop"]}`), Description: aws.String("${HOME} \x1b[31m")})
	must(t, err)
	_, err = c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("big"), Targets: []types.Target{{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs:eu-west-1:123456789012:q")}}})
	must(t, err)
	out := s.run("rules", "export")
	for _, want := range []string{"# rules/default/big.json\n{\n  \"Name\": \"big\",", "# targets.json\n", `"url": "sqs://eu-west-1/123456789012/q"`} {
		if !strings.Contains(out.stdout, want) || strings.Contains(out.stdout, "\x1b") {
			t.Errorf("got %q, want %q", out.stdout, want)
		}
	}
	other := t.TempDir()
	to := filepath.Join(other, "exported")
	if out := s.run("rules", "export", "--to", to); out.code != 0 || out.stdout != "2 files written to "+to+"\n" {
		t.Errorf("got %+v", out)
	}
	if out := s.run("rules", "export", "--to", to); out.code != 1 || !strings.Contains(out.stderr, "exists already: remove it, or name another folder") {
		t.Errorf("a second time: %+v", out)
	}
	write(t, other, "config.yaml", "rules: [exported]\n")
	if out := signalbox(t, "check", "--config", filepath.Join(other, "config.yaml")); out.code != 0 || !strings.Contains(out.stdout, "1 rule") {
		t.Errorf("the other router: %+v", out)
	}
	must(t, os.Remove(filepath.Join(to, "targets.json")))
	if out := signalbox(t, "check", "--config", filepath.Join(other, "config.yaml")); out.code == 0 {
		t.Errorf("without the targets: %+v", out)
	}
}

const exported = `
buses: {a/b: {description: "D ${x}"}}
targets:
  hall: {type: log, arn: "arn:aws:lambda:eu-west-1:123456789012:function:hall"}
  console: {type: log}
  letters: {type: log, arn: "arn:aws:sqs:eu-west-1:123456789012:letters"}
archives: {kept: {folder: kept, bus: a/b, retention_days: 7, pattern: {source: [shop]}}}
rules:
  - {name: big, bus: a/b, description: "Of ${y} and %{z}", state: disabled, pattern: {source: [shop], detail: {total: [{numeric: [">", 100.50]}], t: ["${a}", "<>&"]}}, targets: [
      {id: one, target: hall, input_transformer: {input_paths_map: {n: $.detail.n}, input_template: '{"n": <n>, "x": "${q} \"quoted\""}'}, retry: {max_attempts: 5, max_age: 1h}, dead_letter: letters}]}
  - {name: tick, schedule: cron(0 8 * * ? *), timezone: Europe/Berlin, targets: [{target: hall, input_path: $.detail}]}
  - {name: own, pattern: {source: [x]}, when: "detail.a > 1", targets: [{target: console, dead_letter: hall}]}
  - {name: letters, pattern: {source: [y]}, targets: [{target: hall, dead_letter: console}]}
`

// TestExport: a template of CloudFormation has what the rule files have, and says what it has not; imported again, it
// is the same. Terraform's JSON has the same texts, in which it finds no templates.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", exported)
	s := startRouter(t, dir)
	_, err := s.awsClient().PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("made"), EventPattern: aws.String(`{"source": ["made"]}`), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("${shop}")}},
	})
	must(t, err)
	_, err = s.awsClient().CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{
		Name: aws.String("encrypted"), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:eu-west-1:123456789012:bus")},
	})
	must(t, err)
	cfn := s.run("export", "--format", "cloudformation")
	for _, want := range []string{
		"left out: rule own on bus default: target console has no ARN that AWS knows", `left out: rule own on bus default: when: detail.a > 1`, "left out: rule own on bus default: state: it is DISABLED here", `left out: rule tick on bus default: timezone: Europe/Berlin`,
		"left out: rule letters on bus default: the dead_letter of target hall has no ARN that AWS knows",
	} {
		if cfn.code != 0 || !strings.Contains(cfn.stderr, want) {
			t.Errorf("code %d, told %q, want %q", cfn.code, cfn.stderr, want)
		}
	}
	if out := s.run("export", "--format", "cloudformation", "--strict"); out.code != 1 || out.stdout != "" || !strings.Contains(out.stderr, "7 things can't be said") {
		t.Errorf("strict: %+v", out)
	}
	if out := s.run("export", "--format", "json"); out.code != 2 || !strings.Contains(out.stderr, "write cloudformation or terraform") {
		t.Errorf("another format: %+v", out)
	}

	again := t.TempDir()
	write(t, again, "template.json", cfn.stdout)
	imported := signalbox(t, "import", filepath.Join(again, "template.json"))
	write(t, again, "rules.yaml", imported.stdout)
	set, err := rules.Load(rules.Source{Globs: []string{filepath.Join(again, "rules.yaml")}})
	must(t, err)
	before, err := rules.Load(rules.Source{Globs: []string{filepath.Join(dir, "rules.yaml")}})
	must(t, err)
	for _, name := range [][2]string{{"a/b", "big"}, {"default", "tick"}} {
		a, b := before.Rule(name[0], name[1]), set.Rule(name[0], name[1])
		if b == nil || a.State != b.State || a.Description != b.Description || string(a.Pattern.Source()) != string(b.Pattern.Source()) || len(a.Targets) != len(b.Targets) {
			t.Fatalf("%s is %+v, was %+v, in\n%s", name[1], b, a, imported.stdout)
		}
		x, y := a.Targets[0], b.Targets[0]
		if x.DeadLetter != y.DeadLetter || x.ID != y.ID || x.Target != y.Target || (x.Retry == nil) != (y.Retry == nil) || x.Retry != nil && (x.Retry.MaxAttempts != y.Retry.MaxAttempts || x.Retry.MaxAge != y.Retry.MaxAge) ||
			!reflect.DeepEqual(x.Spec.InputTransformer, y.Spec.InputTransformer) || !reflect.DeepEqual(x.Spec.InputPath, y.Spec.InputPath) {
			t.Errorf("%s: the target is %+v, was %+v", name[1], y, x)
		}
	}
	if set.Rule("default", "tick").Schedule.String() != "cron(0 8 * * ? *)" || set.Rule("default", "made") == nil {
		t.Errorf("imported\n%s", imported.stdout)
	}

	if !strings.Contains(imported.stdout, `left out: Busencrypted.DeadLetterConfig: it gets what can't be decrypted`) {
		t.Errorf("imported\n%s", imported.stdout)
	}

	tf := s.run("export", "--format", "terraform")
	var all struct {
		Resource map[string]map[string]map[string]any
	}
	must(t, json.Unmarshal([]byte(tf.stdout), &all))
	big := all.Resource["aws_cloudwatch_event_rule"]["ab-big"]
	if big["name"] != "big" || big["event_bus_name"] != "${aws_cloudwatch_event_bus.ab.name}" || big["state"] != "DISABLED" || big["description"] != "Of $${y} and %%{z}" ||
		big["event_pattern"] != `{"source":["shop"],"detail":{"total":[{"numeric":[">",100.50]}],"t":["$${a}","<>&"]}}` {
		t.Errorf("the rule: %+v", big)
	}
	target := all.Resource["aws_cloudwatch_event_target"]["ab-big-one"]
	if target["rule"] != "${aws_cloudwatch_event_rule.ab-big.name}" || target["target_id"] != "one" || target["arn"] != "arn:aws:lambda:eu-west-1:123456789012:function:hall" ||
		fmt.Sprint(target["input_transformer"]) != `map[input_paths:map[n:$.detail.n] input_template:{"n": <n>, "x": "$${q} \"quoted\""}]` ||
		fmt.Sprint(target["retry_policy"]) != "map[maximum_event_age_in_seconds:3600 maximum_retry_attempts:4]" {
		t.Errorf("the target: %+v", target)
	}
	if letters, bus := target["dead_letter_config"], all.Resource["aws_cloudwatch_event_bus"]["encrypted"]["dead_letter_config"]; fmt.Sprint(letters, bus) != "map[arn:arn:aws:sqs:eu-west-1:123456789012:letters] map[arn:arn:aws:sqs:eu-west-1:123456789012:bus]" {
		t.Errorf("dead letters: %v, %v", letters, bus)
	}
	if tags := all.Resource["aws_cloudwatch_event_rule"]["default-made"]["tags"]; fmt.Sprint(tags) != "map[team:$${shop}]" {
		t.Errorf("the tags: %v", tags)
	}
	if archive := all.Resource["aws_cloudwatch_event_archive"]["kept"]; archive["retention_days"] != 7.0 || archive["event_source_arn"] != "${aws_cloudwatch_event_bus.ab.arn}" || archive["event_pattern"] != `{"source":["shop"]}` {
		t.Errorf("the archive: %v", archive)
	}
}

// TestExportConnections: a template has connections and API destinations, with parameters in the place of secrets;
// imported again, they log in as before once the environment has them.
func TestExportConnections(t *testing.T) {
	const secret = "p4ssw0rd-of-the-crm"
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\nsecret_keys: [c2lnbmFsYm94LXRlc3Qta2V5LW9mLTMyLWJ5dGVzISE=]\n")
	write(t, dir, "rules.yaml", "rules: []\n")
	s := startRouter(t, dir)
	c, ctx := s.awsClient(), t.Context()
	made := func(name string, kind types.ConnectionAuthorizationType, p *types.CreateConnectionAuthRequestParameters) string {
		connection, err := c.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: &name, Description: aws.String("D ${x}"), AuthorizationType: kind, AuthParameters: p})
		must(t, err)
		d, err := c.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
			Name: aws.String("to-" + name), ConnectionArn: connection.ConnectionArn, HttpMethod: "PUT", InvocationEndpoint: aws.String("https://crm.example.com/" + name), InvocationRateLimitPerSecond: aws.Int32(7),
		})
		must(t, err)
		_, err = c.PutRule(ctx, &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(`{"source":["shop"]}`)})
		must(t, err)
		_, err = c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, Targets: []types.Target{{Id: aws.String("t"), Arn: d.ApiDestinationArn, RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3)}}}})
		must(t, err)
		return *d.ApiDestinationArn
	}
	made("basic", "BASIC", &types.CreateConnectionAuthRequestParameters{
		BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("${me}"), Password: aws.String(secret)},
		InvocationHttpParameters: &types.ConnectionHttpParameters{
			HeaderParameters: []types.ConnectionHeaderParameter{{Key: aws.String("X-A"), Value: aws.String("open")}, {Key: aws.String("X-B"), Value: aws.String(secret), IsValueSecret: true}},
		},
	})
	key := made("key", "API_KEY", &types.CreateConnectionAuthRequestParameters{ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String(secret)}, InvocationHttpParameters: &types.ConnectionHttpParameters{}})
	made("oauth", "OAUTH_CLIENT_CREDENTIALS", &types.CreateConnectionAuthRequestParameters{OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
		ClientParameters:      &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("id"), ClientSecret: aws.String(secret)},
		AuthorizationEndpoint: aws.String("https://login.example.com/token"), HttpMethod: "POST",
		OAuthHttpParameters: &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{{Key: aws.String("scope"), Value: aws.String(secret), IsValueSecret: true}}},
	}})
	made("gone", "API_KEY", &types.CreateConnectionAuthRequestParameters{ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String(secret)}})
	_, err := c.DeauthorizeConnection(ctx, &eventbridge.DeauthorizeConnectionInput{Name: aws.String("gone")})
	must(t, err)

	cfn := s.run("export", "--format", "cloudformation")
	for _, want := range []string{"left out: connection basic: secrets are not shown: give ConnectionbasicPassword, ConnectionbasicXBValue", "left out: connection gone: secrets are not shown: give ConnectiongoneApiKeyName, ConnectiongoneApiKeyValue", "left out: rule key on bus default: target t has no RoleArn"} {
		if cfn.code != 0 || !strings.Contains(cfn.stderr, want) {
			t.Errorf("told %q, want %q", cfn.stderr, want)
		}
	}
	for _, want := range []string{`"ConnectionkeyApiKeyValue": {
      "Description": "ApiKeyValue of the connection key",
      "NoEcho": true,
      "Type": "String"
    }`, `"ApiKeyValue": {
              "Ref": "ConnectionkeyApiKeyValue"
            }`, `"ConnectionArn": {
          "Fn::GetAtt": [
            "Connectionkey",
            "Arn"
          ]
        }`, `"Arn": {
              "Fn::GetAtt": [
                "ApiDestinationtokey",
                "Arn"
              ]
            }`} {
		if !strings.Contains(cfn.stdout, want) {
			t.Errorf("the template has no %s:\n%s", want, cfn.stdout)
		}
	}
	tf := s.run("export", "--format", "terraform")
	var all struct {
		Resource map[string]map[string]map[string]any
		Variable map[string]map[string]any
	}
	must(t, json.Unmarshal([]byte(tf.stdout), &all))
	basic := all.Resource["aws_cloudwatch_event_connection"]["basic"]
	if want := "map[basic:map[password:${var.connection-basic-Password} username:$${me}] invocation_http_parameters:map[header:[map[is_value_secret:false key:X-A value:open] map[is_value_secret:true key:X-B value:${var.connection-basic-X-B-Value}]]]]"; fmt.Sprint(basic["auth_parameters"]) != want || basic["description"] != "D $${x}" {
		t.Errorf("the connection: %v, want %s", basic, want)
	}
	if v := all.Variable["connection-basic-Password"]; v["sensitive"] != true || v["type"] != "string" {
		t.Errorf("the variable: %v", v)
	}
	if key := all.Resource["aws_cloudwatch_event_connection"]["key"]; fmt.Sprint(key["auth_parameters"]) != "map[api_key:map[key:X-Key value:${var.connection-key-ApiKeyValue}]]" {
		t.Errorf("the connection, which adds nothing to requests: %v", key) // Terraform takes no empty block
	}
	if d := all.Resource["aws_cloudwatch_event_api_destination"]["to-key"]; d["connection_arn"] != "${aws_cloudwatch_event_connection.key.arn}" || d["invocation_rate_limit_per_second"] != 7.0 || d["http_method"] != "PUT" {
		t.Errorf("the destination: %v", d)
	}
	if target := all.Resource["aws_cloudwatch_event_target"]["default-key-t"]; target["arn"] != "${aws_cloudwatch_event_api_destination.to-key.arn}" ||
		fmt.Sprint(target["retry_policy"]) != "map[maximum_event_age_in_seconds:86400 maximum_retry_attempts:3]" { // of which the provider makes 0 where one is left out
		t.Errorf("the target: %v", target)
	}
	for _, out := range []string{cfn.stdout, cfn.stderr, tf.stdout, tf.stderr} {
		if strings.Contains(out, secret) || strings.Contains(out, "sealed") || strings.Contains(out, key) {
			t.Errorf("a secret, or an ARN that AWS will not know, in %s", out)
		}
	}

	again := t.TempDir()
	write(t, again, "template.json", cfn.stdout)
	imported := signalbox(t, "import", filepath.Join(again, "template.json"))
	write(t, again, "rules.yaml", imported.stdout)
	write(t, again, "config.yaml", "rules: [rules.yaml]\n")
	if out := signalbox(t, "check", "--config", filepath.Join(again, "config.yaml")); out.code != 1 || !strings.Contains(out.stdout+out.stderr, "KEY_API_KEY_VALUE") {
		t.Errorf("without the secrets: %+v", out)
	}
	for _, name := range []string{"BASIC_PASSWORD", "BASIC_X_B", "KEY_API_KEY_VALUE", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPE", "GONE_API_KEY_VALUE"} {
		t.Setenv(name, secret)
	}
	out := signalbox(t, "check", "--config", filepath.Join(again, "config.yaml"))
	if out.code != 0 || !strings.Contains(out.stdout, "4 rules") || !strings.Contains(imported.stdout, "  to-basic:\n    type: http\n    url: \"https://crm.example.com/basic\"\n    method: PUT\n    rate_limit: \"7/s\"\n    auth:\n      connection: basic\n") {
		t.Errorf("%+v of\n%s", out, imported.stdout)
	}
}

// TestArchiveOfTheAPILiesInTheData: also where the router was started from elsewhere, with a relative path.
func TestArchiveOfTheAPILiesInTheData(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	must(t, os.Mkdir("conf", 0o700))
	write(t, "conf", "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\n")
	write(t, "conf", "rules.yaml", "rules: []\n")
	s := startRouter(t, "conf")
	_, err := s.awsClient().CreateArchive(t.Context(), &eventbridge.CreateArchiveInput{ArchiveName: aws.String("all"), EventSourceArn: aws.String("arn:aws:events:local:000000000000:event-bus/default")})
	must(t, err)
	s.eventually("written to", func() bool {
		found, err := filepath.Glob(filepath.Join(base, "conf", "data", "archives", "*", "all", "*"))
		return err == nil && len(found) > 0
	})
}

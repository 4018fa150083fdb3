package cfn_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/rules"
	"signalbox/rules/cfn"
)

// load converts a template and loads the rule file, as check does.
func load(t *testing.T, file, src string) (*cfn.Result, *rules.Set) {
	t.Helper()
	got, err := cfn.Convert(file, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "imported.yaml")
	if err := os.WriteFile(path, []byte(got.YAML), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(rules.Source{Globs: []string{path}})
	if err != nil {
		t.Fatalf("%v\n%s", err, got.YAML)
	}
	return got, set
}

// The cases 10, 11 and 14: templates in YAML, of the CDK and of SAM.
func TestCases(t *testing.T) {
	tests := []struct{ file, rule, target, note string }{
		{"10-cfn-yaml.yaml", "Rule", "q", `fill in: q, of type "AWS::SQS::Queue"`},
		{"11-cdk-template.json", "Rule", "q", "fill in"},
		{"14-sam-template.json", "fnE", "fn", `fill in: fn, of type "AWS::Serverless::Function"`},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			src, err := os.ReadFile("testdata/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			got, set := load(t, tt.file, string(src))
			r := set.Rule("default", tt.rule)
			if r == nil || len(r.Targets) != 1 || r.Targets[0].Target != tt.target {
				t.Errorf("got %+v in\n%s", r, got.YAML)
			}
			if !strings.Contains(got.YAML, "# ") || !strings.Contains(strings.Join(got.Notes, "\n"), tt.note) {
				t.Errorf("notes %q, want %q", got.Notes, tt.note)
			}
		})
	}
}

func TestConvert(t *testing.T) {
	const template = `
Parameters:
  Stage: {Type: String, Default: test}
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: !Sub 'orders-${Stage}'}}
  Hook: {Type: AWS::Events::ApiDestination, Properties: {InvocationEndpoint: https://example.com/hook, HttpMethod: POST}}
  Big:
    Type: AWS::Events::Rule
    Condition: IsProd
    Properties:
      Name: !Join ['-', [big, !Ref Stage]]
      Description: "Big: ones"
      EventBusName: !Ref Bus
      State: DISABLED
      EventPattern: {source: [!Sub '${Stage}.orders'], detail: {total: [{numeric: ['>', 100]}], account: [!Ref AWS::AccountId]}}
      Targets:
        - {Id: one, Arn: !GetAtt Hook.Arn, RetryPolicy: {MaximumRetryAttempts: 4, MaximumEventAgeInSeconds: 3600}, Input: '{"a": 1}', DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}
        - {Id: two, Arn: 'arn:aws:lambda:eu-west-1:123456789012:function:fn:live', InputPath: $.detail}
        - {Id: three, Arn: !GetAtt Bus.Arn, DeadLetterConfig: {Arn: 'arn:aws:sqs:eu-west-1:123456789012:other'}}
  Dead: {Type: AWS::SQS::Queue}
  Pipe: {Type: AWS::Pipes::Pipe}
`
	got, set := load(t, "t.yaml", template)
	r := set.Rule("orders-test", "big-test")
	if r == nil || r.State != rules.Disabled || r.Description != "Big: ones" || len(r.Targets) != 3 {
		t.Fatalf("got %+v in\n%s", r, got.YAML)
	}
	one, two, three := r.Targets[0], r.Targets[1], r.Targets[2]
	if one.Target != "Hook" || one.Retry.MaxAttempts != 5 || one.Retry.MaxAge.Hours() != 1 || *one.Spec.Input != `{"a": 1}` {
		t.Errorf("the first target: %+v", one)
	}
	if two.Target != "fn" || *two.Spec.InputPath != "$.detail" || set.Targets["fn"].ARN == "" {
		t.Errorf("the second target: %+v", two)
	}
	if bus := set.Targets["Bus"]; three.Target != "Bus" || bus.ToBus() != "orders-test" {
		t.Errorf("the third target: %+v of %+v", three, set.Targets["Bus"])
	}
	if one.DeadLetter != "Dead" || set.Targets["Dead"].ARN != "" || three.DeadLetter != "other" || set.Targets["other"].ARN != "arn:aws:sqs:eu-west-1:123456789012:other" || two.DeadLetter != "" {
		t.Errorf("dead letters go to %q, %q and %q of %+v", one.DeadLetter, two.DeadLetter, three.DeadLetter, set.Targets)
	}
	notes := strings.Join(got.Notes, "\n")
	for _, want := range []string{"only under its condition IsProd", `"AWS::AccountId", here AWS-ACCOUNTID`, "Stage is a parameter", "left out: Pipe", `fill in: Dead, of type "AWS::SQS::Queue"`} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note has %q:\n%s", want, notes)
		}
	}
}

// What templates of all kinds hold besides: mappings, numbers, values that are none, and
// a partner's bus.
func TestConvertFunctions(t *testing.T) {
	const template = "\ufeff" + `
Parameters:
  Least: {Type: Number, Default: "4"}
  Evil: {Type: Number, Default: "1]\n  x"}
Mappings: {Names: {prod: {source: shop.orders}}}
Conditions: {C: !Equals [!Ref Least, "4"]}
Resources:
  r:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: arn:aws:events:eu-west-1:123456789012:event-bus/aws.partner/example.com/acme/orders
      EventPattern:
        source: [!FindInMap [Names, prod, source], !Ref AWS::NoValue]
        detail: {n: [{numeric: ['>', !Ref Least]}], e: [!Ref Evil]}
      Targets:
        - !If [C, {Id: a, Arn: !GetAtt q.Arn}, !Ref AWS::NoValue]
        - !If [C, !Ref AWS::NoValue, {Id: b, Arn: !GetAtt q.Arn}]
        - {Id: c, Arn: !Sub 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:jobs'}
        - {Id: d, Arn: !ImportValue other-queue}
  f:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        e: {Type: EventBridgeRule, Properties: {EventBusName: !GetAtt b.Name, RuleName: made, State: DISABLED, Target: {Id: mine}, InputPath: $.detail, Pattern: {source: [x]}}}
        t: {Type: CloudWatchEvent, Properties: {Pattern: {source: [y]}}}
        s: {Type: ScheduleV2, Properties: {ScheduleExpression: cron(0 8 * * ? *), ScheduleExpressionTimezone: Europe/Berlin}}
        o: {Type: ScheduleV2, Properties: {ScheduleExpression: at(2026-11-27T08:00:00)}}
        n: {Type: Schedule, Properties: {Schedule: rate(1 day), Name: nightly, Enabled: true}}
  b: {Type: AWS::Events::EventBus, Properties: {Name: stock}}
`
	got, set := load(t, "t.yaml", template)
	r := set.Rule("aws.partner/example.com/acme/orders", "r")
	if r == nil {
		t.Fatal(got.YAML)
	}
	if want := `{"source":["shop.orders"],"detail":{"n":[{"numeric":[">",4]}],"e":["1]\n  x"]}}`; string(r.Pattern.Source()) != want {
		t.Errorf("pattern %s, want %s", r.Pattern.Source(), want)
	}
	var ids []string
	for _, target := range r.Targets {
		ids = append(ids, target.ID+"="+target.Target)
	}
	if want := []string{"a=q", "c=jobs", "d=Fn-ImportValue-other-queue"}; !slices.EqualFunc(ids, want, strings.EqualFold) {
		t.Errorf("targets %q, want %q in\n%s", ids, want, got.YAML)
	}
	if made := set.Rule("stock", "made"); made == nil || made.State != rules.Disabled || made.Targets[0].ID != "mine" || *made.Targets[0].Spec.InputPath != "$.detail" {
		t.Errorf("the rule of SAM: %+v", made)
	}
	if r := set.Rule("default", "fs"); r == nil || r.Schedule.String() != "cron(0 8 * * ? *)" || r.Schedule.Zone() != "Europe/Berlin" {
		t.Errorf("the schedule of SAM in a time zone: %+v", r)
	}
	if r := set.Rule("default", "nightly"); r == nil || r.Schedule.String() != "rate(1 day)" || r.Targets[0].Target != "f" {
		t.Errorf("the schedule of SAM: %+v", r)
	}
	if set.Rule("default", "ft") == nil || !strings.Contains(strings.Join(got.Notes, "\n"), "is a schedule that fires once") {
		t.Errorf("the other events of SAM:\n%s", got.YAML)
	}
}

// Whatever stands in a template, the file holds no more than its rules.
func TestNamesOfATemplateDeclareNothing(t *testing.T) {
	const evil = `x\ntargets:\n  evil: {type: http, url: \"http://evil\"}\n# `
	got, set := load(t, "t.json", `{"Resources":{"`+evil+`":{"Type":"AWS::Pipes::`+evil+`"},"r":{"Type":"AWS::Events::Rule","Condition":"`+evil+`","Properties":{
		"Name":"`+evil+`","Description":"`+evil+`","EventPattern":{"source":["`+evil+`",{"Ref":"`+evil+`2"}]},
		"Targets":[{"Id":"`+evil+`","Arn":"`+evil+`","`+evil+`Parameters":{}}]}}}}`)
	if len(set.Targets) != 1 || len(set.Rules) != 1 || strings.Contains(got.YAML, "\n    type: http") {
		t.Errorf("targets %v, %d rules in\n%s", set.Targets, len(set.Rules), got.YAML)
	}
}

func TestConvertRefuses(t *testing.T) {
	for src, want := range map[string]string{"a: 1": "no template", "Resources: 1": "no template", "{": "ends too early", "": "no template"} {
		if _, err := cfn.Convert("t.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", src, err, want)
		}
	}
}

// TestDeadLetters: the queue of dead letters may be computed, or one that SAM makes.
func TestDeadLetters(t *testing.T) {
	for name, tt := range map[string]struct{ config, target, note string }{
		"an ARN":          {`{Arn: !GetAtt Dead.Arn}`, "Dead", "fill in: Dead"},
		"of the template": {`!If [IsProd, {Arn: !GetAtt Dead.Arn}, !Ref AWS::NoValue]`, "Dead", "fill in: Dead"},
		"SAM's":           {`{Type: SQS}`, "f-dead-letters", "fill in: f-dead-letters"},
		"SAM's, named":    {`{Type: SQS, QueueLogicalId: Letters}`, "Letters", "fill in: Letters"},
		"none":            {`!Ref AWS::NoValue`, "", ""},
		"nothing":         {`{}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, set := load(t, "t.yaml", `
Conditions: {IsProd: !Equals [a, a]}
Resources:
  f:
    Type: AWS::Serverless::Function
    Properties:
      Events: {made: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}, DeadLetterConfig: `+tt.config+`}}}
  Dead: {Type: AWS::SQS::Queue}
`)
			if r := set.Rule("default", "fmade"); r == nil || r.Targets[0].DeadLetter != tt.target {
				t.Errorf("got %+v in\n%s", r, got.YAML)
			}
			if notes := strings.Join(got.Notes, "\n"); !strings.Contains(notes, tt.note) {
				t.Errorf("no note has %q:\n%s", tt.note, notes)
			}
		})
	}
}

// FuzzConvert: no template makes the importer panic, and what it writes is YAML.
func FuzzConvert(f *testing.F) {
	for _, name := range []string{"10-cfn-yaml.yaml", "11-cdk-template.json", "14-sam-template.json", "functions.yaml", "sam.yaml", "cdk.template.json", "plan.json", "plan-of-provider-5.json"} {
		src, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	f.Add("Resources: {a: {Type: AWS::Serverless::Function, Properties: {Events: {e: {Type: EventBridgeRule}}}}, b: {Type: AWS::Events::Rule}}")
	f.Fuzz(func(t *testing.T, src string) {
		got, err := cfn.Convert("t.yaml", []byte(src))
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "imported.yaml")
		if err := os.WriteFile(path, []byte(got.YAML), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rules.Load(rules.Source{Globs: []string{path}}); err != nil && strings.Contains(err.Error(), "YAML") {
			t.Errorf("%v in\n%s", err, got.YAML)
		}
	})
}

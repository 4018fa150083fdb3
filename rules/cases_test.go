package rules

import (
	"strings"
	"testing"
)

// awsTargets declares what the rules of these cases send to.
const awsTargets = "targets: {q: {type: log}, fn: {type: log}, hook: {type: log}}\n"

func TestAWSCases(t *testing.T) {
	const pattern = `"EventPattern":"{\"source\":[\"t\"]}"`
	tests := []struct {
		name  string
		files map[string]string
		rules string // the names of the rules, with their targets
		said  string // in the warnings or the error; empty for neither
	}{
		{"12: a schedule among list-rules", map[string]string{"l.json": `{"Rules":[{"Name":"on",` + pattern + `,"State":"ENABLED"},
			{"Name":"nightly","State":"ENABLED","ScheduleExpression":"rate(1 day)"}]}`},
			"nightly() on()", "nightly"},
		{"12: targets of a schedule", map[string]string{"s.json": `{"Name":"nightly","ScheduleExpression":"rate(1 day)"}`,
			"nightly.targets.json": `{"Targets":[{"Id":"1","Arn":"arn:aws:sqs:r:1:q"}]}`}, "nightly(q)", ""},
		{"a schedule that is none", map[string]string{"s.json": `{"Name":"nightly","ScheduleExpression":"rate(1 days)"}`}, "", `ScheduleExpression: "rate(1 days)" is no schedule`},
		{"12: a rule with a pattern and a schedule", map[string]string{"s.json": `{"Name":"both",` + pattern + `,"ScheduleExpression":"rate(1 day)"}`},
			"both()", ""},
		{"13: null members", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"ScheduleExpression":null,"State":"ENABLED","Description":null,
			"Targets":[{"Id":"1","Arn":"arn:aws:sqs:r:1:q","Input":null,"InputPath":null,"InputTransformer":null,"RetryPolicy":null}]}`}, "r(q)", ""},
		{"04: a partner's bus by its ARN", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"EventBusName":"arn:aws:events:eu-west-1:123456789012:event-bus/aws.partner/example.com/acme/orders"}`,
			"b.yaml": "buses:\n  aws.partner/example.com/acme/orders: {}\n"}, "r()", ""},
		{"04: which is not declared", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"EventBusName":"arn:aws:events:eu-west-1:123456789012:event-bus/aws.partner/example.com/acme/orders"}`}, "", `no bus "aws.partner/example.com/acme/orders"`},
		{"13: empty texts", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"ScheduleExpression":"","Description":"","EventBusName":"",
			"Targets":[{"Id":"1","Arn":"arn:aws:sqs:r:1:q","Input":"","InputPath":""}]}`}, "r(q)", ""},
		{"a describe-rule without a pattern", map[string]string{"r.json": `{"Name":"r","Arn":"arn:aws:events:r:1:rule/r","State":"ENABLED"}`},
			"", `rule "r": has no EventPattern`},
		{"targets off the default bus", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"EventBusName":"orders"}`, "b.yaml": "buses: {orders: {}}",
			"r.targets.json": `{"Targets":[{"Id":"1","Arn":"arn:aws:sqs:r:1:q"}]}`}, "r(q)", ""},
		{"targets that two buses could mean", map[string]string{"r.json": `[{"Name":"r",` + pattern + `,"EventBusName":"a"},{"Name":"r",` + pattern + `,"EventBusName":"b"}]`,
			"b.yaml": "buses: {a: {}, b: {}}", "r.targets.json": `{"Targets":[{"Id":"1","Arn":"arn:aws:sqs:r:1:q"}]}`}, "", `rule "r" stands on the buses a, b`},
		{"an API destination", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"Targets":[{"Id":"1","Arn":"arn:aws:events:r:1:api-destination/hook/11111111-2222"}]}`}, "r(hook)", ""},
		{"a partner's bus as a target is none of the last part of its name", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"Targets":[{"Id":"1","Arn":"arn:aws:events:r:1:event-bus/aws.partner/x/q"}]}`}, "", "no target \"arn:aws:events:r:1:event-bus/aws.partner/x/q\"; give a target this arn:"},
		{"a function with an alias", map[string]string{"r.json": `{"Name":"r",` + pattern + `,"Targets":[{"Id":"1","Arn":"arn:aws:lambda:r:1:function:fn:live"}]}`}, "r(fn)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["targets.yaml"] = awsTargets
			set, _, err := loadText(t, tt.files, nil)
			var names, said []string
			if err != nil {
				said = append(said, err.Error())
			} else {
				for _, r := range set.Rules {
					var to []string
					for _, target := range r.Targets {
						to = append(to, target.Target)
					}
					names = append(names, r.Name+"("+strings.Join(to, " ")+")")
				}
				for _, w := range set.Warnings {
					said = append(said, w.Error())
				}
			}
			if got := strings.Join(names, " "); got != tt.rules {
				t.Errorf("rules %q, want %q", got, tt.rules)
			}
			if got := strings.Join(said, "\n"); !strings.Contains(got, tt.said) || tt.said == "" && err != nil {
				t.Errorf("said %q, want %q", got, tt.said)
			}
		})
	}
}

func TestTargetsFileIsNoRule(t *testing.T) {
	set, _, err := loadText(t, map[string]string{"t.yaml": awsTargets, "r.json": `{"Name":"r","EventPattern":"{\"source\":[\"t\"]}"}`,
		"r.targets.json": `{"Targets":[{"Id":"1","Arn":"arn:aws:sqs:r:1:q"}]}`}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range set.Files {
		n += f.Rules
	}
	if n != 1 {
		t.Errorf("the files hold %d rules, want 1", n)
	}
}

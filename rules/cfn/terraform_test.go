package cfn_test

import (
	"os"
	"strings"
	"testing"

	"signalbox/rules"
	"signalbox/rules/cfn"
	"signalbox/targets/sqs"
)

// TestPlan makes a rule file of a plan of Terraform, with modules, repeated resources, and values that are known
// only after it was applied.
func TestPlan(t *testing.T) {
	src, err := os.ReadFile("testdata/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	got, set := load(t, "plan.json", string(src))
	big := set.Rule("orders", "big-eu")
	if big == nil || big.State != rules.Disabled || big.Description != "Big ${x} ones" || len(big.Targets) != 2 {
		t.Fatalf("%+v in\n%s", big, got.YAML)
	}
	if want := `{"detail":{"total":[{"numeric":[">",100]}],"x":["${a}"]},"source":["shop"]}`; string(big.Pattern.Source()) != want {
		t.Errorf("pattern %s", big.Pattern.Source())
	}
	queue, hall := big.Targets[0], big.Targets[1]
	if queue.ID != "queue" || queue.Target != "jobs" || queue.Retry.MaxAttempts != 5 || queue.Retry.MaxAge.Hours() != 1 ||
		queue.Spec.InputTransformer.InputTemplate != `{"n": <n>, "t": "${t}"}` || queue.Spec.InputTransformer.InputPathsMap["n"] != "$.detail.n" {
		t.Errorf("the queue: %+v", queue)
	}
	if queue.DeadLetter != "dead" || set.Targets["dead"].ARN != "arn:aws:sqs:eu-west-1:123456789012:dead" {
		t.Errorf("its dead letters go to %q of %+v", queue.DeadLetter, set.Targets["dead"])
	}
	if o, ok := set.Targets["dead"].Options.(*sqs.Options); !ok || o.URL != "sqs://eu-west-1/123456789012/dead" {
		t.Errorf("the queue of dead letters: %+v", set.Targets["dead"])
	}
	if hall.DeadLetter != "hall-dead-letters" {
		t.Errorf("its dead letters, to a queue that is not there yet, go to %q", hall.DeadLetter)
	}
	if hall.Target != "hall" || *hall.Spec.InputPath != "$.detail" || set.Targets["hall"].ARN == "" {
		t.Errorf("the function: %+v", hall)
	}
	if nightly := set.Rule("default", "nightly"); nightly == nil || nightly.Schedule.String() != "rate(1 day)" {
		t.Errorf("the schedule: %+v", nightly)
	}
	if low := set.Rule("default", "low"); low == nil || low.Targets[0].Target != "alarms" {
		t.Errorf("the rule of a module: %+v in\n%s", low, got.YAML)
	}
	notes := strings.Join(got.Notes, "\n")
	for _, want := range []string{"left out: aws_cloudwatch_event_archive.all: it has no SourceArn", "aws_cloudwatch_event_target.lost, of rule elsewhere, which the plan does not have", "fill in: aws_sqs_queue.jobs, of type aws_sqs_queue"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note has %q:\n%s", want, notes)
		}
	}
	if got.Rules != 3 || got.Buses != 1 || set.Buses["read"].Name != "" {
		t.Errorf("%d rules, %d buses", got.Rules, got.Buses)
	}
}

// TestBadPlans are refused in words, or have nothing in them.
func TestBadPlans(t *testing.T) {
	for src, want := range map[string]string{
		`{"format_version":"1","planned_values":1}`:                                 "no plan",
		`{"format_version":"1","planned_values":null}`:                              "no plan",
		`{"format_version":"1","planned_values":{"root_module":{"resources":"x"}}}`: "no plan",
		`{"format_version":"1","planned_values":{"root_module":{"resources":[1]}}}`: "no plan",
		`{"format_version":"1","terraform_version":"1"}`:                            "terraform show -json",
	} {
		if _, err := cfn.Convert("plan.json", []byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", src, err)
		}
	}
	const odd = `{"format_version":"1","planned_values":{"root_module":{"resources":[
		{"address":"a","mode":"managed","type":"aws_cloudwatch_event_rule","name":"a","values":{"name":5,"event_pattern":{"Ref":"x"}}},
		{"address":"b","mode":"managed","type":"aws_cloudwatch_event_target","name":"b","values":{"rule":"","input_transformer":[5],"retry_policy":{"x":1}}},
		{"address":"b","mode":"managed","type":"aws_cloudwatch_event_bus","name":"b"}]}}}`
	if got, err := cfn.Convert("plan.json", []byte(odd)); err != nil || got.Rules != 0 || len(got.Notes) == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

package rules

import (
	"strings"
	"testing"
	"time"
)

func TestLoadAWSFiles(t *testing.T) {
	set, err := Load(Source{Globs: []string{"testdata/aws"}, Account: "123456789012", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Buses["orders"].Description; got != "All about orders." {
		t.Errorf("the bus is described as %q", got)
	}
	t.Run("describe-rule and list-targets-by-rule", func(t *testing.T) {
		r := set.Rule("orders", "big-orders")
		if r == nil || r.State != Enabled || r.Description != "Big ones." || len(r.Targets) != 2 {
			t.Fatalf("got %+v", r)
		}
		if want := "arn:aws:events:eu-west-1:123456789012:rule/orders/big-orders"; r.ARN != want {
			t.Errorf("ARN: got %s, want %s", r.ARN, want)
		}
		first, second := r.Targets[0], r.Targets[1]
		if first.ID != "Id1" || first.Target != "warehouse" || first.Transform == nil || first.Spec.InputTransformer == nil {
			t.Errorf("first target: %+v", first)
		}
		// Four retries are five attempts.
		if first.Retry == nil || first.Retry.MaxAttempts != 5 || first.Retry.MaxAge != time.Hour || first.Retry.MinBackoff != time.Second {
			t.Errorf("retry of the first target: %+v", first.Retry)
		}
		if second.Target != "handler" || second.Retry != nil || *second.Spec.InputPath != "$.detail" {
			t.Errorf("second target: %+v", second)
		}
	})
	t.Run("what has a dead-letter queue", func(t *testing.T) {
		handler := set.Rule("orders", "big-orders").Targets[1]
		if handler.DeadLetter != "Queue" || handler.DeadLetterARN != "arn:aws:sqs:eu-west-1:123456789012:Queue" {
			t.Errorf("got %+v", handler)
		}
		for _, w := range set.Warnings {
			if strings.Contains(w.Error(), `target "Queue": no rule`) {
				t.Error(w)
			}
		}
	})
	t.Run("list-rules", func(t *testing.T) {
		on, off := set.Rule(DefaultBus, "on"), set.Rule(DefaultBus, "off")
		if on == nil || off == nil || on.State != Enabled || off.State != Disabled {
			t.Errorf("got %+v and %+v", on, off)
		}
	})
	t.Run("CloudFormation", func(t *testing.T) {
		r := set.Rule("orders", "ShippedRule")
		if r == nil || len(r.Targets) != 1 || r.Targets[0].Target != "Queue" || *r.Targets[0].Spec.Input != `{"shipped": true}` {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("what is ignored is said", func(t *testing.T) {
		var all []string
		for _, w := range set.Warnings {
			all = append(all, w.Error())
		}
		text := strings.Join(all, "\n")
		for _, want := range []string{
			`big-orders.targets.json:9:33: rule "big-orders": Targets[0].DeadLetterConfig: is ignored`,
			`Targets[0].SqsParameters: is ignored`,
			`rule "on": has no targets`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no warning %q in:\n%s", want, text)
			}
		}
	})
}

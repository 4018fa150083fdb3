package awsapi

import (
	"strings"
	"testing"
)

// TestPutRuleReplaces: what PutRule leaves out is unset, but for targets and tags.
func TestPutRuleReplaces(t *testing.T) {
	r := startWith(t, "rules: []\n")
	const arn = `{"RuleArn":"` + arnOf + `rule/r"}`
	described := func(members string) exchange {
		return exchange{"DescribeRule", `{"Name":"r"}`, `{"Name":"r","Arn":"` + arnOf + `rule/r",` + members + `,"EventBusName":"default","CreatedBy":"` + account + `"}`}
	}
	pattern := `"EventPattern":"{ \"source\" : [\"a\"] }"`
	targets := `{"Id":"t","Arn":"arn:aws:sqs:eu-west-1:123456789012:q"}`
	r.exchange(t,
		exchange{"PutRule", `{"Name":"r",` + pattern + `,"ScheduleExpression":"rate(1 minute)","State":"DISABLED","Description":"D","RoleArn":"role"}`, arn},
		described(pattern+`,"State":"DISABLED","Description":"D","ScheduleExpression":"rate(1 minute)","RoleArn":"role"`),
		exchange{"PutTargets", `{"Rule":"r","Targets":[` + targets + `]}`, none},
		exchange{"PutRule", `{"Name":"r","ScheduleExpression":"rate(1 hour)"}`, arn},
		described(`"State":"ENABLED","ScheduleExpression":"rate(1 hour)"`),
		exchange{"PutRule", `{"Name":"r",` + pattern + `,"State":"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}`, arn},
		described(pattern+`,"State":"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"`),
		exchange{"ListRules", `{}`, `{"Rules":[{"Name":"r","Arn":"` + arnOf + `rule/r",` + pattern + `,"State":"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS","EventBusName":"default"}]}`},
		exchange{"DisableRule", `{"Name":"r"}`, ""},
		described(pattern+`,"State":"DISABLED"`),
		exchange{"EnableRule", `{"Name":"r"}`, ""},
		described(pattern+`,"State":"ENABLED"`),
		exchange{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[` + targets + `]}`},
	)
}

// TestStatesOfRules: each state but DISABLED serves.
func TestStatesOfRules(t *testing.T) {
	to := newSink(t)
	r := startWith(t, "targets: {t: {type: http, url: "+to.url+"}}\n")
	c := client(t, r.url)
	for i, state := range []string{"ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"} {
		r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}","State":"`+state+`"}`)
		if i == 0 {
			r.exchange(t, exchange{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"arn:aws:lambda:eu-west-1:123456789012:function:t","InputPath":"$.detail.state"}]}`, none})
		}
		put(t, c, "default", `{"state":"`+state+`"}`)
		if state == disabled {
			continue
		}
		if got, want := <-to.got, `"`+state+`"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestScheduleExpressions holds schedules to those that AWS was recorded to take and to refuse.
func TestScheduleExpressions(t *testing.T) {
	r := startWith(t, "rules: []\n")
	put := func(expression string) string {
		return r.answer(t, "PutRule", `{"Name":"s","ScheduleExpression":"`+expression+`"}`)
	}
	for _, good := range []string{
		"rate(1 minute)", "rate(10 minutes)", "cron(0 20 * * ? *)", "cron(0 18 ? * MON-FRI *)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(15 10 ? * 6L 2002-2005)",
		"cron(0 2 ? * SAT#3 *)", "cron(5,35 14 * * ? *)", "cron(0/5 5 ? JAN 1-5 2022)",
	} {
		if got := put(good); got != `{"RuleArn":"`+arnOf+`rule/s"}` {
			t.Errorf("%s: %s", good, got)
		}
		if got := r.answer(t, "DescribeRule", `{"Name":"s"}`); !strings.Contains(got, `"ScheduleExpression":"`+good+`"`) || strings.Contains(got, "EventPattern") {
			t.Errorf("%s is described as %s", good, got)
		}
	}
	for _, bad := range []string{
		"rate(10 seconds)", "rate(10 years)", "rate(1 minutes)", "rate(1 hours)", "rate(1 days)", "rate(10 minute)", "rate(10 hour)", "rate(10 day)", "rate()", "rate(10)",
		"rate(10 minutess)", "rate(foo minutes)", "rate(0 minutes)", "rate(-10 minutes)", "rate(10 MINUTES)", "rate( 10 minutes )", " rate(10 minutes)",
		"cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "cron(7 20 * * NOT *)", "cron(71 8 1 * ? *)", "cron(0 1 * * * *)",
	} {
		if got := put(bad); got != "ValidationException: Parameter ScheduleExpression is not valid." {
			t.Errorf("%s: %s", bad, got)
		}
	}
}

package awsapi

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// TestBusesByARN: whatever takes a bus takes its ARN too, and one of another region or account is another bus.
func TestBusesByARN(t *testing.T) {
	to := newSink(t)
	r := startWith(t, "targets: {t: {type: http, url: "+to.url+", arn: \"arn:aws:lambda:eu-west-1:123456789012:function:t\"}}\n")
	const target = "arn:aws:lambda:eu-west-1:123456789012:function:t"
	on := func(bus, member, more string) string {
		return `{"` + member + `":"r","EventBusName":"` + bus + `"` + more + `}`
	}
	bus := arnOf + "event-bus/b"
	const pattern = `,"EventPattern":"{\"source\":[\"shop\"]}"`
	const rule = `"Name":"r","Arn":"` + arnOf + `rule/b/r","EventPattern":"{\"source\":[\"shop\"]}","State":"ENABLED","EventBusName":"b"`
	r.exchange(t,
		exchange{"CreateEventBus", `{"Name":"b"}`, `{"EventBusArn":"` + bus + `"}`},
		exchange{"DescribeEventBus", `{"Name":"` + bus + `"}`, `{"Name":"b","Arn":"` + bus + `","CreationTime":T,"LastModifiedTime":T}`},
		exchange{"PutRule", on(bus, "Name", pattern), `{"RuleArn":"` + arnOf + `rule/b/r"}`},
		exchange{"DescribeRule", on(bus, "Name", ""), `{` + rule + `,"CreatedBy":"` + account + `"}`},
		exchange{"DescribeRule", on("b", "Name", ""), `{` + rule + `,"CreatedBy":"` + account + `"}`},
		exchange{"ListRules", `{"EventBusName":"` + bus + `"}`, `{"Rules":[{` + rule + `}]}`},
		exchange{"DisableRule", on(bus, "Name", ""), ""},
		exchange{"EnableRule", on(bus, "Name", ""), ""},
		exchange{"PutTargets", on(bus, "Rule", `,"Targets":[{"Id":"t","Arn":"`+target+`","InputPath":"$.detail"}]`), none},
		exchange{"ListTargetsByRule", on(bus, "Rule", ""), `{"Targets":[{"Id":"t","Arn":"` + target + `","InputPath":"$.detail"}]}`},
		exchange{"ListRuleNamesByTarget", `{"EventBusName":"` + bus + `","TargetArn":"` + target + `"}`, `{"RuleNames":["r"]}`},
	)
	put(t, client(t, r.url), bus, `{"n":1}`)
	if got := <-to.got; got != `{"n":1}` {
		t.Errorf("delivered %s", got)
	}
	for _, other := range []string{"arn:aws:events:us-east-1:" + account + ":event-bus/b", "arn:aws:events:" + region + ":999999999999:event-bus/b"} {
		const gone = "ResourceNotFoundException: Event bus b does not exist."
		r.exchange(t,
			exchange{"DescribeEventBus", `{"Name":"` + other + `"}`, gone},
			exchange{"PutRule", on(other, "Name", pattern), gone},
			exchange{"DescribeRule", on(other, "Name", ""), gone},
			exchange{"ListRules", `{"EventBusName":"` + other + `"}`, gone},
			exchange{"EnableRule", on(other, "Name", ""), gone},
			exchange{"DeleteRule", on(other, "Name", ""), gone},
			exchange{"PutTargets", on(other, "Rule", `,"Targets":[{"Id":"t","Arn":"`+target+`"}]`), gone},
			exchange{"RemoveTargets", on(other, "Rule", `,"Ids":["t"]`), gone},
			exchange{"ListTargetsByRule", on(other, "Rule", ""), gone},
		)
		out, err := client(t, r.url).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
			EventBusName: &other, Source: aws.String("shop"), DetailType: aws.String("T"), Detail: aws.String("{}"),
		}}})
		if err != nil || out.FailedEntryCount != 1 || aws.ToString(out.Entries[0].ErrorCode) != "ResourceNotFoundException" {
			t.Errorf("PutEvents to %s: %+v, %v", other, out, err)
		}
	}
	r.exchange(t,
		exchange{"RemoveTargets", on(bus, "Rule", `,"Ids":["t"]`), none},
		exchange{"DeleteRule", on(bus, "Name", ""), ""},
		exchange{"DeleteEventBus", `{"Name":"b"}`, ""},
		exchange{"DescribeEventBus", `{"Name":"b"}`, "ResourceNotFoundException: Event bus b does not exist."},
	)
	name := ` failed to satisfy constraint: Member must satisfy regular expression pattern: [/\.\-_A-Za-z0-9]+`
	for _, operation := range []string{"CreateEventBus", "UpdateEventBus", "DeleteEventBus"} { // which take names alone
		r.exchange(t, exchange{operation, `{"Name":"` + bus + `"}`, "ValidationException: 1 validation error detected: Value '" + bus + "' at 'name'" + name})
	}
}

// TestBusesOfPartners: nobody publishes events of partners here, so no bus can be for them.
func TestBusesOfPartners(t *testing.T) {
	r := startWith(t, "rules: []\n")
	r.exchange(t,
		exchange{"CreateEventBus", `{"Name":"aws.partner/a/b","EventSourceName":"aws.partner/a/b"}`, "ResourceNotFoundException: Event source aws.partner/a/b does not exist."},
		exchange{"CreateEventBus", `{"Name":"b","EventSourceName":"x"}`,
			`ValidationException: 1 validation error detected: Value 'x' at 'eventSourceName' failed to satisfy constraint: Member must satisfy regular expression pattern: aws\.partner(/[\.\-_A-Za-z0-9]+){2,}`},
	)
	if got := r.answer(t, "ListEventBuses", `{}`); strings.Contains(got, "partner") {
		t.Error(got)
	}
}

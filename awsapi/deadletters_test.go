package awsapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	sqs "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"signalbox/targets/targetstest"
)

// TestDeadLettersGoToTheirQueue puts a target with a dead-letter queue, with AWS's SDK, and reads from that
// queue what could not be delivered.
func TestDeadLettersGoToTheirQueue(t *testing.T) {
	const letters = "arn:aws:sqs:us-east-1:000000000000:letters"
	f := targetstest.StartFauxQS(t)
	f.Queue("letters")
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }))
	t.Cleanup(refuses.Close)
	down := httptest.NewServer(nil)
	down.Close()
	r := startWith(t, `targets:
  refuses: {type: http, url: `+refuses.URL+`, arn: "arn:aws:lambda:eu-west-1:123456789012:function:refuses"}
  down: {type: http, url: `+down.URL+`, arn: "arn:aws:lambda:eu-west-1:123456789012:function:down"}
  letters: {type: sqs, arn: "`+letters+`", url: "sqs://us-east-1/000000000000/letters", endpoint: `+f.Endpoint+`, access_key_id: test, secret_access_key: test}
`)
	c := client(t, r.url)
	_, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["shop"]}`)})
	must(t, err)
	queue := &types.DeadLetterConfig{Arn: aws.String(letters)}
	never := &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
	out, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{
		{Id: aws.String("refuses"), Arn: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:refuses"), DeadLetterConfig: queue,
			InputTransformer: &types.InputTransformer{InputPathsMap: map[string]string{"t": "$.detail.total"}, InputTemplate: aws.String(`{"total": <t>}`)}},
		{Id: aws.String("down"), Arn: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:down"), DeadLetterConfig: queue, RetryPolicy: never},
		{Id: aws.String("none"), Arn: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:down"), RetryPolicy: never},
	}})
	must(t, err)
	if out.FailedEntryCount != 0 {
		t.Fatalf("%+v", out.FailedEntries)
	}
	put(t, c, "default", `{"total":7}`)
	got := map[string]sqs.Message{}
	for len(got) < 2 {
		for _, m := range f.Receive("letters") {
			of := aws.ToString(m.MessageAttributes["TARGET_ARN"].StringValue)
			got[of[strings.LastIndexByte(of, ':')+1:]] = m
		}
	}
	for name, want := range map[string]map[string]string{
		"refuses": {"ERROR_CODE": "INVALID_PARAMETER", "RETRY_ATTEMPTS": "0", "TARGET_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:refuses", "RULE_ARN": arnOf + "rule/r"},
		"down": {"ERROR_CODE": "CONNECTION_FAILURE", "RETRY_ATTEMPTS": "0", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
			"TARGET_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:down", "RULE_ARN": arnOf + "rule/r"},
	} {
		attributes := got[name].MessageAttributes
		for attribute, value := range want {
			if a := attributes[attribute]; aws.ToString(a.StringValue) != value || aws.ToString(a.DataType) != "String" {
				t.Errorf("%s: %s is %q, want %q", name, attribute, aws.ToString(a.StringValue), value)
			}
		}
		if _, said := attributes["EXHAUSTED_RETRY_CONDITION"]; said != (name == "down") || aws.ToString(attributes["ERROR_MESSAGE"].StringValue) == "" {
			t.Errorf("%s: %v", name, attributes)
		}
	}
	if body := aws.ToString(got["refuses"].Body); body != `{"total": 7}` {
		t.Errorf("got %s, want what the target was to get", body)
	}
	var e struct {
		Source string
		Detail json.RawMessage
	}
	if err := json.Unmarshal([]byte(aws.ToString(got["down"].Body)), &e); err != nil || e.Source != "shop" || string(e.Detail) != `{"total":7}` {
		t.Errorf("got %s, want the event", aws.ToString(got["down"].Body))
	}
}

// TestDeadLetterConfig: what it names is a queue of SQS, which is made of its ARN where none is declared; it is
// read back, and exported.
func TestDeadLetterConfig(t *testing.T) {
	r := startWith(t, "buses: {b: {}}\ntargets: {q: {type: log}, own: {type: log, arn: \"arn:aws:sqs:eu-west-1:123456789012:declared.fifo\"}}\nrules: [{name: f, pattern: {source: [s]}, targets: [{target: q, dead_letter: own}]}]\n")
	r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`)
	entry := func(letters string) string {
		return `{"Id":"t","Arn":"arn:aws:sqs:eu-west-1:123456789012:q","DeadLetterConfig":{"Arn":"` + letters + `"}}`
	}
	for letters, why := range map[string]string{
		"x":                                    "Provided Arn is not in correct format.",
		"arn:aws:sns:eu-west-1:123456789012:q": "DeadLetterConfig must name a queue of SQS.",
		arnOf + "event-bus/b":                  "DeadLetterConfig must name a queue of SQS.",
		"arn:aws:logs:eu-west-1:123456789012:log-group:x": "DeadLetterConfig must name a queue of SQS.",
		"arn:aws:sqs:eu-west-1:123456789012:q.fifo":       "a dead-letter queue must be a standard queue.",
		"arn:aws:sqs:eu-west-1:shop:q2":                   "it is not the ARN of a queue.",
		"arn:aws:sqs:eu-west-1:123456789012:${HOME}":      "it is not the ARN of a queue.",
	} {
		want := `{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"t","ErrorCode":"ValidationException","ErrorMessage":"Parameter ` + letters + ` is not valid. Reason: ` + why + `"}]}`
		if got := r.answer(t, "PutTargets", `{"Rule":"r","Targets":[`+entry(letters)+`]}`); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, want := r.answer(t, "PutTargets", `{"Rule":"r","Targets":[`+entry("")+`]}`), "ValidationException: 1 validation error detected: Value '' at 'targets.1.member.deadLetterConfig.arn' failed to satisfy constraint: Member must have length greater than or equal to 1"; got != want {
		t.Errorf("got %s", got)
	}
	for _, letters := range []string{"arn:aws:sqs:eu-west-1:123456789012:letters", "arn:aws:sqs:eu-west-1:123456789012:declared.fifo", "arn:aws:sqs:eu-central-1:123456789012:q"} {
		if got := r.answer(t, "PutTargets", `{"Rule":"r","Targets":[`+entry(letters)+`]}`); got != `{"FailedEntryCount":0,"FailedEntries":[]}` {
			t.Fatal(got)
		}
		if got, want := r.answer(t, "ListTargetsByRule", `{"Rule":"r"}`), `{"Targets":[`+entry(letters)+`]}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, want := r.answer(t, "ListTargetsByRule", `{"Rule":"f"}`), `{"Targets":[{"Id":"q","Arn":"arn:aws:signalbox:eu-west-1:123456789012:target/q","DeadLetterConfig":{"Arn":"arn:aws:sqs:eu-west-1:123456789012:declared.fifo"}}]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.answer(t, "PutTargets", `{"Rule":"r","Targets":[`+entry("arn:aws:sqs:eu-west-1:123456789012:letters")+`]}`)
	set := r.opts.Rules()
	to := set.Rule("default", "r").Targets[0]
	if made := set.Targets[to.DeadLetter]; made.Type != "sqs" {
		t.Errorf("dead letters go to %q, %+v", to.DeadLetter, made)
	}
	all, err := r.Export()
	must(t, err)
	if text := string(all[len(all)-1].Text); all[len(all)-1].Path != "targets.json" || !strings.Contains(text, "sqs://eu-west-1/123456789012/letters") {
		t.Errorf("%s", text)
	}
}

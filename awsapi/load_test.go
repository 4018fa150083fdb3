package awsapi

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"signalbox/journal/store"
)

// TestWritesUnderLoad: while rules, targets and buses come and go by API, and files are read again, each event
// reaches the target of a rule that stays exactly once.
func TestWritesUnderLoad(t *testing.T) {
	to := newSink(t)
	r := startWith(t, "targets: {hall: {type: http, url: "+to.url+"}, other: {type: log}}\nrules: [{name: filed, pattern: {source: [shop]}, targets: [{target: hall, input_path: $.detail}]}]\n")
	const arn = "arn:aws:lambda:eu-west-1:123456789012:function:other"
	changing := make(chan struct{})
	var changers sync.WaitGroup
	for i := range 3 {
		changers.Go(func() {
			name := fmt.Sprintf("r-%d", i)
			for n := 0; ; n++ {
				select {
				case <-changing:
					return
				default:
				}
				for _, call := range []struct{ operation, body string }{
					{"CreateEventBus", `{"Name":"` + name + `"}`},
					{"PutRule", `{"Name":"` + name + `","EventPattern":"{\"source\":[\"shop\"]}"}`},
					{"PutTargets", `{"Rule":"` + name + `","Targets":[{"Id":"a","Arn":"` + arn + `"}]}`},
					{"DisableRule", `{"Name":"` + name + `"}`},
					{"RemoveTargets", `{"Rule":"` + name + `","Ids":["a"]}`},
					{"DeleteRule", `{"Name":"` + name + `"}`},
					{"DeleteEventBus", `{"Name":"` + name + `"}`},
				} {
					if got := r.answer(t, call.operation, call.body); strings.Contains(got, "Exception") || strings.Contains(got, `"FailedEntryCount":1`) {
						t.Errorf("%s %s: %s", call.operation, call.body, got)
						return
					}
				}
				if n%5 == 0 {
					if _, err := r.reloader.Reload(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	const senders, each = 4, 100
	var sending sync.WaitGroup
	for i := range senders {
		sending.Go(func() {
			for n := range each {
				put(t, client(t, r.url), "default", fmt.Sprintf(`{"n":"%d-%d"}`, i, n))
			}
		})
	}
	seen := map[string]int{}
	for range senders * each {
		seen[<-to.got]++
	}
	sending.Wait()
	close(changing)
	changers.Wait()
	must(t, r.stop())
	for len(to.got) > 0 {
		seen[<-to.got]++
	}
	for body, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", body, n)
		}
	}
	if len(seen) != senders*each {
		t.Errorf("%d of %d events arrived", len(seen), senders*each)
	}
}

// TestAsTerraform makes the calls of Terraform's provider for AWS in its order: what was put is read back as it was, so that a second
// plan is empty, and what was destroyed is a ResourceNotFoundException.
func TestAsTerraform(t *testing.T) {
	r := startSealing(t, store.InMemory(), t.TempDir(), secretKey)
	const rule, bus = arnOf + "rule/orders/big", arnOf + "event-bus/orders"
	queue := "arn:aws:sqs:eu-west-1:123456789012:q"
	target := `{"Id":"t","Arn":"` + queue + `","RoleArn":"arn:aws:iam::123456789012:role/r","InputTransformer":{"InputPathsMap":{"n":"$.detail.n"},"InputTemplate":"{\"n\": <n>, \"x\": \"${a} %{b}\"}"},` +
		`"DeadLetterConfig":{"Arn":"` + queue + `"},"RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":60}}`
	for i, test := range []struct{ operation, body, want string }{
		{"CreateEventBus", `{"Name":"orders","Description":"D","Tags":[{"Key":"a","Value":"1"}]}`, `"EventBusArn":"` + bus + `"`},
		{"DescribeEventBus", `{"Name":"orders"}`, `"Description":"D"`},
		{"ListTagsForResource", `{"ResourceARN":"` + bus + `"}`, `{"Tags":[{"Key":"a","Value":"1"}]}`},
		{"PutRule", `{"Name":"big","EventBusName":"orders","EventPattern":"{\"source\":[\"shop\"]}","State":"ENABLED","Tags":[{"Key":"b","Value":"2"}]}`, `{"RuleArn":"` + rule + `"}`},
		{"DescribeRule", `{"Name":"big","EventBusName":"orders"}`, `"State":"ENABLED"`},
		{"DescribeRule", `{"Name":"big","EventBusName":"` + bus + `"}`, `"EventBusName":"orders"`},
		{"ListTagsForResource", `{"ResourceARN":"` + rule + `"}`, `{"Tags":[{"Key":"b","Value":"2"}]}`},
		{"PutTargets", `{"Rule":"big","EventBusName":"orders","Targets":[` + target + `]}`, `{"FailedEntryCount":0,"FailedEntries":[]}`},
		{"ListTargetsByRule", `{"Rule":"big","EventBusName":"orders","Limit":100}`, `{"Targets":[` + target + `]}`},
		{"PutPermission", `{"EventBusName":"orders","Action":"events:PutEvents","Principal":"111111111111","StatementId":"s"}`, ""},
		{"DescribeEventBus", `{"Name":"orders"}`, `\"Sid\":\"s\"`},
		{"CreateArchive", `{"ArchiveName":"all","EventSourceArn":"` + bus + `","RetentionDays":0}`, `"State":"ENABLED"`},
		{"DescribeArchive", `{"ArchiveName":"all"}`, `"RetentionDays":0`},
		{"CreateConnection", `{"Name":"crm","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"v"}}}`, `"ConnectionState":"AUTHORIZED"`},
		{"DescribeConnection", `{"Name":"crm"}`, `"ApiKeyAuthParameters":{"ApiKeyName":"X-Key"}`},
		// The update.
		{"PutRule", `{"Name":"big","EventBusName":"orders","EventPattern":"{\"source\":[\"stock\"]}","State":"DISABLED","Description":"Less."}`, `{"RuleArn":"` + rule + `"}`},
		{"TagResource", `{"ResourceARN":"` + rule + `","Tags":[{"Key":"c","Value":"3"}]}`, "{}"},
		{"UntagResource", `{"ResourceARN":"` + rule + `","TagKeys":["b"]}`, "{}"},
		{"ListTagsForResource", `{"ResourceARN":"` + rule + `"}`, `{"Tags":[{"Key":"c","Value":"3"}]}`},
		{"UpdateEventBus", `{"Name":"orders","Description":""}`, `{"Arn":"` + bus + `","Name":"orders"}`},
		{"UpdateArchive", `{"ArchiveName":"all","Description":"","RetentionDays":5}`, `"State":"ENABLED"`},
		// The end, in the order of what depends on what.
		{"DeleteRule", `{"Name":"big","EventBusName":"orders"}`, "Rule can't be deleted since it has targets"},
		{"RemoveTargets", `{"Rule":"big","EventBusName":"orders","Ids":["t"]}`, `"FailedEntryCount":0`},
		{"DeleteRule", `{"Name":"big","EventBusName":"orders"}`, ""},
		{"DescribeRule", `{"Name":"big","EventBusName":"orders"}`, "ResourceNotFoundException: "},
		{"ListTargetsByRule", `{"Rule":"big","EventBusName":"orders","Limit":100}`, "ResourceNotFoundException: "},
		{"DeleteArchive", `{"ArchiveName":"all"}`, "{}"},
		{"DescribeArchive", `{"ArchiveName":"all"}`, "ResourceNotFoundException: "},
		{"DeleteConnection", `{"Name":"crm"}`, `"ConnectionState":"DELETING"`},
		{"DescribeConnection", `{"Name":"crm"}`, "ResourceNotFoundException: "},
		{"RemovePermission", `{"EventBusName":"orders","StatementId":"s"}`, ""},
		{"DeleteEventBus", `{"Name":"orders"}`, ""},
		{"DescribeEventBus", `{"Name":"orders"}`, "ResourceNotFoundException: "},
	} {
		if got := r.answer(t, test.operation, test.body); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%d: %s %s:\ngot  %s\nwant %s", i, test.operation, test.body, got, test.want)
		}
	}
	if len(r.opts.Documents.all) > 0 {
		t.Errorf("%d documents are left", len(r.opts.Documents.all))
	}
}

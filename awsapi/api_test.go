package awsapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/event"
	"signalbox/ingest"
	"signalbox/rules"
)

const (
	account = "123456789012"
	region  = "eu-west-1"
	arnOf   = "arn:aws:events:" + region + ":" + account + ":"
)

// served is an API behind a real server.
type served struct {
	*API
	url string
}

type nobody struct{}

func (nobody) Accept(context.Context, []*event.Event) ([]error, error) {
	return nil, errors.New("no events here")
}

// serveFiles serves the rules of files, whose names and texts are given.
func serveFiles(t *testing.T, files map[string]string) *served {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rules.Load(rules.Source{Globs: []string{"."}, Dir: dir, Account: account, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Documents: new(Documents), Rules: func() *rules.Set { return set }, Account: account, Region: region, Since: time.UnixMilli(1767323045678)})
	return &served{a, serve(t, a)}
}

func serve(t *testing.T, a *API) string {
	server := httptest.NewServer(ingest.New(nobody{}, ingest.Options{Control: a}))
	t.Cleanup(server.Close)
	return server.URL
}

// answer sends a request as an SDK does, and returns the answer: its body, or the code and the message of an error.
func (s *served) answer(t *testing.T, operation, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSEvents."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return strings.TrimSuffix(string(text), "\n")
	}
	var failed struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &failed); err != nil || res.StatusCode != http.StatusBadRequest || res.Header.Get("X-Amzn-Errortype") != failed.Type {
		t.Fatalf("%d %s, %v", res.StatusCode, text, err)
	}
	return failed.Type + ": " + failed.Message
}

// exchange is a request, and what is answered.
type exchange struct{ operation, body, want string }

// exchange sends one request after the other, and holds the answers to what they are to be.
func (s *served) exchange(t *testing.T, all ...exchange) {
	t.Helper()
	for i, e := range all {
		if got := times.ReplaceAllString(s.answer(t, e.operation, e.body), "${1}T"); got != e.want {
			t.Errorf("%d: %s %.300s:\ngot  %s\nwant %s", i, e.operation, e.body, got, e.want)
		}
	}
}

const none = `{"FailedEntryCount":0,"FailedEntries":[]}`

func client(t *testing.T, url string) *eventbridge.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return eventbridge.New(eventbridge.Options{
		Region: region, BaseEndpoint: aws.String(url), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), RetryMaxAttempts: 1,
	})
}

var shop = map[string]string{
	"shop.yaml": `
buses:
  orders: {description: What was ordered.}
targets:
  warehouse: {type: log, arn: "arn:aws:sqs:eu-west-1:123456789012:warehouse"}
  audit: {type: log}
rules:
  - name: big
    bus: orders
    description: Large orders.
    pattern: {source: [shop], detail: {total: [{numeric: [">", 100]}]}}
    targets:
      - target: warehouse
        id: w
        input_transformer: {input_paths_map: {id: $.detail.id}, input_template: '{"order": <id>}'}
        retry: {max_attempts: 4, max_age: 1h}
      - audit
  - {name: off, bus: orders, state: disabled, pattern: {source: [shop]}, targets: [audit]}
  - {name: seen, bus: orders, state: shadow, pattern: {source: [shop]}, targets: [audit]}
  - {name: all, pattern: {source: [shop]}, targets: [audit]}
`,
}

func TestReadingFiles(t *testing.T) {
	s := serveFiles(t, shop)
	managed := s.opts.Rules().Files[0].Path
	big := `{"Name":"big","Arn":"` + arnOf + `rule/orders/big","EventPattern":"{\"source\":[\"shop\"],\"detail\":{\"total\":[{\"numeric\":[\">\",100]}]}}","State":"ENABLED",` +
		`"Description":"Large orders.","ManagedBy":"` + managed + `","EventBusName":"orders"`
	orders := `{"Name":"orders","Arn":"` + arnOf + `event-bus/orders","Description":"What was ordered.","CreationTime":1767323045.678,"LastModifiedTime":1767323045.678}`
	own := `{"Name":"default","Arn":"` + arnOf + `event-bus/default","CreationTime":1767323045.678,"LastModifiedTime":1767323045.678}`
	byTransformer := `{"Id":"w","Arn":"arn:aws:sqs:eu-west-1:123456789012:warehouse","InputTransformer":{"InputPathsMap":{"id":"$.detail.id"},"InputTemplate":"{\"order\": <id>}"},` +
		`"RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":3600}}`
	for _, test := range []struct{ name, operation, body, want string }{
		{"rule", "DescribeRule", `{"Name":"big","EventBusName":"orders"}`, big + `,"CreatedBy":"` + account + `"}`},
		{"by the ARN of the bus", "DescribeRule", `{"Name":"big","EventBusName":"` + arnOf + `event-bus/orders"}`, big + `,"CreatedBy":"` + account + `"}`},
		{"no rule", "DescribeRule", `{"Name":"big"}`, "ResourceNotFoundException: Rule big does not exist on EventBus default."},
		{"no bus", "DescribeRule", `{"Name":"big","EventBusName":"x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"the bus of another account", "DescribeRule", `{"Name":"big","EventBusName":"arn:aws:events:eu-west-1:999999999999:event-bus/orders"}`, "ResourceNotFoundException: Event bus orders does not exist."},
		{"rules", "ListRules", `{"NamePrefix":"b","EventBusName":"orders"}`, `{"Rules":[` + big + `}]}`},
		{"none", "ListRules", `{"NamePrefix":"none"}`, `{"Rules":[]}`},
		{"rules of no bus", "ListRules", `{"EventBusName":"x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"targets", "ListTargetsByRule", `{"Rule":"big","EventBusName":"orders"}`,
			`{"Targets":[{"Id":"audit","Arn":"arn:aws:signalbox:eu-west-1:123456789012:target/audit"},` + byTransformer + `]}`},
		{"targets of no rule", "ListTargetsByRule", `{"Rule":"x"}`, "ResourceNotFoundException: Rule x does not exist on EventBus default."},
		{"rules of a target", "ListRuleNamesByTarget", `{"TargetArn":"arn:aws:signalbox:eu-west-1:123456789012:target/audit","EventBusName":"orders"}`, `{"RuleNames":["big","off","seen"]}`},
		{"rules of no target", "ListRuleNamesByTarget", `{"TargetArn":"x"}`, `{"RuleNames":[]}`},
		{"bus", "DescribeEventBus", `{"Name":"orders"}`, orders},
		{"bus by its ARN", "DescribeEventBus", `{"Name":"` + arnOf + `event-bus/orders"}`, orders},
		{"the default bus", "DescribeEventBus", ``, own},
		{"unknown bus", "DescribeEventBus", `{"Name":"x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"buses", "ListEventBuses", `{}`, `{"EventBuses":[` + own + `,` + orders + `]}`},
		{"no buses", "ListEventBuses", `{"NamePrefix":"x"}`, `{"EventBuses":[]}`},
		{"tags of a rule", "ListTagsForResource", `{"ResourceARN":"` + arnOf + `rule/orders/big"}`, `{"Tags":[]}`},
		{"tags of a bus", "ListTagsForResource", `{"ResourceARN":"` + arnOf + `event-bus/default"}`, `{"Tags":[]}`},
		{"tags of no rule", "ListTagsForResource", `{"ResourceARN":"` + arnOf + `rule/x"}`, "ResourceNotFoundException: Rule x does not exist on EventBus default."},
		{"tags of no rule on no bus", "ListTagsForResource", `{"ResourceARN":"` + arnOf + `rule/y/x"}`, "ResourceNotFoundException: Rule x does not exist on EventBus y."},
		{"tags of no bus", "ListTagsForResource", `{"ResourceARN":"` + arnOf + `event-bus/x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"tags of nothing", "ListTagsForResource", `{"ResourceARN":"x"}`, "ValidationException: Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format."},
		{"a bad token", "ListRules", `{"NextToken":"x"}`, "ValidationException: Parameter NextToken is not valid."},
		{"an unknown operation", "ListEndpoints", `{}`, "UnknownOperationException: ListEndpoints is not supported here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := s.answer(t, test.operation, test.body); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	for name, want := range map[string]string{"off": "DISABLED", "seen": "DISABLED"} {
		if got := s.answer(t, "DescribeRule", `{"EventBusName":"orders","Name":"`+name+`"}`); !strings.Contains(got, `"State":"`+want+`"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestRegionOfTerraform: who runs Terraform against a router whose region it does not take is told so, once.
func TestRegionOfTerraform(t *testing.T) {
	const agent = "APN/1.0 HashiCorp/1.0 Terraform/1.10.7 (+https://www.terraform.io) terraform-provider-aws/5.100.0 aws-sdk-go-v2/1.36.3"
	for _, test := range []struct {
		region, agent string
		warnings      int
	}{{"local", agent, 1}, {"local", "aws-cli/2.15", 0}, {"us-gov-west-1", agent, 0}} {
		core, logs := observer.New(zap.WarnLevel)
		set := &rules.Set{Buses: map[string]rules.Bus{rules.DefaultBus: {Name: rules.DefaultBus}}}
		a := New(Options{Documents: new(Documents), Rules: func() *rules.Set { return set }, Account: account, Region: test.region, Logger: zap.New(core)})
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("User-Agent", test.agent)
		for range 2 {
			if _, err := a.Call(r, "DescribeEventBus", nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := logs.FilterMessageSnippet("set region in config.yaml").Len(); got != test.warnings {
			t.Errorf("%s, %s: %d warnings", test.region, test.agent, got)
		}
	}
}

// TestPages goes through listings page by page, with an SDK.
func TestPages(t *testing.T) {
	var text strings.Builder
	text.WriteString("buses: {b-1: {}, b-2: {}, b-3: {}, b-4: {}, b-5: {}, b-6: {}}\ntargets: {t: {type: log}}\nrules:\n")
	for _, name := range []string{"r-3", "r-1", "r-6", "r-2", "r-5", "r-4"} {
		text.WriteString("- {name: " + name + ", pattern: {source: [s]}, targets: [{target: t, id: c}, {target: t, id: a}, {target: t, id: e}, {target: t, id: b}, {target: t, id: d}]}\n")
	}
	c := client(t, serveFiles(t, map[string]string{"r.yaml": text.String()}).url)
	arn := aws.String("arn:aws:signalbox:" + region + ":" + account + ":target/t")
	listings := map[string]struct {
		first, rest int32 // limits
		list        func(limit *int32, token *string) (names []string, next *string, err error)
		want        [][]string
	}{
		"rules": {3, 5, func(limit *int32, token *string) (names []string, next *string, err error) {
			out, err := c.ListRules(t.Context(), &eventbridge.ListRulesInput{NamePrefix: aws.String("r-"), Limit: limit, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, r := range out.Rules {
				names = append(names, *r.Name)
			}
			return names, out.NextToken, nil
		}, [][]string{{"r-1", "r-2", "r-3"}, {"r-4", "r-5", "r-6"}}},
		"buses": {3, 5, func(limit *int32, token *string) (names []string, next *string, err error) {
			out, err := c.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{NamePrefix: aws.String("b-"), Limit: limit, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, b := range out.EventBuses {
				names = append(names, *b.Name)
			}
			return names, out.NextToken, nil
		}, [][]string{{"b-1", "b-2", "b-3"}, {"b-4", "b-5", "b-6"}}},
		"targets": {3, 3, func(limit *int32, token *string) (names []string, next *string, err error) {
			out, err := c.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("r-1"), Limit: limit, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, e := range out.Targets {
				names = append(names, *e.Id)
			}
			return names, out.NextToken, nil
		}, [][]string{{"a", "b", "c"}, {"d", "e"}}},
		"rules of a target": {2, 2, func(limit *int32, token *string) ([]string, *string, error) {
			out, err := c.ListRuleNamesByTarget(t.Context(), &eventbridge.ListRuleNamesByTargetInput{TargetArn: arn, Limit: limit, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.RuleNames, out.NextToken, nil
		}, [][]string{{"r-1", "r-2"}, {"r-3", "r-4"}, {"r-5", "r-6"}}},
	}
	for name, l := range listings {
		t.Run(name, func(t *testing.T) {
			var pages [][]string
			limit, token := l.first, (*string)(nil)
			for {
				names, next, err := l.list(&limit, token)
				if err != nil {
					t.Fatal(err)
				}
				if pages = append(pages, names); next == nil {
					break
				}
				limit, token = l.rest, next
			}
			if !slices.EqualFunc(pages, l.want, slices.Equal) {
				t.Errorf("got %v, want %v", pages, l.want)
			}
		})
	}
	var gone *types.ResourceNotFoundException
	if _, err := c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String("x")}); !errors.As(err, &gone) {
		t.Errorf("got %v, want a ResourceNotFoundException", err)
	}
}

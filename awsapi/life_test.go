package awsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"signalbox/archive/archiver"
	"signalbox/config"
	"signalbox/ingest"
	"signalbox/journal/store"
	"signalbox/router"
	"signalbox/rules"
	"signalbox/secret"
)

// running is a router with its API, its files and its store.
type running struct {
	served
	disk     *store.Disk
	journal  *store.Journal
	router   *router.Router
	archiver *archiver.Archiver
	reloader *config.Reloader
	dir      string
}

// start runs a router on a store and a folder, in which the files are.
func start(t testing.TB, dir string, disk *store.Disk) *running {
	t.Helper()
	r := &running{disk: disk, dir: dir}
	var err error
	r.journal, err = store.Open("data", store.Options{Disk: disk})
	must(t, err)
	documents, err := LoadDocuments(r.journal.Documents.Of(Source))
	must(t, err)
	c, err := config.Load(filepath.Join(dir, "config.yaml"))
	must(t, err)
	set, err := c.LoadRules(documents.Source())
	must(t, err)
	r.archiver, err = archiver.New(archiver.Options{Journal: r.journal})
	must(t, err)
	r.archiver.Set(set.Archives)
	r.router, err = router.New(router.Options{Journal: r.journal, Account: account, Region: region, Past: r.archiver.Reader(), Secrets: secret.Source{Keys: c.Keys}}, set)
	must(t, err)
	r.router.Start()
	swap := func(set *rules.Set) error {
		if err := r.router.Swap(set); err != nil {
			return err
		}
		r.archiver.Set(set.Archives)
		return nil
	}
	r.reloader = config.NewReloader(config.ReloaderOptions{Config: c, Set: set, Others: []rules.Documents{documents.Source()}, Swap: swap})
	r.API = New(Options{
		Keys: c.Keys, Archives: r.archiver, Replays: r.router.Replays, ArchiveFolder: filepath.Join(dir, "archives"), Quotas: Quotas(c.Quotas),
		Rules: r.router.Rules, Documents: documents, Account: account, Region: region, Since: time.UnixMilli(1767323045678),
		Change: func(others []rules.Documents, keep func() error) error {
			return r.reloader.Change(context.Background(), others, keep)
		},
	})
	server := httptest.NewServer(ingest.New(r.router, ingest.Options{Control: r.API}))
	r.url = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(func() { must(t, r.stop()) })
	return r
}

// stop stops the router; a second time does nothing.
func (r *running) stop() error {
	if r.journal == nil {
		return nil
	}
	err := errors.Join(r.archiver.Stop(context.Background()), r.router.Stop(context.Background()), r.journal.Close())
	r.journal = nil
	return err
}

// startWith runs a router whose folder has these rules in a file.
func startWith(t testing.TB, text string) *running {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "config.yaml", "rules: [rules.yaml]\naccount: \""+account+"\"\nregion: "+region+"\n")
	write(t, dir, "rules.yaml", text)
	return start(t, dir, store.InMemory())
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sink takes the bodies that are posted to it.
type sink struct {
	url string
	got chan string
}

func newSink(t *testing.T) *sink {
	s := &sink{got: make(chan string, 1000)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.got <- string(body)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func put(t *testing.T, c *eventbridge.Client, bus, detail string) {
	t.Helper()
	out, err := c.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: aws.String(bus), Source: aws.String("shop"), DetailType: aws.String("OrderCreated"), Detail: aws.String(detail),
	}}})
	must(t, err)
	if out.FailedEntryCount != 0 {
		t.Fatalf("%s", *out.Entries[0].ErrorMessage)
	}
}

// TestLife runs the life of a bus, a rule and a target with AWS's SDK.
func TestLife(t *testing.T) {
	to := newSink(t)
	r := startWith(t, "targets: {hall: {type: http, url: "+to.url+", arn: \"arn:aws:lambda:eu-west-1:123456789012:function:hall\"}}\n")
	c, ctx := client(t, r.url), t.Context()
	bus, rule := aws.String("orders"), aws.String("big")

	created, err := c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: bus, Description: aws.String("All."), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})
	must(t, err)
	if *created.EventBusArn != arnOf+"event-bus/orders" || *created.Description != "All." {
		t.Errorf("created %+v", created)
	}
	pattern := `{ "source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]} }`
	made, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: rule, EventBusName: bus, EventPattern: &pattern, Description: aws.String("Large.")})
	must(t, err)
	if *made.RuleArn != arnOf+"rule/orders/big" {
		t.Errorf("made %s", *made.RuleArn)
	}
	entry := types.Target{
		Id: aws.String("t"), Arn: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:hall"), RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)},
		InputTransformer: &types.InputTransformer{InputPathsMap: map[string]string{"t": "$.detail.total"}, InputTemplate: aws.String(`{"total": <t>, "env": "${HOME}"}`)},
	}
	out, err := c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: rule, EventBusName: bus, Targets: []types.Target{entry}})
	must(t, err)
	if out.FailedEntryCount != 0 {
		t.Fatalf("%s", *out.FailedEntries[0].ErrorMessage)
	}
	put(t, c, "orders", `{"total":50}`) // which does not match
	put(t, c, "orders", `{"total":150}`)
	if got := <-to.got; got != `{"total": 150, "env": "${HOME}"}` {
		t.Errorf("got %s", got)
	}

	described, err := c.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: rule, EventBusName: bus})
	must(t, err)
	if *described.EventPattern != pattern || *described.Description != "Large." || described.State != types.RuleStateEnabled || described.RoleArn != nil || described.ManagedBy != nil {
		t.Errorf("described %+v", described)
	}
	listed, err := c.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: rule, EventBusName: bus})
	must(t, err)
	if len(listed.Targets) != 1 || *listed.Targets[0].InputTransformer.InputTemplate != *entry.InputTransformer.InputTemplate || listed.Targets[0].Input != nil {
		t.Errorf("listed %+v", listed.Targets)
	}

	_, err = c.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: rule, EventBusName: bus})
	must(t, err)
	put(t, c, "orders", `{"total":160}`)
	_, err = c.EnableRule(ctx, &eventbridge.EnableRuleInput{Name: rule, EventBusName: bus})
	must(t, err)
	put(t, c, "orders", `{"total":170}`)
	if got := <-to.got; !strings.Contains(got, "170") {
		t.Errorf("got %s", got)
	}

	must(t, r.stop())
	r = start(t, r.dir, r.disk)
	c = client(t, r.url)
	put(t, c, "orders", `{"total":180}`)
	if got := <-to.got; !strings.Contains(got, "180") {
		t.Errorf("got %s after a start", got)
	}

	if _, err = c.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: rule, EventBusName: bus}); err == nil || !strings.Contains(err.Error(), "Rule can't be deleted since it has targets.") {
		t.Errorf("got %v", err)
	}
	_, err = c.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: rule, EventBusName: bus, Ids: []string{"t"}})
	must(t, err)
	_, err = c.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: rule, EventBusName: bus})
	must(t, err)
	_, err = c.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: bus})
	must(t, err)
	var gone *types.ResourceNotFoundException
	if _, err := c.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: bus}); !errors.As(err, &gone) {
		t.Errorf("got %v, want a ResourceNotFoundException", err)
	}
}

// TestAnswers holds what is answered to what AWS was recorded to answer, one request after the other.
func TestAnswers(t *testing.T) {
	r := startWith(t, "buses: {filed: {}}\ntargets: {q: {type: log}, q.fifo: {type: log}}\nrules: [{name: filed, pattern: {source: [s]}, targets: [q]}]\n")
	queue := "arn:aws:sqs:eu-west-1:123456789012:q"
	file := filepath.Join(r.dir, "rules.yaml")
	targetsOf := func(entries string) string { return `{"Rule":"r","Targets":[` + entries + `]}` }
	r.exchange(t, []exchange{
		// Buses.
		{"CreateEventBus", `{"Name":"b"}`, `{"EventBusArn":"` + arnOf + `event-bus/b"}`},
		{"CreateEventBus", `{"Name":"b"}`, "ResourceAlreadyExistsException: Event bus b already exists."},
		{"CreateEventBus", `{"Name":"default"}`, "ResourceAlreadyExistsException: Event bus default already exists."},
		{"CreateEventBus", `{"Name":"d","Description":"D","KmsKeyIdentifier":"k","DeadLetterConfig":{"Arn":"` + queue + `"},"LogConfig":{"Level":"INFO"}}`,
			`{"EventBusArn":"` + arnOf + `event-bus/d","Description":"D","KmsKeyIdentifier":"k","DeadLetterConfig":{"Arn":"` + queue + `"},"LogConfig":{"Level":"INFO"}}`},
		{"UpdateEventBus", `{"Name":"d","Description":""}`, `{"Arn":"` + arnOf + `event-bus/d","Name":"d"}`},
		{"UpdateEventBus", `{"Description":"Own."}`, `{"Arn":"` + arnOf + `event-bus/default","Name":"default","Description":"Own."}`},
		{"UpdateEventBus", `{"Name":"x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"UpdateEventBus", `{"Name":"filed"}`, "ManagedRuleException: Event bus filed is managed by the rule files: change it there."},
		{"DeleteEventBus", `{"Name":"filed"}`, "ManagedRuleException: Event bus filed is managed by the rule files: change it there."},
		{"DeleteEventBus", `{"Name":"default"}`, "ValidationException: Cannot delete event bus default."},
		{"DeleteEventBus", `{"Name":"unknown"}`, ""},
		{"DeleteEventBus", `{"Name":"d"}`, ""},
		// Rules.
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`, `{"RuleArn":"` + arnOf + `rule/r"}`},
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}","EventBusName":"b","State":"DISABLED","RoleArn":"role","Tags":[{"Key":"k","Value":"v"}]}`, `{"RuleArn":"` + arnOf + `rule/b/r"}`},
		{"DescribeRule", `{"Name":"r","EventBusName":"b"}`,
			`{"Name":"r","Arn":"` + arnOf + `rule/b/r","EventPattern":"{\"source\":[\"a\"]}","State":"DISABLED","RoleArn":"role","EventBusName":"b","CreatedBy":"` + account + `"}`},
		{"ListRules", `{"EventBusName":"b"}`, `{"Rules":[{"Name":"r","Arn":"` + arnOf + `rule/b/r","EventPattern":"{\"source\":[\"a\"]}","State":"DISABLED","RoleArn":"role","EventBusName":"b"}]}`},
		{"EnableRule", `{"Name":"r","EventBusName":"b"}`, ""},
		{"DisableRule", `{"Name":"r","EventBusName":"b"}`, ""},
		{"EnableRule", `{"Name":"x"}`, "ResourceNotFoundException: Rule x does not exist on EventBus default."},
		{"DeleteEventBus", `{"Name":"b"}`, "ValidationException: Event bus b can't be deleted since it has rules."},
		{"PutRule", `{"Name":"x","EventBusName":"x","EventPattern":"{}"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"PutRule", `{"Name":"x"}`, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."},
		{"PutRule", `{"Name":"x","ScheduleExpression":"rate(1 minute)","EventBusName":"b"}`, "ValidationException: ScheduleExpression is supported only on the default event bus."},
		{"PutRule", `{"Name":"x","ScheduleExpression":"rate(1 minutes)"}`, "ValidationException: Parameter ScheduleExpression is not valid."},
		{"PutRule", `{"Name":"tick","ScheduleExpression":"cron(0 20 * * ? *)"}`, `{"RuleArn":"` + arnOf + `rule/tick"}`},
		{"DescribeRule", `{"Name":"tick"}`, `{"Name":"tick","Arn":"` + arnOf + `rule/tick","State":"ENABLED","ScheduleExpression":"cron(0 20 * * ? *)","EventBusName":"default","CreatedBy":"` + account + `"}`},
		{"PutRule", `{"Name":"tick","ScheduleExpression":"rate(5 minutes)","EventPattern":"{\"source\":[\"a\"]}"}`, `{"RuleArn":"` + arnOf + `rule/tick"}`},
		{"DescribeRule", `{"Name":"tick"}`, `{"Name":"tick","Arn":"` + arnOf + `rule/tick","EventPattern":"{\"source\":[\"a\"]}","State":"ENABLED","ScheduleExpression":"rate(5 minutes)","EventBusName":"default","CreatedBy":"` + account + `"}`},
		{"ListRules", `{"NamePrefix":"ti"}`, `{"Rules":[{"Name":"tick","Arn":"` + arnOf + `rule/tick","EventPattern":"{\"source\":[\"a\"]}","State":"ENABLED","ScheduleExpression":"rate(5 minutes)","EventBusName":"default"}]}`},
		{"DeleteRule", `{"Name":"tick"}`, ""},
		{"PutRule", `{"Name":"filed","EventPattern":"{\"source\":[\"a\"]}"}`, "ManagedRuleException: Rule filed on EventBus default is managed by " + file + ": change it there."},
		{"DisableRule", `{"Name":"filed"}`, "ManagedRuleException: Rule filed on EventBus default is managed by " + file + ": change it there."},
		{"DeleteRule", `{"Name":"x"}`, ""},
		// Targets.
		{"PutTargets", targetsOf(`{"Id":"b","Arn":"` + queue + `"},{"Id":"a","Arn":"` + queue + `","Input":"{\"a\":\"<x> & ${HOME}\"}"}`), none},
		{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[{"Id":"a","Arn":"` + queue + `","Input":"{\"a\":\"<x> & ${HOME}\"}"},{"Id":"b","Arn":"` + queue + `"}]}`},
		{"PutTargets", targetsOf(`{"Id":"a","Arn":"` + queue + `","InputPath":"$.detail"}`), none},
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"b\"]}"}`, `{"RuleArn":"` + arnOf + `rule/r"}`},
		{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[{"Id":"a","Arn":"` + queue + `","InputPath":"$.detail"},{"Id":"b","Arn":"` + queue + `"}]}`},
		{"ListRuleNamesByTarget", `{"TargetArn":"` + queue + `"}`, `{"RuleNames":["r"]}`},
		{"PutTargets", `{"Rule":"x","Targets":[{"Id":"a","Arn":"` + queue + `"}]}`, "ResourceNotFoundException: Rule x does not exist on EventBus default."},
		{"PutTargets", `{"Rule":"filed","Targets":[{"Id":"a","Arn":"` + queue + `"}]}`, "ManagedRuleException: Rule filed on EventBus default is managed by " + file + ": change it there."},
		{"PutTargets", targetsOf(`{"Id":"c","Arn":"` + queue + `","InputPath":"$.a","InputTransformer":{"InputTemplate":"\"x\""}}`),
			"ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target c."},
		{"PutTargets", targetsOf(`{"Id":"c","Arn":"` + queue + `","InputTransformer":{"InputPathsMap":{"a":"$.a"},"InputTemplate":"\"<notdefinedkey>\""}}`),
			"ValidationException: InputTemplate for target c contains invalid placeholder notdefinedkey."},
		{"PutTargets", targetsOf(`{"Id":"c","Arn":"nothing"},{"Id":"d","Arn":"` + queue + `"}`),
			`{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"c","ErrorCode":"ValidationException","ErrorMessage":"Parameter nothing is not valid. Reason: Provided Arn is not in correct format."}]}`},
		{"PutTargets", targetsOf(`{"Id":"c","Arn":"arn:aws:sqs:eu-west-1:123456789012:other.fifo"}`),
			`{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"c","ErrorCode":"ValidationException","ErrorMessage":"Parameter(s) SqsParameters must be specified for target: c."}]}`},
		{"PutTargets", targetsOf(`{"Id":"c","Arn":"arn:aws:lambda:eu-west-1:123456789012:function:f"}`),
			`{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"c","ErrorCode":"ValidationException","ErrorMessage":"Parameter arn:aws:lambda:eu-west-1:123456789012:function:f is not valid. Reason: no target is declared for it: declare one in a rule file, with this arn: or the name f. Only queues of SQS, buses of this router and log groups need none."}]}`},
		{"RemoveTargets", `{"Rule":"r","Ids":["a","x"]}`,
			`{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"x","ErrorCode":"ResourceNotFoundException","ErrorMessage":"Rule 'r' does not have a target with the Id 'x'."}]}`},
		{"DeleteRule", `{"Name":"r"}`, "ValidationException: Rule can't be deleted since it has targets."},
		{"RemoveTargets", `{"Rule":"r","Ids":["b","d"]}`, none},
		{"ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[]}`},
		// Tags.
		{"ListTagsForResource", `{"ResourceARN":"` + arnOf + `rule/b/r"}`, `{"Tags":[{"Key":"k","Value":"v"}]}`},
		{"TagResource", `{"ResourceARN":"` + arnOf + `rule/b/r","Tags":[{"Key":"z","Value":"1"},{"Key":"a","Value":"2"},{"Key":"k","Value":"w"}]}`, "{}"},
		{"UntagResource", `{"ResourceARN":"` + arnOf + `rule/b/r","TagKeys":["z","none"]}`, "{}"},
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"c\"]}","EventBusName":"b","Tags":[{"Key":"new","Value":""}]}`, `{"RuleArn":"` + arnOf + `rule/b/r"}`},
		{"ListTagsForResource", `{"ResourceARN":"` + arnOf + `rule/b/r"}`, `{"Tags":[{"Key":"k","Value":"w"},{"Key":"a","Value":"2"}]}`},
		{"DeleteRule", `{"Name":"r","EventBusName":"b"}`, ""},
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"c\"]}","EventBusName":"b"}`, `{"RuleArn":"` + arnOf + `rule/b/r"}`},
		{"ListTagsForResource", `{"ResourceARN":"` + arnOf + `rule/b/r"}`, `{"Tags":[]}`},
		{"TagResource", `{"ResourceARN":"` + arnOf + `event-bus/default","Tags":[{"Key":"k","Value":"v"}]}`, "{}"},
		{"ListTagsForResource", `{"ResourceARN":"` + arnOf + `event-bus/default"}`, `{"Tags":[{"Key":"k","Value":"v"}]}`},
		{"TagResource", `{"ResourceARN":"` + arnOf + `event-bus/x","Tags":[]}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"UntagResource", `{"ResourceARN":"` + arnOf + `rule/x","TagKeys":["k"]}`, "ResourceNotFoundException: Rule x does not exist on EventBus default."},
		{"TagResource", `{"ResourceARN":"` + arnOf + `event-bus/default","Tags":[{"Key":"k","Value":"v"},{"Key":"k","Value":"w"}]}`, "ValidationException: Invalid parameter: Duplicated keys are not allowed."},
	}...)
	bad := r.answer(t, "PutRule", `{"Name":"x","EventPattern":"{\"source\":[]}"}`)
	if !strings.HasPrefix(bad, "InvalidEventPatternException: Event pattern is not valid. Reason: Empty arrays are not allowed") {
		t.Errorf("got %s", bad)
	}
}

// TestMadeTargets: a queue, a bus of the router and a log group need no declared target; what is declared later takes their place.
func TestMadeTargets(t *testing.T) {
	r := startWith(t, "buses: {b: {}}\nrules: []\n")
	r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`)
	got := r.answer(t, "PutTargets", `{"Rule":"r","Targets":[{"Id":"q","Arn":"arn:aws:sqs:eu-west-1:123456789012:q"},{"Id":"q2","Arn":"arn:aws:sqs:eu-west-1:123456789012:q"},`+
		`{"Id":"f","Arn":"arn:aws:sqs:eu-west-1:123456789012:q.fifo","SqsParameters":{"MessageGroupId":"g"}},`+
		`{"Id":"b","Arn":"`+arnOf+`event-bus/b"},{"Id":"x","Arn":"`+arnOf+`event-bus/x"},{"Id":"o","Arn":"arn:aws:events:eu-west-1:999999999999:event-bus/b"},`+
		`{"Id":"l","Arn":"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/all:*"},`+
		`{"Id":"s","Arn":"arn:aws:sqs:eu-west-1:123456789012:${HOME}"}]}`)
	if !strings.HasPrefix(got, `{"FailedEntryCount":3,"FailedEntries":[{"TargetId":"x",`) || !strings.Contains(got, `"TargetId":"o"`) || !strings.Contains(got, `"TargetId":"s"`) {
		t.Errorf("got %s", got)
	}
	made := func() (all []string) {
		for _, target := range r.opts.Rules().Targets {
			name := target.Name
			if i := strings.LastIndexByte(name, '-'); i > 0 {
				name = name[:i]
			}
			all = append(all, target.Type+" "+name)
		}
		slices.Sort(all)
		return all
	}
	if got, want := fmt.Sprint(made()), "[bus bus-b log log-aws-events-all sqs sqs-q sqs sqs-q.fifo]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	write(t, r.dir, "rules.yaml", "buses: {b: {}}\ntargets: {q: {type: log}}\nrules: []\n")
	if _, err := r.reloader.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(made()), "[bus bus-b log log-aws-events-all log q sqs sqs-q.fifo]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFilesAndAPIAreOneSet: an edit of either side that would break the other is refused, and a broken
// file blocks nothing.
func TestFilesAndAPIAreOneSet(t *testing.T) {
	const files = "targets: {t: {type: log}}\nrules: [{name: f, pattern: {source: [s]}, targets: [t]}]\n"
	r := startWith(t, files)
	r.answer(t, "CreateEventBus", `{"Name":"b"}`)
	r.answer(t, "PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"a\"]}"}`)
	if got := r.answer(t, "PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"arn:aws:lambda:eu-west-1:123456789012:function:t"}]}`); !strings.Contains(got, `"FailedEntryCount":0`) {
		t.Fatal(got)
	}
	names := func() (all []string) {
		for _, rule := range r.opts.Rules().Rules {
			all = append(all, rule.Name)
		}
		return all
	}
	edit := func(text, fault, want string) {
		t.Helper()
		write(t, r.dir, "rules.yaml", text)
		_, err := r.reloader.Reload(t.Context())
		if (err != nil) != (fault != "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("got %v, want %q", err, fault)
		}
		if got := strings.Join(names(), " "); got != want {
			t.Errorf("%s serve, want %s", got, want)
		}
	}
	edit(`rules: []`+"\n", `no target "arn:aws:lambda:eu-west-1:123456789012:function:t"`, "f r")
	edit("targets: {t: {type: log}}\nrules: [{name: r, pattern: {source: [s]}, targets: [t]}]\n", "stands twice", "f r")
	edit("rules: [x\n", "rules.yaml", "f r")
	if got := r.answer(t, "PutRule", `{"Name":"new","EventPattern":"{\"source\":[\"a\"]}"}`); !strings.Contains(got, "RuleArn") {
		t.Errorf("a broken file blocks: %s", got)
	}
	if got := strings.Join(names(), " "); got != "f new r" {
		t.Errorf("%s serve", got)
	}
	edit("targets: {t: {type: log}}\nrules: [{name: g, bus: b, pattern: {source: [s]}, targets: [t]}]\n", "", "g new r")
	if got := r.answer(t, "DeleteEventBus", `{"Name":"b"}`); !strings.Contains(got, "since it has rules") {
		t.Errorf("got %s", got)
	}
}

// TestWritesAtOnce: writes from many callers, while files are reloaded, are all there afterwards.
func TestWritesAtOnce(t *testing.T) {
	r := startWith(t, "targets: {t: {type: log}}\nrules: []\n")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 5 {
				name := fmt.Sprintf("r-%d-%d", i, j)
				r.answer(t, "PutRule", `{"Name":"`+name+`","EventPattern":"{\"source\":[\"`+name+`\"]}"}`)
				r.answer(t, "PutTargets", `{"Rule":"`+name+`","Targets":[{"Id":"a","Arn":"arn:aws:lambda:eu-west-1:123456789012:function:t"}]}`)
				_, err := r.reloader.Reload(t.Context())
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	check := func() {
		t.Helper()
		set := r.opts.Rules()
		if len(set.Rules) != 40 {
			t.Fatalf("%d rules", len(set.Rules))
		}
		for _, rule := range set.Rules {
			if len(rule.Targets) != 1 {
				t.Errorf("rule %s has %d targets", rule.Name, len(rule.Targets))
			}
		}
	}
	check()
	must(t, r.stop())
	r = start(t, r.dir, r.disk)
	check()
}

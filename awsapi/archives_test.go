package awsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"signalbox/journal/store"
)

// times stand for what differs from run to run.
var times = regexp.MustCompile(`(Time":)[0-9.]+`)

// TestAnswersOfArchives holds what is answered to what AWS was recorded to answer.
func TestAnswersOfArchives(t *testing.T) {
	r := startWith(t, "buses: {b: {}}\narchives: {filed: {folder: lies, bus: b, pattern: {source: [s]}}}\nrules: [{name: r, pattern: {source: [shop]}, targets: [t]}]\ntargets: {t: {type: log}}\n")
	archive, bus, other := arnOf+"archive/a", arnOf+"event-bus/default", arnOf+"event-bus/b"
	create := func(more string) string { return `{"ArchiveName":"a","EventSourceArn":"` + bus + `"` + more + `}` }
	replay := func(name, more string) string {
		return `{"ReplayName":"` + name + `","EventSourceArn":"` + archive + `","EventStartTime":1767323045.678,"EventEndTime":1767323945,"Destination":{"Arn":"` + bus + `"` + more + `}}`
	}
	const listed = `"EventSourceArn":"` + arnOf + `event-bus/default","State":"ENABLED","RetentionDays":0,"SizeBytes":0,"EventCount":0,"CreationTime":T}`
	for i, test := range []struct{ operation, body, want string }{
		{"CreateArchive", `{"ArchiveName":"a","EventSourceArn":"` + arnOf + `event-bus/x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"CreateArchive", create(`,"EventPattern":"{\"source\":[]}"`), "InvalidEventPatternException: Event pattern is not valid. Reason: Empty arrays are not allowed"},
		{"CreateArchive", create(`,"EventPattern":"{ \"source\": [\"shop\"] }","Description":"D","KmsKeyIdentifier":"k"`), `{"ArchiveArn":"` + archive + `","State":"ENABLED","CreationTime":T}`},
		{"CreateArchive", create(""), "ResourceAlreadyExistsException: Archive a already exists."},
		{"DescribeArchive", `{"ArchiveName":"a"}`, `{"ArchiveArn":"` + archive + `","ArchiveName":"a","EventSourceArn":"` + bus + `","Description":"D","EventPattern":"{ \"source\": [\"shop\"] }","State":"ENABLED","KmsKeyIdentifier":"k",` +
			`"RetentionDays":0,"SizeBytes":0,"EventCount":0,"CreationTime":T}`},
		{"DescribeArchive", `{"ArchiveName":"x"}`, "ResourceNotFoundException: Archive x does not exist."},
		{"ListArchives", `{"NamePrefix":"a"}`, `{"Archives":[{"ArchiveName":"a",` + listed + `]}`},
		{"ListArchives", `{"EventSourceArn":"` + bus + `"}`, `{"Archives":[{"ArchiveName":"a",` + listed + `]}`},
		{"ListArchives", `{"EventSourceArn":"` + arnOf + `event-bus/x"}`, "ResourceNotFoundException: Event bus x does not exist."},
		{"ListArchives", `{"State":"DISABLED"}`, `{"Archives":[]}`},
		{"UpdateArchive", `{"ArchiveName":"x"}`, "ValidationException: At least one of EventPattern, RetentionDays or Description must be provided."},
		{"UpdateArchive", `{"ArchiveName":"x","RetentionDays":1}`, "ResourceNotFoundException: Archive x does not exist."},
		{"UpdateArchive", `{"ArchiveName":"a","RetentionDays":7,"Description":""}`, `{"ArchiveArn":"` + archive + `","State":"ENABLED","CreationTime":T}`},
		{"DescribeArchive", `{"ArchiveName":"a"}`, `{"ArchiveArn":"` + archive + `","ArchiveName":"a","EventSourceArn":"` + bus + `","EventPattern":"{ \"source\": [\"shop\"] }","State":"ENABLED","KmsKeyIdentifier":"k",` +
			`"RetentionDays":7,"SizeBytes":0,"EventCount":0,"CreationTime":T}`},
		{"DescribeArchive", `{"ArchiveName":"filed"}`, `{"ArchiveArn":"` + arnOf + `archive/filed","ArchiveName":"filed","EventSourceArn":"` + other + `","EventPattern":"{\"source\":[\"s\"]}","State":"ENABLED",` +
			`"RetentionDays":0,"SizeBytes":0,"EventCount":0,"CreationTime":T}`},
		{"DeleteArchive", `{"ArchiveName":"filed"}`, "ManagedRuleException: Archive filed is managed by the configuration: change it there."},
		{"UpdateArchive", `{"ArchiveName":"filed","RetentionDays":7}`, "ManagedRuleException: Archive filed is managed by the configuration: change it there."},

		{"StartReplay", strings.Replace(replay("p", ""), "archive/a", "archive/x", 1), "ValidationException: Parameter EventSourceArn is not valid. Reason: Archive x does not exist."},
		{"StartReplay", strings.Replace(replay("p", ""), bus, arnOf+"event-bus/x", 1), "ResourceNotFoundException: Event bus x does not exist."},
		{"StartReplay", strings.Replace(replay("p", ""), bus, other, 1), "ValidationException: Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."},
		{"StartReplay", strings.Replace(replay("p", ""), "1767323945", "1767323045.678", 1), "ValidationException: Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."},
		{"StartReplay", replay("p", `,"FilterArns":["`+arnOf+`rule/x"]`), "ResourceNotFoundException: Rule x does not exist on EventBus default."},
		{"StartReplay", replay("p", `,"FilterArns":["`+arnOf+`rule/r"]`), `{"ReplayArn":"` + arnOf + `replay/p","State":"STARTING","ReplayStartTime":T}`},
		{"StartReplay", replay("p", ""), "ResourceAlreadyExistsException: Replay p already exists."},
		{"DescribeReplay", `{"ReplayName":"x"}`, "ResourceNotFoundException: Replay x does not exist."},
		{"CancelReplay", `{"ReplayName":"x"}`, "ResourceNotFoundException: Replay x does not exist."},
		{"ListReplays", `{"NamePrefix":"x"}`, `{"Replays":[]}`},
		{"DeleteArchive", `{"ArchiveName":"x"}`, "ResourceNotFoundException: Archive x does not exist."},
		{"DeleteArchive", `{"ArchiveName":"a"}`, "{}"},
		{"DescribeArchive", `{"ArchiveName":"a"}`, "ResourceNotFoundException: Archive a does not exist."},
	} {
		got := times.ReplaceAllString(r.answer(t, test.operation, test.body), "${1}T")
		if got, _, _ := strings.Cut(got, "\n at "); got != test.want {
			t.Errorf("%d: %s %s:\ngot  %s\nwant %s", i, test.operation, test.body, got, test.want)
		}
	}

	ended := r.replayed(t, "p")
	got := times.ReplaceAllString(ended, "${1}T")
	if want := `{"ReplayName":"p","ReplayArn":"` + arnOf + `replay/p","State":"COMPLETED","EventSourceArn":"` + archive + `","Destination":{"Arn":"` + bus + `","FilterArns":["` + arnOf +
		`rule/r"]},"EventStartTime":T,"EventEndTime":T,"ReplayStartTime":T,"ReplayEndTime":T}`; got != want || !strings.Contains(ended, `"EventStartTime":1767323045.678,"EventEndTime":1767323945,`) {
		t.Errorf("a replay of nothing:\ngot  %s\nwant %s", ended, want)
	}
	if got := r.answer(t, "CancelReplay", `{"ReplayName":"p"}`); got != "IllegalStatusException: Replay p is not in a valid state for this operation." {
		t.Errorf("cancelled after its end: %s", got)
	}
}

// replayed waits for the end of a replay, and returns how it stands.
func (r *running) replayed(t *testing.T, name string) (answer string) {
	t.Helper()
	eventually(t, func() bool {
		answer = r.answer(t, "DescribeReplay", `{"ReplayName":"`+name+`"}`)
		return strings.Contains(answer, `"ReplayEndTime"`)
	})
	return answer
}

func eventually(t *testing.T, met func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 20 s")
		}
	}
}

// TestArchiveAndReplay archives and replays with AWS's SDK, through a restart: what was there before the archive
// is not in it, nor is what it does not take.
func TestArchiveAndReplay(t *testing.T) {
	to := newSink(t)
	r := startWith(t, "buses: {orders: {}}\ntargets: {a: {type: http, url: "+to.url+"/a}, b: {type: http, url: "+to.url+"/b}}\nrules:\n"+
		"  - {name: a, bus: orders, pattern: {source: [shop]}, targets: [a]}\n  - {name: b, bus: orders, pattern: {source: [shop]}, targets: [b]}\n")
	c, ctx := client(t, r.url), t.Context()
	put(t, c, "orders", `{"n":"before"}`)
	bus := aws.String(arnOf + "event-bus/orders")
	created, err := c.CreateArchive(ctx, &eventbridge.CreateArchiveInput{ArchiveName: aws.String("all"), EventSourceArn: bus, EventPattern: aws.String(`{"detail":{"n":[{"anything-but":"no"}]}}`), RetentionDays: aws.Int32(3)})
	must(t, err)
	for i := range 10 {
		put(t, c, "orders", fmt.Sprintf(`{"n":"%d"}`, i))
	}
	put(t, c, "orders", `{"n":"no"}`)
	put(t, c, "default", `{"n":"elsewhere"}`)
	for range 24 {
		<-to.got
	}
	must(t, r.stop())
	r = start(t, r.dir, r.disk)
	c = client(t, r.url)
	described, err := c.DescribeArchive(ctx, &eventbridge.DescribeArchiveInput{ArchiveName: aws.String("all")})
	must(t, err)
	if described.EventCount != 10 || described.SizeBytes < 10*139 || *described.RetentionDays != 3 || !described.CreationTime.Equal(*created.CreationTime) {
		t.Errorf("described %d events, %d bytes, %d days", described.EventCount, described.SizeBytes, *described.RetentionDays)
	}

	_, err = c.StartReplay(ctx, &eventbridge.StartReplayInput{
		ReplayName: aws.String("again"), EventSourceArn: created.ArchiveArn, EventStartTime: aws.Time(time.Now().Add(-time.Hour)), EventEndTime: aws.Time(time.Now().Add(time.Hour)),
		Destination: &types.ReplayDestination{Arn: bus, FilterArns: []string{arnOf + "rule/orders/b"}}, Description: aws.String("Once more."),
	})
	must(t, err)
	for i := range 10 {
		var e struct {
			Replay string `json:"replay-name"`
			Detail struct{ N string }
		}
		must(t, json.Unmarshal([]byte(<-to.got), &e))
		if e.Replay != "again" || e.Detail.N == "before" || e.Detail.N == "no" {
			t.Errorf("%d: got %+v", i, e)
		}
	}
	r.replayed(t, "again")
	again, err := c.DescribeReplay(ctx, &eventbridge.DescribeReplayInput{ReplayName: aws.String("again")})
	must(t, err)
	if again.State != types.ReplayStateCompleted || *again.Description != "Once more." || again.EventLastReplayedTime == nil || len(to.got) > 0 {
		t.Errorf("ended as %s with %d more, last %v", again.State, len(to.got), again.EventLastReplayedTime)
	}
	listed, err := c.ListReplays(ctx, &eventbridge.ListReplaysInput{EventSourceArn: created.ArchiveArn, State: types.ReplayStateCompleted})
	must(t, err)
	if len(listed.Replays) != 1 || *listed.Replays[0].ReplayName != "again" {
		t.Errorf("listed %+v", listed.Replays)
	}
	_, err = c.StartReplay(ctx, &eventbridge.StartReplayInput{
		ReplayName: aws.String("again"), EventSourceArn: created.ArchiveArn, EventStartTime: aws.Time(time.Now().Add(-time.Hour)), EventEndTime: aws.Time(time.Now()), Destination: &types.ReplayDestination{Arn: bus},
	})
	if _, ok := errors.AsType[*types.ResourceAlreadyExistsException](err); !ok {
		t.Errorf("got %v", err)
	}
}

// TestDeletedArchive: what lay in an archive is deleted with it, and one of the same name begins anew.
func TestDeletedArchive(t *testing.T) {
	r := startWith(t, "rules: []\n")
	c, ctx := client(t, r.url), t.Context()
	bus := aws.String(arnOf + "event-bus/default")
	archive := func() int64 {
		_, err := c.CreateArchive(ctx, &eventbridge.CreateArchiveInput{ArchiveName: aws.String("a"), EventSourceArn: bus})
		must(t, err)
		put(t, c, "default", `{}`)
		described, err := c.DescribeArchive(ctx, &eventbridge.DescribeArchiveInput{ArchiveName: aws.String("a")})
		must(t, err)
		return described.EventCount
	}
	files := func() (all []string) {
		found, err := filepath.Glob(filepath.Join(r.dir, "archives", "*", "a", "*"))
		must(t, err)
		return found
	}
	if got := archive(); got != 1 {
		t.Errorf("%d events", got)
	}
	eventually(t, func() bool { return len(files()) > 0 }) // the note whose it is
	_, err := c.DeleteArchive(ctx, &eventbridge.DeleteArchiveInput{ArchiveName: aws.String("a")})
	must(t, err)
	if left, err := filepath.Glob(filepath.Join(r.dir, "archives", "*")); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	if got := archive(); got != 1 {
		t.Errorf("%d events in the second of the name", got)
	}
}

// TestReplayOfAnArchiveOfEveryBus sends what was on the bus of the destination alone.
func TestReplayOfAnArchiveOfEveryBus(t *testing.T) {
	to := newSink(t)
	r := startWith(t, "buses: {orders: {}}\narchives: {all: {folder: all}}\ntargets: {a: {type: http, url: "+to.url+"}}\nrules:\n"+
		"  - {name: a, bus: orders, pattern: {source: [shop]}, targets: [a]}\n  - {name: b, pattern: {source: [shop]}, targets: [a]}\n")
	c := client(t, r.url)
	put(t, c, "orders", `{"n":1}`)
	put(t, c, "default", `{"n":2}`)
	<-to.got
	<-to.got
	got := r.answer(t, "StartReplay", fmt.Sprintf(`{"ReplayName":"p","EventSourceArn":"%sarchive/all","EventStartTime":1,"EventEndTime":%d,"Destination":{"Arn":"%sevent-bus/orders"}}`, arnOf, time.Now().Unix()+60, arnOf))
	if !strings.Contains(got, "STARTING") {
		t.Fatal(got)
	}
	if got := r.replayed(t, "p"); !strings.Contains(got, `"Destination":{"Arn":"`+arnOf+`event-bus/orders"}`) {
		t.Error(got)
	}
	if body := <-to.got; !strings.Contains(body, `"n":1`) || len(to.got) > 0 {
		t.Errorf("%s, and %d more", body, len(to.got))
	}
}

// TestQuotas: AWS's limits hold where the configuration says so.
func TestQuotas(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "rules: [rules.yaml]\naccount: \""+account+"\"\nregion: "+region+"\nquotas: {targets_per_rule: 2, replays_at_once: 1}\n")
	write(t, dir, "rules.yaml", "rules: [{name: r, pattern: {source: [shop]}, targets: [t]}]\ntargets: {t: {type: http, url: \"http://127.0.0.1:1\", retry: {max_age: 1h}}}\n")
	r := start(t, dir, store.InMemory())
	r.answer(t, "PutRule", `{"Name":"x","EventPattern":"{\"source\":[\"a\"]}"}`)
	const entries = `{"Id":"1","Arn":"arn:aws:sqs:eu-west-1:123456789012:q"},{"Id":"2","Arn":"arn:aws:sqs:eu-west-1:123456789012:q"}`
	if got := r.answer(t, "PutTargets", `{"Rule":"x","Targets":[`+entries+`]}`); !strings.Contains(got, `"FailedEntryCount":0`) {
		t.Error(got)
	}
	const limit = "LimitExceededException: The requested resource exceeds the maximum number allowed."
	if got := r.answer(t, "PutTargets", `{"Rule":"x","Targets":[{"Id":"3","Arn":"arn:aws:sqs:eu-west-1:123456789012:q"}]}`); got != limit {
		t.Error(got)
	}
	r.answer(t, "CreateArchive", `{"ArchiveName":"a","EventSourceArn":"`+arnOf+`event-bus/default"}`)
	put(t, client(t, r.url), "default", `{}`)
	replay := func(name string) string {
		return r.answer(t, "StartReplay", fmt.Sprintf(`{"ReplayName":"%s","EventSourceArn":"%sarchive/a","EventStartTime":1,"EventEndTime":%d,"Destination":{"Arn":"%sevent-bus/default"}}`, name, arnOf, time.Now().Unix()+60, arnOf))
	}
	if got := replay("p"); !strings.Contains(got, `"STARTING"`) {
		t.Error(got)
	}
	if got := replay("q"); got != limit {
		t.Error(got)
	}
	if got := r.answer(t, "CancelReplay", `{"ReplayName":"p"}`); got != `{"ReplayArn":"`+arnOf+`replay/p","State":"CANCELLING"}` {
		t.Error(got)
	}
	if got := r.replayed(t, "p"); !strings.Contains(got, `"State":"CANCELLED"`) {
		t.Error(got)
	}
}

// TestLostArchiveFolder: an archive whose files can't be read says so, and lists all the same.
func TestLostArchiveFolder(t *testing.T) {
	r := startWith(t, "rules: []\n")
	r.answer(t, "CreateArchive", `{"ArchiveName":"a","EventSourceArn":"`+arnOf+`event-bus/default"}`)
	folder := r.opts.Rules().Archives["a"].Folder
	eventually(t, func() bool { _, err := os.Stat(filepath.Join(folder, "a")); return err == nil })
	must(t, r.archiver.Stop(context.Background()))
	must(t, os.RemoveAll(folder))
	must(t, os.WriteFile(folder, nil, 0o600))
	if got := r.answer(t, "ListArchives", `{}`); !strings.Contains(got, `"StateReason":"`) {
		t.Errorf("got %s", got)
	}
}

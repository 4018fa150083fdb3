package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// writer puts rules and their targets by API until it is told that the program has gone, and notes what
// was answered.
type writer struct {
	client *eventbridge.Client
	prefix string
	rules  int // that were answered
	bound  int // of these, with their target
}

func (w *writer) run(ctx context.Context, done *atomic.Int64) {
	for w.bound == w.rules {
		name := aws.String(fmt.Sprintf("%s-%d", w.prefix, w.rules))
		if _, err := w.client.PutRule(ctx, &eventbridge.PutRuleInput{Name: name, EventPattern: aws.String(`{"source":["` + *name + `"]}`)}); err != nil {
			return
		}
		w.rules++
		done.Add(1)
		out, err := w.client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: name, Targets: []types.Target{
			{Id: aws.String("t"), Arn: aws.String("arn:aws:lambda:eu-west-1:123456789012:function:sink")},
		}})
		if err != nil || out.FailedEntryCount > 0 {
			return
		}
		w.bound++
		done.Add(1)
	}
}

// TestKillsWhileRulesAreMadeByAPI: each change that was answered is there after a kill, and none is there by half.
func TestKillsWhileRulesAreMadeByAPI(t *testing.T) {
	p := newProcess(t, "targets: {sink: {type: log}}\nrules: []\n")
	options := eventbridge.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(p.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
	client := eventbridge.New(options)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var all []*writer
	for round := range rounds(t, 3) {
		p.start()
		var done atomic.Int64
		var writing sync.WaitGroup
		for i := range 4 {
			w := &writer{client: client, prefix: fmt.Sprintf("r-%d-%d", round, i)}
			all = append(all, w)
			writing.Go(func() { w.run(ctx, &done) })
		}
		p.eventually(time.Minute, "changed", func() bool { return done.Load() > 330 })
		p.kill()
		writing.Wait()
	}
	p.start()
	options.RetryMaxAttempts = 5 // there may be connections of before
	client = eventbridge.New(options)
	for _, w := range all {
		rules, err := client.ListRules(ctx, &eventbridge.ListRulesInput{NamePrefix: aws.String(w.prefix + "-")})
		if err != nil {
			t.Fatal(err)
		}
		// The one under way when the program was killed may be there as well.
		if n := len(rules.Rules); n < min(w.rules, 100) || n > w.rules+1 {
			t.Errorf("%s: %d rules, %d were answered", w.prefix, n, w.rules)
		}
		for i := range w.rules {
			name := fmt.Sprintf("%s-%d", w.prefix, i)
			out, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name})
			if err != nil {
				t.Fatal(err)
			}
			if n := len(out.Targets); n > 1 || n == 0 && i < w.bound {
				t.Errorf("%s has %d targets", name, n)
			}
		}
	}
	p.verify()
}

// TestAStartWithABrokenFile: the rules of a file that has become invalid serve as they were last good, and block no
// change by API.
func TestAStartWithABrokenFile(t *testing.T) {
	p := newProcess(t, "targets: {sink: {type: log}}\nrules: [{name: filed, pattern: {source: [s]}, targets: [sink]}]\n")
	client := eventbridge.New(eventbridge.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(p.url), RetryMaxAttempts: 5,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	names := func() (all []string) {
		out, err := client.ListRules(t.Context(), &eventbridge.ListRulesInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Rules {
			all = append(all, *r.Name)
		}
		return all
	}
	put := func(name string) {
		t.Helper()
		if _, err := client.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(`{"source":["s"]}`)}); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	p.stop()
	p.write("rules.yaml", "rules: [{name: filed, pattern: {source: [s]}, targets: [gone]}]\n")
	p.start()
	if got := p.reload(); got == 200 {
		t.Error("the broken file was taken")
	}
	put("by-api")
	p.kill()
	p.start()
	put("by-api-2")
	if got, want := fmt.Sprint(names()), "[by-api by-api-2 filed]"; got != want {
		t.Errorf("%s serve, want %s", got, want)
	}
	p.write("rules.yaml", "targets: {sink: {type: log}}\nrules: [{name: mended, pattern: {source: [s]}, targets: [sink]}]\n")
	if got := p.reload(); got != 200 {
		t.Errorf("the mended file was not taken: %d", got)
	}
	if got, want := fmt.Sprint(names()), "[by-api by-api-2 mended]"; got != want {
		t.Errorf("%s serve, want %s", got, want)
	}
	p.verify()
}

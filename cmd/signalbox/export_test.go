package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// awsClient returns AWS's client of a router.
func (s *serving) awsClient() *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		Region: "local", BaseEndpoint: aws.String(s.url), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
}

// TestRulesExport: what was made by API is printed as rule files, which check accepts in a folder of another
// router.
func TestRulesExport(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "rules: []\n")
	s := startRouter(t, dir)
	if out := s.run("rules", "export"); out.code != 0 || out.stdout != "nothing was made by API\n" {
		t.Errorf("got %+v", out)
	}
	c, ctx := s.awsClient(), t.Context()
	_, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("big"), EventPattern: aws.String(`{"source":["shop"]}`), Description: aws.String("${HOME} \x1b[31m")})
	must(t, err)
	_, err = c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("big"), Targets: []types.Target{{Id: aws.String("q"), Arn: aws.String("arn:aws:sqs:eu-west-1:123456789012:q")}}})
	must(t, err)
	out := s.run("rules", "export")
	for _, want := range []string{"# rules/default/big.json\n{\n  \"Name\": \"big\",", "# targets.json\n", `"url": "sqs://eu-west-1/123456789012/q"`} {
		if !strings.Contains(out.stdout, want) || strings.Contains(out.stdout, "\x1b") {
			t.Errorf("got %q, want %q", out.stdout, want)
		}
	}
	other := t.TempDir()
	to := filepath.Join(other, "exported")
	if out := s.run("rules", "export", "--to", to); out.code != 0 || out.stdout != "2 files written to "+to+"\n" {
		t.Errorf("got %+v", out)
	}
	if out := s.run("rules", "export", "--to", to); out.code != 1 || !strings.Contains(out.stderr, "exists already: remove it, or name another folder") {
		t.Errorf("a second time: %+v", out)
	}
	write(t, other, "config.yaml", "rules: [exported]\n")
	if out := signalbox(t, "check", "--config", filepath.Join(other, "config.yaml")); out.code != 0 || !strings.Contains(out.stdout, "1 rule") {
		t.Errorf("the other router: %+v", out)
	}
	must(t, os.Remove(filepath.Join(to, "targets.json")))
	if out := signalbox(t, "check", "--config", filepath.Join(other, "config.yaml")); out.code == 0 {
		t.Errorf("without the targets: %+v", out)
	}
}

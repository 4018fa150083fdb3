package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// terraform runs Terraform, or OpenTofu, in a folder with the provider of AWS.
type terraform struct {
	t                *testing.T
	binary, dir, url string
}

// newTerraform returns one that manages a router.
func newTerraform(t *testing.T, url string) *terraform { return terraformIn(t, "terraform", url) }

// terraformIn returns one with the configuration of a folder of testdata.
func terraformIn(t *testing.T, folder, url string) *terraform {
	binary, plugins := cmp.Or(os.Getenv("TERRAFORM"), "terraform"), os.Getenv("TERRAFORM_PLUGINS")
	if _, err := exec.LookPath(binary); err != nil || plugins == "" {
		t.Skip("SKIPPED: needs terraform, and its provider of AWS in the folder of TERRAFORM_PLUGINS (terraform providers mirror)")
	}
	f := &terraform{t, binary, t.TempDir(), url}
	if err := os.CopyFS(f.dir, os.DirFS(filepath.Join("testdata", folder))); err != nil {
		t.Fatal(err)
	}
	f.run("1", "init", "-plugin-dir="+plugins)
	return f
}

func (f *terraform) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// run runs a command at a stage, and returns what it prints.
func (f *terraform) run(stage string, args ...string) string {
	f.t.Helper()
	command := exec.CommandContext(f.t.Context(), f.binary, args...)
	command.Dir = f.dir
	command.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1", "AWS_EC2_METADATA_DISABLED=true", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS_init=-no-color", "TF_CLI_ARGS_plan=-no-color", "TF_CLI_ARGS_apply=-no-color", "TF_CLI_ARGS_import=-no-color", "TF_CLI_ARGS_destroy=-no-color",
		"TF_VAR_url="+f.url, "TF_VAR_secret="+adminSecret, "TF_VAR_stage="+stage)
	out, err := command.CombinedOutput()
	if err != nil {
		f.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestTerraform: the provider of AWS makes, changes, imports and destroys all that it can, and puts right what was changed or deleted beside it;
// after each step a plan finds no difference.
func TestTerraform(t *testing.T) {
	p := newProcess(t, "targets: {hall: {type: log}}\nrules: []\n")
	config, err := os.ReadFile(filepath.Join(p.dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("config.yaml", string(config)+"auth: {keys: [{name: admin, id: admin-client, secret: "+adminSecret+", rights: [admin, send]}]}\nregion: eu-west-1 # the provider takes no ARN of a region that AWS does not have\nsecret_keys: [c2lnbmFsYm94LXRlc3Qta2V5LW9mLTMyLWJ5dGVzISE=]\n")
	p.start()
	f := newTerraform(t, p.url)
	same := func(stage string) {
		t.Helper()
		f.run(stage, "plan", "-detailed-exitcode") // which fails where there is a difference
	}
	apply := func(stage, want string) {
		t.Helper()
		out := f.run(stage, "apply", "-auto-approve")
		if !strings.Contains(out, want) {
			t.Errorf("stage %s: got\n%s\nwant %s", stage, out, want)
		}
		same(stage)
	}
	apply("1", "Apply complete! Resources: 12 added, 0 changed, 0 destroyed.")
	apply("2", "Apply complete! Resources: 0 added, 9 changed, 0 destroyed.\n\nOutputs:\n\n"+
		"bus = \"arn:aws:events:eu-west-1:000000000000:event-bus/orders\"\nbuses = \"default,open,orders\"\nconnection = \"OAUTH_CLIENT_CREDENTIALS\"\n")
	changeBeside(t, p.url)
	apply("2", "Apply complete! Resources: 3 added, 1 changed, 0 destroyed.")
	ids := map[string]string{
		"bus.orders": "orders", "permission.other": "orders/other", "rule.big": "orders/big", "archive.all": "all", "api_destination.orders": "crm-orders",
		"target.hall": "arn:aws:events:eu-west-1:000000000000:event-bus/orders/big/hall",
	}
	forget, imports := []string{"state", "rm"}, strings.Builder{}
	for resource, id := range ids {
		forget = append(forget, "aws_cloudwatch_event_"+resource)
		fmt.Fprintf(&imports, "import {\n  to = aws_cloudwatch_event_%s\n  id = %q\n}\n", resource, id)
	}
	f.run("2", forget...)
	f.write("import.tf", imports.String())
	apply("2", "Apply complete! Resources: 6 imported, 0 added, 0 changed, 0 destroyed.")
	f.write("import.tf", "")
	if out := f.run("2", "destroy", "-auto-approve"); !strings.Contains(out, "Destroy complete! Resources: 12 destroyed.") {
		t.Errorf("got\n%s", out)
	}
}

// changeBeside changes a rule that Terraform manages, and deletes another with its target, and an archive.
func changeBeside(t *testing.T, url string) {
	t.Helper()
	c := eventbridge.New(eventbridge.Options{
		Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("admin-client", adminSecret, ""),
	})
	targets, err := c.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("nightly")})
	if err != nil {
		t.Fatal(err)
	}
	_, enabled := c.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: aws.String("big"), EventBusName: aws.String("orders")})
	_, removed := c.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: aws.String("nightly"), Ids: []string{*targets.Targets[0].Id}})
	_, rule := c.DeleteRule(t.Context(), &eventbridge.DeleteRuleInput{Name: aws.String("nightly")})
	_, archive := c.DeleteArchive(t.Context(), &eventbridge.DeleteArchiveInput{ArchiveName: aws.String("all")})
	if err := errors.Join(enabled, removed, rule, archive); err != nil {
		t.Fatal(err)
	}
}

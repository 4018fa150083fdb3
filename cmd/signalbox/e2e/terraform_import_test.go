package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/rules"
)

// importOf returns the rule file of what a command prints.
func (f *terraform) importOf(args ...string) string {
	f.t.Helper()
	f.write("shown.json", f.run("1", args...))
	out, err := exec.Command(program, "import", filepath.Join(f.dir, "shown.json")).Output()
	if err != nil {
		f.t.Fatal(err)
	}
	return string(out)
}

// TestImportOfAPlan: a plan that Terraform makes now becomes what the recorded one does.
func TestImportOfAPlan(t *testing.T) {
	f := terraformIn(t, "terraform-import", "")
	f.run("1", "plan", "-out=plan")
	got := f.importOf("show", "-json", "plan")
	want, err := os.ReadFile(filepath.Join("..", "..", "..", "rules", "cfn", "testdata", "plan-of-provider-5.json.rules"))
	if err != nil || got != string(want) {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

// TestTerraformThereAndBack: Terraform plans what a router's rules become, and the plan becomes these rules.
func TestTerraformThereAndBack(t *testing.T) {
	f := terraformIn(t, "terraform-provider", "")
	const served = `
buses: {shop: {description: "All $x of %{y}"}}
connections: {crm: {auth: {api_key: {header: X-Key, value: a-secret-of-the-crm}}, headers: {X-T: a-secret-of-the-crm}}}
targets:
  orders: {type: http, description: Orders, url: "https://crm.example.com/orders/*", method: PUT, rate_limit: 7/s, auth: {connection: crm}}
  jobs: {type: sqs, url: "sqs://eu-west-1/123456789012/jobs.fifo", group: g, arn: "arn:aws:sqs:eu-west-1:123456789012:jobs.fifo"}
  dead: {type: sqs, url: "sqs://eu-west-1/123456789012/dead", arn: "arn:aws:sqs:eu-west-1:123456789012:dead"}
archives: {kept: {folder: archive, bus: shop, retention_days: 7, pattern: {source: [shop]}}}
rules:
  - {name: big, bus: shop, description: "Of ${x} and %{z}", state: disabled, pattern: {source: [shop], detail: {total: [{numeric: [">", 100.5]}], t: ["${a}", "<>&"]}}, targets: [
      {id: a, target: orders, input_path: $.detail, http_parameters: {path_parameter_values: [$.detail.id], header_parameters: {X-A: "%{b}"}, query_string_parameters: {q: $.id}}, retry: {max_attempts: 5, max_age: 1h}, dead_letter: dead},
      {id: b, target: jobs, input_transformer: {input_paths_map: {n: $.detail.n}, input_template: '{"n": <n>, "x": "${q}"}'}}]}
  - {name: tick, schedule: rate(5 minutes), targets: [{id: a, target: jobs, input: '{"a": "${b}"}'}]}
`
	p := newProcess(t, served)
	p.start()
	text, err := exec.Command(program, "export", "--format", "terraform", "--config", filepath.Join(p.dir, "config.yaml")).Output()
	if err != nil {
		t.Fatal(err)
	}
	f.write("export.tf.json", string(text))
	f.run("1", "plan", "-out=plan", "-var=connection-crm-ApiKeyValue=another-secret", "-var=connection-crm-X-T-Value=another-secret")
	imported := f.importOf("show", "-json", "plan")
	if strings.Contains(string(text)+imported, "-secret") {
		t.Errorf("a secret is in\n%s\n%s", text, imported)
	}
	t.Setenv("CRM_API_KEY_VALUE", "of-the-environment")
	t.Setenv("CRM_X_T", "of-the-environment")
	if before, after := saidBy(t, served), saidBy(t, imported); before != after {
		t.Errorf("the rules are\n%s\nand were\n%s\nin\n%s", after, before, imported)
	}
}

// saidBy is what the rules of TestTerraformThereAndBack say, whatever their targets are called.
func saidBy(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := rules.Load(rules.Source{Globs: []string{file}})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var out strings.Builder
	for _, name := range [][2]string{{"shop", "big"}, {rules.DefaultBus, "tick"}} {
		r := set.Rule(name[0], name[1])
		if r == nil {
			t.Fatalf("no rule %s in\n%s", name, text)
		}
		var pattern any
		if err := json.Unmarshal(r.Pattern.Source(), &pattern); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, r.Name, r.Description, r.State, pattern, r.Schedule)
		for _, e := range r.Targets {
			config, shown := set.Targets[e.Target], map[string]any{}
			config.Options.Show(shown)
			text, err := json.Marshal([]any{e.ID, shown["url"], shown["method"], shown["group"], shown["auth"], config.Description, config.RateLimit, e.Spec, e.HTTPParameters, e.Retry, set.Targets[e.DeadLetter].ARN})
			if err != nil {
				t.Fatal(err)
			}
			out.Write(append(text, '\n'))
		}
	}
	kept := set.Archives["kept"]
	fmt.Fprintln(&out, set.Buses["shop"].Description, kept.RetentionDays, string(kept.Pattern), kept.Bus)
	return out.String()
}

package cfn_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/rules"
	"signalbox/rules/cfn"
)

var update = flag.Bool("update", false, "write what templates become into testdata")

// TestTemplates: what templates and plans of all kinds become, with what is not said: every function of CloudFormation, every
// event of SAM that leads to a rule, a template of the CDK, and a plan and a state that Terraform 1.11 made with version
// 5.100 of the provider. No secret is in it, and check takes it once the environment has what it asks for.
func TestTemplates(t *testing.T) {
	for _, name := range []string{"functions.yaml", "sam.yaml", "cdk.template.json", "plan-of-provider-5.json", "state-of-provider-5.json"} {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := cfn.Convert(name, src)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".rules")
			if *update {
				if err := os.WriteFile(path, []byte(got.YAML), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || got.YAML != string(want) {
				t.Errorf("got %v\n%s\nwant what is in %s (-update writes it)", err, got.YAML, path)
			}
			for _, secret := range []string{"s3cret", "-of-the-crm"} {
				if strings.Contains(got.YAML+strings.Join(got.Notes, "\n"), secret) {
					t.Error("a secret is in the file or in a note")
				}
			}
			for _, note := range got.Notes {
				if !strings.Contains(got.YAML, "# "+note+"\n") {
					t.Errorf("the note %q is not in the file", note)
				}
			}
			for _, variable := range []string{"HOST", "CRM_CLIENT_SECRET", "CRM_KEY", "CRM_X_B", "CRM_SCOPE", "CRM_API_KEY_VALUE", "CRM_X_TENANT", "CRM_TOKEN"} {
				t.Setenv(variable, "of-the-environment")
			}
			t.Setenv("CRM_AUTHORIZATION_ENDPOINT", "https://login.example.com/token")
			file := filepath.Join(t.TempDir(), "imported.yaml")
			if err := os.WriteFile(file, []byte(got.YAML), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := rules.Load(rules.Source{Globs: []string{file}}); err != nil {
				t.Error(err)
			}
		})
	}
}

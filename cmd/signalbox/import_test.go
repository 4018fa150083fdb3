package main

import (
	"os"
	"path/filepath"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

func TestImport(t *testing.T) {
	dir := t.TempDir()
	template, to := filepath.Join(dir, "t.yaml"), filepath.Join(dir, "rules.yaml")
	const text = "Resources:\n  R:\n    Type: AWS::Events::Rule\n    Properties: {EventPattern: {source: [a]}, Targets: [{Id: t, Arn: !GetAtt q.Arn}]}\n"
	if err := os.WriteFile(template, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	signalbox(t, "import", template).want(t, cli.ExitOK, "- name: R", "1 rule, 1 target to fill in")
	signalbox(t, "import", template, "--output", "json").want(t, cli.ExitOK, `"rules": 1`, "")
	signalbox(t, "import", template, "--to", to).want(t, cli.ExitOK, "", "1 rule")
	signalbox(t, "import", template, "--to", to).want(t, cli.ExitError, "", "exists already")
	signalbox(t, "import", filepath.Join(dir, "absent.yaml")).want(t, cli.ExitError, "", "absent.yaml")
	signalbox(t, "check", template).want(t, cli.ExitError, "signalbox import", "")
	signalbox(t, "check", to).want(t, cli.ExitOK, "ok: 1 rule", "")
}

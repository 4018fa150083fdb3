package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"signalbox/cmd/signalbox/internal/cli"
)

// asProgram is the variable by which a test runs the program itself in a process of its own.
const asProgram = "SIGNALBOX_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	// A collection under way when a router stops ends by itself.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime/debug.FreeOSMemory"))
}

var update = flag.Bool("update", false, "write the golden files anew")

// outcome is what a command has done.
type outcome struct {
	code           int
	stdout, stderr string
}

// signalbox runs a command in this process, with an empty standard input.
func signalbox(t *testing.T, args ...string) outcome {
	t.Helper()
	return signalboxIn(t, "", args...)
}

func signalboxIn(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return outcome{code, out.String(), errs.String()}
}

// write writes a file below a directory, and gives its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (o outcome) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if o.code != code || !strings.Contains(o.stdout, stdout) || !strings.Contains(o.stderr, stderr) {
		t.Errorf("exit code %d, want %d\nstdout: %s\n  want: %s\nstderr: %s\n  want: %s", o.code, code, o.stdout, stdout, o.stderr, stderr)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	good := write(t, dir, "good.yaml", "rules: [rules.yaml]\n")
	write(t, dir, "rules.yaml", "targets:\n  out: {type: log}\nrules:\n  - {name: a, pattern: {source: [x]}, targets: [out]}\n")
	bad := write(t, dir, "bad.yaml", "listen: nowhere\nrules: [broken.yaml]\nlisten_on: x\n")
	down := "--url=http://127.0.0.1:1"
	must(t, os.Mkdir(filepath.Join(dir, "explained"), 0o700))
	write(t, filepath.Join(dir, "explained"), "r.yaml", "targets: {out: {type: log}}\nrules:\n  - {name: a, pattern: {source: [shop]}, targets: [out]}\n")
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"no command", nil, cli.ExitOK, "Available Commands", ""},
		{"unknown command", []string{"chekc"}, cli.ExitUsage, "", `unknown command "chekc" (did you mean "check"?)`},
		{"unknown command of dlq", []string{"dlq", "lst"}, cli.ExitUsage, "", `unknown command "lst" (did you mean "list"?)`},
		{"unknown flag", []string{"check", "--nope"}, cli.ExitUsage, "", `See "signalbox check --help"`},
		{"too many arguments", []string{"version", "x"}, cli.ExitUsage, "", `"x": one argument too many; write signalbox version`},
		{"an argument missing", []string{"trace"}, cli.ExitUsage, "", "an argument is missing; write signalbox trace <event id | correlation id>"},
		{"misspelt flag", []string{"send", "--dryrun", "x.json"}, cli.ExitUsage, "", "unknown flag: --dryrun (did you mean \"--dry-run\"?)"},
		{"a duration without a unit", []string{"targets", "drain", "x", "--timeout", "5"}, cli.ExitUsage, "", "write a number and its unit"},
		{"version as a flag", []string{"--version"}, cli.ExitOK, "signalbox ", ""},
		{"wrong output", []string{"version", "-o", "xml"}, cli.ExitUsage, "", `"xml" is neither text nor json`},
		{"version", []string{"version"}, cli.ExitOK, "signalbox ", ""},
		{"version as JSON", []string{"version", "--output=json"}, cli.ExitOK, `"go": "go1.`, ""},
		{"completion", []string{"completion", "bash"}, cli.ExitOK, "__start_signalbox", ""},

		{"no configuration", []string{"serve", "--config", filepath.Join(dir, "none.yaml")}, cli.ExitError, "", "none.yaml: no such file; write one"},
		{"faulty configuration", []string{"serve", "--config", bad}, cli.ExitError, "", "bad.yaml:1:9: listen: must be host:port"},
		{"check", []string{"check", "--config", good}, cli.ExitOK, "ok: 1 rule and 1 target in 1 file\n", ""},
		{"check names all faults", []string{"check", "--config", bad}, cli.ExitError, `bad.yaml:3:1: unknown key "listen_on" (did you mean "listen"?)`, ""},
		{"check of a missing file", []string{"check", "--config", good, filepath.Join(dir, "nope.yaml")}, cli.ExitError, "nope.yaml: no such file or directory\n1 error", ""},

		{"match", []string{"match", "--pattern", `{"a":[1]}`, "--event", `{"a":1.0}`}, cli.ExitOK, "true\n", ""},
		{"no match", []string{"match", "--pattern", `{"a":[1]}`, "--event", `{"a":"1"}`}, cli.ExitError, "false\n", ""},
		{"no match explained", []string{"match", "--explain", "--pattern", `{"a":[1]}`, "--event", `{"a":"1"}`}, cli.ExitError, "false\n  a: ", ""},
		{"faulty pattern", []string{"match", "--pattern", `{"a":[]}`, "--event", `{}`}, cli.ExitUsage, "", "Empty arrays are not allowed"},
		{"faulty event", []string{"match", "--pattern", `{"a":[1]}`, "--event", `[1]`}, cli.ExitError, "", "event is not a JSON object"},
		{"half a match", []string{"match", "--pattern", `{"a":[1]}`}, cli.ExitUsage, "", "--pattern and --event are both needed"},
		{"both from standard input", []string{"match", "--pattern", "-", "--event", "-"}, cli.ExitUsage, "", "only one of"},
		{"pairs and a pattern", []string{"match", "--jsonl", "--pattern", "{}"}, cli.ExitUsage, "", "leave out --pattern"},

		{"match as JSON", []string{"match", "--pattern", `{"a":[1]}`, "--event", `{"a":2}`, "-o", "json"}, cli.ExitError, `"matched": false`, ""},
		{"pairs as JSON", []string{"match", "--jsonl", "-o", "json"}, cli.ExitUsage, "", "--output"},

		{"test without tests", []string{"test", "--config", good}, cli.ExitOK, "0 passed, 0 failed", "no tests"},
		{"test of nothing", []string{"test", "--config", good, filepath.Join(dir, "none_test.yaml")}, cli.ExitError, "", "no such file"},
		{"test of a name that no test has", []string{"test", "--config", good, "--run", "typo"}, cli.ExitError, "", "--run typo: no test has such a name"},
		{"test with a bad expression", []string{"test", "--run", "("}, cli.ExitUsage, "", "--run: "},

		{"send nothing", []string{"send"}, cli.ExitUsage, "", "name a file"},
		{"send a command that is a query", []string{"send", down, "--source", "x", "--command", "--query"}, cli.ExitUsage, "", "--command and --query: a message is one of them"},
		{"send nothing and wait", []string{"send", down, "--source", "x", "--wait", "1s", "--dry-run"}, cli.ExitUsage, "", "nothing is sent that could be waited for"},
		{"send and wait for ever", []string{"send", down, "--source", "x", "--command", "--wait", "5m"}, cli.ExitUsage, "", "--wait 5m0s: write a time up to 1m0s"},
		{"send without a router", []string{"send", down, "--source", "x"}, cli.ExitError, "",
			"signalbox: can't reach the router at http://127.0.0.1:1: connection refused; is `signalbox serve` running? (--url)\n"},
		{"send broken JSON", []string{"send", down, `{"a":`}, cli.ExitError, "", "not valid JSON, in or after line 1"},
		{"send a detail that is no object", []string{"send", down, "--source", "x", "--detail", "[1]"}, cli.ExitUsage, "", "--detail: write a JSON object"},
		{"address without a scheme", []string{"dlq", "list", "--url", "localhost:8080"}, cli.ExitUsage, "", "write an address such as"},
		{"explain by files", []string{"explain", `{"source":"shop","detail-type":"T","detail":{}}`, "--config", good, "--rules", filepath.Join(dir, "explained")}, cli.ExitOK, "matched (1)\n  a -> out\n", ""},
		{"explain what flags say", []string{"explain", "--source", "shap", "--detail-type", "T", "--rules", filepath.Join(dir, "explained")}, cli.ExitOK, `source: "shap", wanted "shop"`, ""},
		{"explain a misspelt rule", []string{"explain", "--source", "shop", "--detail-type", "T", "--rules", filepath.Join(dir, "explained"), "--rule", "aa"}, cli.ExitError, "", `no rule "aa" on bus "default" (did you mean "a"?)`},
		{"explain by missing files", []string{"explain", "--source", "shop", "--rules", filepath.Join(dir, "nowhere")}, cli.ExitError, "", "no such file or directory"},
		{"explain an id by files", []string{"explain", "0199a4c2", "--rules", dir}, cli.ExitUsage, "", "the id of an event can't stand beside --rules"},
		{"explain nothing", []string{"explain", down}, cli.ExitUsage, "", "name a file, an event id"},
		{"explain two events", []string{"explain", down, `[{},{}]`}, cli.ExitUsage, "", "holds 2 events"},

		{"list without a router", []string{"dlq", "list", down}, cli.ExitError, "", "is `signalbox serve` running?"},
		{"list since nonsense", []string{"dlq", "list", down, "--since", "soon"}, cli.ExitUsage, "", `--since "soon": write a time`},
		{"list with a broken pattern", []string{"dlq", "list", down, "--pattern", "{"}, cli.ExitUsage, "", "--pattern: not valid JSON"},
		{"replay nothing", []string{"dlq", "replay", down}, cli.ExitUsage, "", "or all of them with --all"},
		{"replay all and some", []string{"dlq", "replay", down, "--all", "--target", "x"}, cli.ExitUsage, "", "leave one of them out"},
		{"replay with nobody to ask", []string{"dlq", "redrive", down, "--all"}, cli.ExitUsage, "", "give --yes or --dry-run"},
		{"replay at a bad rate", []string{"dlq", "replay", down, "--all", "--rate", "fast"}, cli.ExitUsage, "", "--rate"},
		{"replay as nonsense", []string{"dlq", "replay", down, "--all", "--yes", "--as", "new"}, cli.ExitUsage, "", "write stored or current"},
		{"replay with no attempts", []string{"dlq", "replay", down, "--all", "--yes", "--attempts", "0"}, cli.ExitUsage, "", "--attempts must be at least 1"},
		{"cancel no redrive", []string{"dlq", "redrives", down, "--cancel"}, cli.ExitUsage, "", "say which redrive"},
		{"replay of an empty id", []string{"dlq", "replay", down, "--yes", ""}, cli.ExitUsage, "", "an argument is empty"},
		{"purge with nobody to ask", []string{"dlq", "purge", down, "--target", "x"}, cli.ExitUsage, "", "give --yes or --dry-run"},

		{"discover since nonsense", []string{"catalog", "discover", down, "--since", "soon"}, cli.ExitUsage, "", `--since "soon": write a time`},
		{"export in no form", []string{"catalog", "export", "--config", good, "--format", "pdf"}, cli.ExitUsage, "", `"pdf" is none of asyncapi, markdown, html`},
		{"export in a form", []string{"catalog", "export", "--config", good, "--format", "markdown"}, cli.ExitOK, "# Message catalog", ""},
		{"export in a form by --output", []string{"catalog", "export", "--config", good, "-o", "markdown"}, cli.ExitOK, "# Message catalog", ""},
		{"table as JSON", []string{"table", "--config", good, "-o", "json"}, cli.ExitOK, `"service": "out"`, ""},
		{"graph as JSON", []string{"graph", "--config", good, "-o", "json"}, cli.ExitOK, `"shape": "rule"`, ""},

		{"bench without events", []string{"bench"}, cli.ExitUsage, "", "--events is needed"},
		{"bench of a missing file", []string{"bench", "--patterns", filepath.Join(dir, "p"), "--events", "e"}, cli.ExitError, "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signalbox(t, tt.args...).want(t, tt.code, tt.stdout, tt.stderr)
		})
	}
}

func TestInterruptedCommandSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"dlq", "list", "--url=http://127.0.0.1:1"}, strings.NewReader(""), &out, &errs)
	outcome{code, out.String(), errs.String()}.want(t, cli.ExitError, "", "signalbox: interrupted\n")
}

// allCommands returns a command and all below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// TestCommandsAreAlike holds what people expect of every command once they know one.
func TestCommandsAreAlike(t *testing.T) {
	for _, cmd := range allCommands(newRootCommand(new(cli.Env))) {
		name := cmd.CommandPath()
		if !cmd.HasSubCommands() && name != "signalbox serve" && name != "signalbox schema" && cmd.Flags().ShorthandLookup("o") == nil {
			t.Errorf("%s has no --output", name)
		}
		if key := cmd.Flag("api-key"); (cmd.Flag("url") == nil) != (key == nil) {
			t.Errorf("%s has one of --url and --api-key", name)
		}
		for line := range strings.Lines(cmd.Long) {
			if n := utf8.RuneCountInString(strings.TrimSpace(line)); n > 86 {
				t.Errorf("%s: a line of its help has %d characters: %s", name, n, line)
			}
		}
	}
}

// TestHelp holds docs/commands.md against the help of all commands.
func TestHelp(t *testing.T) {
	var all strings.Builder
	all.WriteString("# Commands\n\nWhat `--help` prints for each command.\n")
	for _, cmd := range allCommands(newRootCommand(new(cli.Env))) {
		call := cmd.CommandPath() + " --help"
		o := signalbox(t, strings.Fields(call)[1:]...)
		o.want(t, cli.ExitOK, "Examples:", "")
		all.WriteString("\n## " + cmd.CommandPath() + "\n\n```\n" + strings.TrimSpace(o.stdout) + "\n```\n")
	}
	golden := filepath.Join("..", "..", "docs", "commands.md")
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if all.String() != string(want) {
		t.Errorf("the help texts differ from %s; if that is meant: go test ./cmd/signalbox -run TestHelp -update\n%s", golden, all.String())
	}
}

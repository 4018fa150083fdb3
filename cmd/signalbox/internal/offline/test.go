package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/rules/ruletest"
)

func newTestCommand(c *cli.Env) *cobra.Command {
	t := testCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "test [test file or directory]...",
		Short: "Run the tests of the rules",
		Long: `Run tests of rules: files that end in _test.yaml or .test.yaml. Each test has an
event and says which rules match it, which targets get it, and with what body.
Without arguments, the tests beside the rule files of the configuration are run.
Nothing is sent, and no running router is needed.

Exit codes: 0 all passed, 1 some failed or can't be run, 2 wrong usage.`,
		Example: "  signalbox test\n  signalbox test rules/orders_test.yaml --run big -v\n  signalbox test --junit report.xml",
		RunE:    func(_ *cobra.Command, args []string) error { return t.run(args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&t.only, "run", "", "run the tests whose name this regular expression matches")
	flags.StringVar(&t.junit, "junit", "", "also write a JUnit report to this file")
	flags.BoolVarP(&t.verbose, "verbose", "v", false, "print a line for each test")
	t.output.Flag(cmd)
	return cmd
}

type testCommand struct {
	*cli.Env
	only, junit string
	verbose     bool
	output      cli.Format
}

func (t *testCommand) run(paths []string) error {
	results, err := t.results(paths)
	if err != nil {
		return err
	}
	if err := t.print(results); err != nil {
		return err
	}
	if t.junit != "" {
		if err := t.writeJUnit(results); err != nil {
			return err
		}
	}
	if len(results) == 0 && t.only != "" {
		return fmt.Errorf("--run %s: no test has such a name", t.only)
	}
	for i := range results {
		if !results[i].Passed() {
			return cli.ErrReported
		}
	}
	return nil
}

func (t *testCommand) print(results []ruletest.Result) error {
	if t.output == cli.JSON {
		return ruletest.WriteJSON(t.Stdout, results)
	}
	return ruletest.WriteText(t.Stdout, results, t.verbose)
}

func (t *testCommand) results(paths []string) ([]ruletest.Result, error) {
	only, err := regexp.Compile(t.only) // an empty one matches all
	if err != nil {
		return nil, cli.WrongUsage("--run: %v", err)
	}
	cfg, set, err := t.Load()
	if err != nil {
		return nil, err
	}
	if len(paths) > 0 {
		paths, err = ruletest.Expand(paths)
	} else {
		paths, err = ruletest.Discover(set)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tests: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		fmt.Fprintln(t.Stderr, "no tests: they stand beside the rules in files that end in _test.yaml")
	}
	files, err := ruletest.Load(paths)
	if err != nil {
		return nil, err
	}
	return ruletest.Run(set, files, ruletest.Options{Run: only, Account: cfg.Account, Region: cfg.Region})
}

func (t *testCommand) writeJUnit(results []ruletest.Result) error {
	f, err := os.Create(t.junit)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return errors.Join(ruletest.WriteJUnit(f, results), f.Close())
}

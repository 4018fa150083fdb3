package offline

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/flow"
)

func newTableCommand(c *cli.Env) *cobra.Command {
	t := tableCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Print the event design table: what takes which event, acts, and emits",
		Long: `Print the event design table of the rules: a row for each entry of a rule, with the
messages that it takes, the target that acts on them (the service), the entry's id
(the action), the messages that the entry or its target declares under emits:, and
the rule's description. Needs no running router.

With --check the table in a file, in Markdown or CSV, is compared with the rules.

Exit codes: 0 all is well, 1 a failure or a difference, 2 wrong usage.`,
		Example: `  signalbox table
  signalbox table --output html > table.html
  signalbox table --check docs/events.md`,
		Args: cli.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error { return t.run() },
	}
	t.output.FlagOf(cmd, "markdown", "csv", "html", cli.JSON)
	cmd.Flags().StringVar(&t.check, "check", "", "compare the table in this file with the rules")
	return cmd
}

type tableCommand struct {
	*cli.Env
	output cli.Choice
	check  string
}

func (t *tableCommand) run() error {
	f, err := flowOf(t.Env)
	if err != nil {
		return err
	}
	rows := f.Table()
	if t.check != "" {
		return t.compare(rows)
	}
	write := map[cli.Format]func(io.Writer, []flow.Row) error{"markdown": flow.WriteMarkdown, "csv": flow.WriteCSV, "html": flow.WriteHTML, cli.JSON: flow.WriteJSON}
	return write[t.output.Format](t.Stdout, rows)
}

// compare prints where the table in a file differs from the rules.
func (t *tableCommand) compare(rows []flow.Row) error {
	text, err := os.ReadFile(t.check)
	if err != nil {
		return err
	}
	drift, err := flow.Compare(text, rows)
	if err != nil {
		return fmt.Errorf("%s: %w", t.check, err)
	}
	if t.output.Format == cli.JSON {
		if err := cli.PrintJSON(t.Stdout, map[string]any{"ok": len(drift) == 0, "drift": append([]flow.Drift{}, drift...)}); err != nil {
			return err
		}
		return t.verdict(drift)
	}
	for _, d := range drift {
		if d.Line > 0 {
			fmt.Fprintf(t.Stdout, "%s:%d: %s\n", t.check, d.Line, d.Message)
		} else {
			fmt.Fprintf(t.Stdout, "%s: %s\n", t.check, d.Message)
		}
	}
	if len(drift) == 0 {
		fmt.Fprintf(t.Stdout, "%s: says what the rules do, in %s\n", t.check, cli.Count(len(rows), "row"))
	}
	return t.verdict(drift)
}

// verdict is a failure where the table differs.
func (t *tableCommand) verdict(drift []flow.Drift) error {
	if len(drift) > 0 {
		return cli.ErrReported
	}
	return nil
}

// flowOf returns the flow of the configured rules.
func flowOf(c *cli.Env) (*flow.Flow, error) {
	_, set, err := c.Load()
	if err != nil {
		return nil, err
	}
	return flow.Of(set, flow.Declared(set.Catalog))
}

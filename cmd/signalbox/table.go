package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"signalbox/flow"
)

func newTableCommand(c *cli) *cobra.Command {
	t := tableCommand{cli: c}
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
		Args: takes(0, 0),
		RunE: func(*cobra.Command, []string) error { return t.run() },
	}
	t.output.flagOf(cmd, "markdown", "csv", "html", formatJSON)
	cmd.Flags().StringVar(&t.check, "check", "", "compare the table in this file with the rules")
	return cmd
}

type tableCommand struct {
	*cli
	output choice
	check  string
}

func (t *tableCommand) run() error {
	f, err := t.flow()
	if err != nil {
		return err
	}
	rows := f.Table()
	if t.check != "" {
		return t.compare(rows)
	}
	write := map[format]func(io.Writer, []flow.Row) error{"markdown": flow.WriteMarkdown, "csv": flow.WriteCSV, "html": flow.WriteHTML, formatJSON: flow.WriteJSON}
	return write[t.output.format](t.stdout, rows)
}

// compare tells where the table in a file differs from the rules.
func (t *tableCommand) compare(rows []flow.Row) error {
	text, err := os.ReadFile(t.check)
	if err != nil {
		return err
	}
	drift, err := flow.Compare(text, rows)
	if err != nil {
		return fmt.Errorf("%s: %w", t.check, err)
	}
	if t.output.format == formatJSON {
		if err := printJSON(t.stdout, map[string]any{"ok": len(drift) == 0, "drift": append([]flow.Drift{}, drift...)}); err != nil {
			return err
		}
		return t.verdict(drift)
	}
	for _, d := range drift {
		if d.Line > 0 {
			fmt.Fprintf(t.stdout, "%s:%d: %s\n", t.check, d.Line, d.Message)
		} else {
			fmt.Fprintf(t.stdout, "%s: %s\n", t.check, d.Message)
		}
	}
	if len(drift) == 0 {
		fmt.Fprintf(t.stdout, "%s: says what the rules do, in %s\n", t.check, count(len(rows), "row"))
	}
	return t.verdict(drift)
}

// verdict is a failure where the table differs.
func (t *tableCommand) verdict(drift []flow.Drift) error {
	if len(drift) > 0 {
		return errReported
	}
	return nil
}

// flow returns the flow of the configured rules.
func (c *cli) flow() (*flow.Flow, error) {
	_, set, err := c.load()
	if err != nil {
		return nil, err
	}
	return flow.Of(set, flow.Declared(set.Catalog))
}

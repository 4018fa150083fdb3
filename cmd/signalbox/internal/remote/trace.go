package remote

import (
	"context"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/trace"

	"github.com/spf13/cobra"
)

// formatMermaid is a diagram in Mermaid's language.
const formatMermaid cli.Format = "mermaid"

func newTraceCommand(c *cli.Env) *cobra.Command {
	t := traceCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "trace <event id | correlation id>",
		Short: "Show what came of an event: rules, deliveries, attempts, derived events",
		Long: `Show the story of an event as a tree: when and where it was taken in, what the
rules said, each delivery with its attempts and answers, and the events that it
led to, down to the last. Of a correlation id all events that bear it are shown.

What came of deliveries that have ended is kept as long as the event, unless the
configuration says trace: off.`,
		Example: `  signalbox trace 0199a4c2-8f1e-7000-8000-5f3c9a1b2d4e
  signalbox trace order-4711 --output mermaid`,
		Args: cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args[0]) },
	}
	t.Connection.Flags(cmd)
	cmd.Flags().BoolVar(&t.correlation, "correlation", false, "take the id for a correlation id, though an event has it too")
	cmd.Flags().IntVar(&t.limit, "limit", 0, "show at most this many events (default 1000)")
	t.output.FlagOf(cmd, cli.Text, cli.JSON, formatMermaid)
	return cmd
}

type traceCommand struct {
	*cli.Env
	connect.Connection
	correlation bool
	limit       int
	output      cli.Choice
}

func (t *traceCommand) run(ctx context.Context, id string) error {
	conn, err := t.Client(t.Env)
	if err != nil {
		return err
	}
	ask := conn.Events.Trace
	if t.correlation {
		ask = conn.Events.TraceCorrelation
	}
	trace, err := ask(ctx, id, t.limit)
	if err != nil {
		return err
	}
	switch t.output.Format {
	case cli.JSON:
		return cli.PrintJSON(t.Stdout, trace)
	case formatMermaid:
		return t.printed(mermaidOf(trace))
	}
	return t.printed(treeOf(trace))
}

func (t *traceCommand) printed(text string) error {
	_, err := t.Stdout.Write([]byte(text))
	return err
}

// treeOf is a trace for people.
func treeOf(t *trace.Trace) string {
	var tree traceTree
	for i, root := range t.Roots {
		if i > 0 {
			tree.b.WriteByte('\n')
		}
		tree.root(root)
	}
	if len(t.Notes) > 0 {
		tree.b.WriteByte('\n')
	}
	for _, note := range t.Notes {
		tree.b.WriteString("note: " + note + "\n")
	}
	return tree.b.String()
}

package offline

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/rules/pattern"
	"signalbox/rules/pattern/jsonl"
)

func newMatchCommand(c *cli.Env) *cobra.Command {
	m := matchCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "match",
		Short: "Match one pattern against one event, or many pairs of them",
		Long: `Match a pattern against an event. Both are given as a file, as JSON, or as -
for standard input. Needs no running router and no configuration.

With --jsonl, lines of {"pattern": …, "event": …} are read from the file, or from
standard input, and true, false, or "error: …" is printed for each. Text that is
not JSON can stand in a string as "pattern_raw" or "event_raw".

Exit codes: 0 the event matches, 1 it does not match or can't be read, 2 the pattern
is invalid, or wrong usage. With --jsonl 0 unless the lines can't be read.`,
		Example: `  signalbox match --pattern '{"source": ["shop.orders"]}' --event event.json
  signalbox match --pattern pattern.json --event event.json --explain
  signalbox match --jsonl < pairs.jsonl`,
		Args: cli.Takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return m.run(args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&m.pattern, "pattern", "", "the pattern: a file, JSON, or -")
	flags.StringVar(&m.event, "event", "", "the event: a file, JSON, or -")
	flags.BoolVar(&m.explain, "explain", false, "say which field does not match, and why")
	flags.BoolVar(&m.strict, "strict", false, "refuse patterns that are probably not what was meant")
	flags.BoolVar(&m.extensions, "extensions", false, "allow the operators that EventBridge does not have")
	flags.BoolVar(&m.lines, "jsonl", false, "read pairs, one a line")
	m.output.Flag(cmd)
	return cmd
}

type matchCommand struct {
	*cli.Env
	pattern, event              string
	explain, strict, extensions bool
	lines                       bool
	output                      cli.Format
}

func (m *matchCommand) options() pattern.Options {
	return pattern.Options{Strict: m.strict, Extensions: m.extensions}
}

func (m *matchCommand) run(args []string) error {
	switch {
	case m.lines && (m.pattern != "" || m.event != "" || m.explain || m.output == cli.JSON):
		return cli.WrongUsage("--jsonl reads patterns and events from its lines: leave out --pattern, --event, --explain and --output")
	case m.lines:
		return m.pairs(args)
	case len(args) > 0:
		return cli.WrongUsage("%q: files are arguments with --jsonl alone; else use --pattern and --event", args[0])
	case m.pattern == "" || m.event == "":
		return cli.WrongUsage("--pattern and --event are both needed (or --jsonl)")
	case m.pattern == "-" && m.event == "-":
		return cli.WrongUsage("only one of --pattern and --event can be standard input")
	}
	return m.one()
}

// one matches one pair.
func (m *matchCommand) one() error {
	text, err := m.ReadInput("pattern", m.pattern)
	if err != nil {
		return err
	}
	event, err := m.ReadInput("event", m.event)
	if err != nil {
		return err
	}
	p, err := pattern.Parse(text, m.options())
	if err != nil {
		return cli.WrongUsage("--pattern: %w", err)
	}
	x, err := p.Explain(event)
	if err != nil {
		return err
	}
	if err := m.print(x); err != nil || x.Matched {
		return err
	}
	return cli.ErrReported
}

func (m *matchCommand) print(x pattern.Explanation) error {
	if m.output == cli.JSON {
		return cli.PrintJSON(m.Stdout, x)
	}
	fmt.Fprintln(m.Stdout, x.Matched)
	if m.explain {
		for _, f := range x.Failures {
			fmt.Fprintln(m.Stdout, "  "+f.String())
		}
	}
	return nil
}

// pairs matches pair by pair, and prints a line for each.
func (m *matchCommand) pairs(args []string) error {
	in := m.Stdin
	if len(args) > 0 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	return jsonl.Match(in, m.Stdout, m.options())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/config"
)

// The codes that the program exits with.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// usageError says that a command was called wrongly.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func wrongUsage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errReported ends a command with a failure that its output has told already.
var errReported = errors.New("reported")

// cli is what all commands share.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	// These are flags of every command.
	configPath string
}

// run is the program: it runs one command and gives the code to exit with.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.rootCommand()
	root.SetArgs(append([]string{}, args...)) // not nil, which cobra takes for the arguments of the process
	cmd, err := root.ExecuteContextC(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitError
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "signalbox: %v\nSee %q.\n", err, cmd.CommandPath()+" --help")
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		fmt.Fprintln(stderr, "signalbox: interrupted")
		return exitError
	}
	fmt.Fprintf(stderr, "signalbox: %v\n", err)
	var problem *api.Error
	if errors.As(err, &problem) {
		for _, fault := range problem.Errors {
			fmt.Fprintln(stderr, "  "+fault)
		}
	}
	return exitError
}

func (c *cli) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "signalbox",
		Short: "Route events by rules that you edit while it runs",
		Long: `Signalbox takes in events over HTTP, matches them on source, detail-type and
content against rule files that people edit while it runs, and hands them to
HTTP, queue, log and bus targets, with retries, dead letters and dry runs.

Exit codes: 0 all is well, 1 a failure, 2 wrong usage.`,
		Example: `  signalbox serve
  signalbox check
  signalbox send event.json --dry-run
  signalbox dlq list --since 1h`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.PersistentFlags().StringVar(&c.configPath, "config", config.DefaultPath, "the configuration file")
	root.AddCommand(
		c.serveCommand(),
		c.checkCommand(),
		c.testCommand(),
		c.matchCommand(),
		c.sendCommand(),
		c.explainCommand(),
		c.traceCommand(),
		c.workCommand(),
		c.stateCommand(),
		c.dlqCommand(),
		c.keysCommand(),
		c.catalogCommand(),
		c.tableCommand(),
		c.graphCommand(),
		c.verifyCommand(),
		c.benchCommand(),
		c.versionCommand(),
	)
	root.AddCommand(c.targetsCommand(), c.rulesCommand())
	return root
}

// noSuchCommand is the Args of a command that does nothing without a subcommand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // as cobra has it where it makes suggestions itself
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf(" (did you mean %q?)", strings.Join(like, `" or "`))
	}
	return wrongUsage("unknown command %q%s", args[0], hint)
}

// positional makes a cobra check of arguments an error of usage.
func positional(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{err}
		}
		return nil
	}
}

// notEmpty refuses empty arguments, which an unset variable of a shell leaves.
func notEmpty(_ *cobra.Command, args []string) error {
	if slices.Contains(args, "") {
		return errors.New("an argument is empty")
	}
	return nil
}

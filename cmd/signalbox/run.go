package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	stderr = &printable{w: stderr}
	c := &cli{stdin: stdin, stdout: &printable{w: stdout}, stderr: stderr}
	root := newRootCommand(c)
	root.SetArgs(append([]string{}, args...)) // not nil, which cobra takes for the arguments of the process
	cmd, err := root.ExecuteContextC(ctx)
	stderr = c.stderr // which serve has replaced
	if o, ok := stderr.(interface{ Sync() error }); ok {
		defer func() { _ = o.Sync() }()
	}
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
	if errors.As(err, &problem) && !told(problem) {
		for _, fault := range problem.Faults() {
			fmt.Fprintln(stderr, "  "+fault)
		}
	}
	return exitError
}

// told reports whether the message of an error says already what its one fault says.
func told(e *api.Error) bool {
	faults := e.Faults()
	return len(faults) == 1 && strings.HasSuffix(faults[0], ": "+e.Message)
}

// commandList are those below signalbox. Each has a file of its own.
var commandList = []func(*cli) *cobra.Command{
	newServeCommand, newCheckCommand, newImportCommand, newTestCommand, newMatchCommand, newSendCommand, newExplainCommand, newTraceCommand,
	newWorkCommand, newStateCommand, newDlqCommand, newKeysCommand, newTargetsCommand, newRulesCommand, newCatalogCommand, newTableCommand,
	newGraphCommand, newAuditCommand, newVerifyCommand, newBackupCommand, newRestoreCommand, newBenchCommand, newVersionCommand,
}

func newRootCommand(c *cli) *cobra.Command {
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
		Version:       thisBuild().Version,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("signalbox {{.Version}}\n")
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(wrongFlag)
	root.PersistentFlags().StringVar(&c.configPath, "config", config.DefaultPath, "the configuration file")
	for _, command := range commandList {
		root.AddCommand(command(c))
	}
	return root
}

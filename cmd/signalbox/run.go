package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/cmd/signalbox/internal/archives"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/clusters"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/cmd/signalbox/internal/deadletters"
	"signalbox/cmd/signalbox/internal/offline"
	"signalbox/cmd/signalbox/internal/remote"
	"signalbox/cmd/signalbox/internal/serve"
	"signalbox/config"
)

// run is the program: it runs one command and returns the code to exit with.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	stderr = cli.NewPrintable(stderr)
	c := &cli.Env{Stdin: stdin, Stdout: cli.NewPrintable(stdout), Stderr: stderr, Version: thisBuild().Version}
	root := newRootCommand(c)
	root.SetArgs(append([]string{}, args...)) // not nil, which cobra takes for the arguments of the process
	cmd, err := root.ExecuteContextC(ctx)
	stderr = c.Stderr // which serve has replaced
	if o, ok := stderr.(interface{ Sync() error }); ok {
		defer func() { _ = o.Sync() }()
	}
	var usage *cli.UsageError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.Is(err, cli.ErrReported):
		return cli.ExitError
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "signalbox: %v\nSee %q.\n", err, cmd.CommandPath()+" --help")
		return cli.ExitUsage
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		fmt.Fprintln(stderr, "signalbox: interrupted")
		return cli.ExitError
	}
	fmt.Fprintf(stderr, "signalbox: %v\n", err)
	var problem *api.Error
	if errors.As(err, &problem) && !told(problem) {
		for _, fault := range problem.Faults() {
			fmt.Fprintln(stderr, "  "+fault)
		}
	}
	return cli.ExitError
}

// told reports whether the message of an error says already what its one fault says.
func told(e *api.Error) bool {
	faults := e.Faults()
	return len(faults) == 1 && strings.HasSuffix(faults[0], ": "+e.Message)
}

// commandsOf returns all commands. Those of offline and remote are listed in their packages.
func commandsOf(c *cli.Env) []*cobra.Command {
	return slices.Concat(
		[]*cobra.Command{serve.New(c), deadletters.New(c), archives.New(c), clusters.New(c), newVersionCommand(c)},
		offline.Commands(c, remote.NewDiscover(c)), remote.Commands(c),
	)
}

func newRootCommand(c *cli.Env) *cobra.Command {
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
		Args:          cli.NoSuchCommand,
		Version:       c.Version,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("signalbox {{.Version}}\n")
	root.SetIn(c.Stdin)
	root.SetOut(c.Stdout)
	root.SetErr(c.Stderr)
	root.SetFlagErrorFunc(cli.WrongFlag)
	root.PersistentFlags().StringVar(&c.ConfigPath, "config", cmp.Or(os.Getenv(cli.ConfigVariable), config.DefaultPath),
		"the configuration file (default: $"+cli.ConfigVariable+", or "+config.DefaultPath+")")
	root.PersistentFlags().Lookup("config").DefValue = "" // the help names the variable, not what is in it
	root.AddCommand(commandsOf(c)...)
	connect.AddCompletion(c, root)
	return root
}

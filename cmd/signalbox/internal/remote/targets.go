package remote

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/delivery"
)

func newTargetsCommand(c *cli.Env) *cobra.Command {
	t := targetsCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "targets",
		Short: "Look at targets; pause, resume, retry and drain them",
		Example: `  signalbox targets list
  signalbox targets pause warehouse
  signalbox targets drain warehouse --timeout 5m
  signalbox targets resume warehouse
  signalbox targets retry warehouse`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.list(cmd.Context()) },
	}
	t.Connection.Flags(cmd)
	t.output.Flag(cmd)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List targets: their state and what is pending",
		Example: "  signalbox targets list\n  signalbox targets list --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return t.list(cmd.Context()) },
	}
	t.output.Flag(list)
	cmd.AddCommand(list,
		t.verb("pause", "Attempt nothing at a target; its deliveries wait, and do not age", client.Targets.Pause),
		t.resumeCommand(),
		t.verb("retry", "Attempt now what waits at a target for a later attempt", client.Targets.Retry),
		t.drainCommand())
	return cmd
}

type targetsCommand struct {
	*cli.Env
	connect.Connection
	output cli.Format
}

type targetAct func(client.Targets, context.Context, string) (api.TargetView, error)

func (t *targetsCommand) verb(name, short string, act targetAct) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <target>",
		Short:   short,
		Example: "  signalbox targets " + name + " warehouse",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conn, err := t.Client(t.Env)
			if err != nil {
				return err
			}
			s, err := act(conn.Targets, cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return t.print([]api.TargetView{s}, s)
		},
	}
	t.output.Flag(cmd)
	return cmd
}

func (t *targetsCommand) resumeCommand() *cobra.Command {
	cmd := t.verb("resume", "Let a target's deliveries continue", client.Targets.Resume)
	one := cmd.RunE
	var all bool
	cmd.Use = "resume <target>|--all"
	cmd.Example += "\n  signalbox targets resume --all"
	cmd.Flags().BoolVar(&all, "all", false, "resume every target that a command, or a restore, has paused")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if all {
			return cli.Takes(0, 0)(cmd, args)
		}
		return cli.Takes(1, 1)(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if all {
			return t.resumeAll(cmd.Context())
		}
		return one(cmd, args)
	}
	return cmd
}

// resumeAll resumes all targets but those that their files pause.
func (t *targetsCommand) resumeAll(ctx context.Context) error {
	conn, err := t.Client(t.Env)
	if err != nil {
		return err
	}
	known, err := conn.Targets.List(ctx)
	if err != nil {
		return err
	}
	resumed := []api.TargetView{}
	for _, s := range known {
		if s.Pause == nil || slices.Contains(s.Pause.By, "file") {
			continue
		}
		if s, err = conn.Targets.Resume(ctx, s.Name); err != nil {
			return err
		}
		resumed = append(resumed, s)
	}
	return t.print(resumed, map[string]any{"targets": resumed})
}

func (t *targetsCommand) drainCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "drain <target>",
		Short: "Deliver what is pending for a target, and then pause it",
		Long: `Deliver what is pending for a target, and then pause it. What comes for it meanwhile
is suspended until it is resumed. If you interrupt this, or the time is over, the
target continues to drain: resume it, or wait for it to be paused.`,
		Example: "  signalbox targets drain warehouse --timeout 5m",
		Args:    cli.Takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return t.drain(cmd.Context(), args[0], timeout) },
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait, such as 5m; 0 waits as long as it takes")
	t.output.Flag(cmd)
	return cmd
}

// drainPoll is how often a drain asks how far it is.
const drainPoll = 200 * time.Millisecond

func (t *targetsCommand) drain(ctx context.Context, name string, timeout time.Duration) error {
	conn, err := t.Client(t.Env)
	if err != nil {
		return err
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("target %q is not drained after %v; it continues to drain (signalbox targets resume %s ends that)", name, timeout, name))
		defer cancel()
	}
	s, err := conn.Targets.Drain(ctx, name)
	if err != nil {
		return err
	}
	total := s.Pending() - s.Held
	bar := cli.NewProgress(t.Stderr)
	defer bar.End()
	for s.State == delivery.Draining {
		left := s.Pending() - s.Held
		total = max(total, left)
		bar.Show(int(total-left), int(total))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(drainPoll):
		}
		if s, err = t.one(ctx, conn, name); err != nil {
			return err
		}
	}
	return t.print([]api.TargetView{s}, s)
}

func (t *targetsCommand) one(ctx context.Context, conn *client.Client, name string) (api.TargetView, error) {
	all, err := conn.Targets.List(ctx)
	if err != nil {
		return api.TargetView{}, err
	}
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	return api.TargetView{}, fmt.Errorf("target %q is gone", name)
}

func (t *targetsCommand) list(ctx context.Context) error {
	conn, err := t.Client(t.Env)
	if err != nil {
		return err
	}
	all, err := conn.Targets.List(ctx)
	if err != nil {
		return err
	}
	return t.print(all, map[string]any{"targets": all})
}

func (t *targetsCommand) print(all []api.TargetView, whole any) error {
	if t.output == cli.JSON {
		return cli.PrintJSON(t.Stdout, whole)
	}
	table := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tTYPE\tSTATE\tPENDING\tDEAD\tIN FLIGHT\tDELIVERED")
	for _, s := range all {
		kind := s.Type
		if kind == "" {
			kind = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", s.Name, kind, s.State, s.Pending(), s.Dead, s.InFlight, s.Delivered)
	}
	return table.Flush()
}

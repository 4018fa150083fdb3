package remote

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/delivery"
	"signalbox/document"
)

func newTargetsCommand(c *cli.Env) *cobra.Command {
	t := targetsCommand{connect.Command{Env: c}}
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
	t.Flags(cmd)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List targets: their state and what is pending",
		Example: "  signalbox targets list\n  signalbox targets list --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return t.list(cmd.Context()) },
	}
	t.Output.Flag(list)
	t.Watch(list)
	cmd.AddCommand(list,
		t.verb("pause", "Attempt nothing at a target; its deliveries wait, and do not age", client.Targets.Pause),
		t.resumeCommand(),
		t.verb("retry", "Attempt now what waits at a target for a later attempt", client.Targets.Retry),
		t.drainCommand())
	return cmd
}

type targetsCommand struct{ connect.Command }

type targetAct func(client.Targets, context.Context, string) (api.TargetView, error)

func (t *targetsCommand) verb(name, short string, act targetAct) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <target>",
		Short:   short,
		Example: "  signalbox targets " + name + " warehouse",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect.Ask(cmd.Context(), &t.Command, func(ctx context.Context, conn *client.Client) (api.TargetView, error) {
				return act(conn.Targets, ctx, args[0])
			}, t.printOne)
		},
	}
	t.Output.Flag(cmd)
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
	return connect.Ask(ctx, &t.Command, func(ctx context.Context, conn *client.Client) (targetList, error) {
		resumed := targetList{[]api.TargetView{}}
		known, err := conn.Targets.List(ctx)
		if err != nil {
			return resumed, err
		}
		for _, s := range known {
			if s.Pause == nil || slices.Contains(s.Pause.By, "file") {
				continue
			}
			if s, err = conn.Targets.Resume(ctx, s.Name); err != nil {
				return resumed, err
			}
			resumed.Targets = append(resumed.Targets, s)
		}
		return resumed, nil
	}, t.print)
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
	t.Output.Flag(cmd)
	return cmd
}

// drainPoll is how often a drain asks how far it is.
const drainPoll = 200 * time.Millisecond

func (t *targetsCommand) drain(ctx context.Context, name string, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("target %q is not drained after %v; it continues to drain (signalbox targets resume %s ends that)", name, timeout, name))
		defer cancel()
	}
	return connect.Ask(ctx, &t.Command, func(ctx context.Context, conn *client.Client) (api.TargetView, error) {
		s, err := conn.Targets.Drain(ctx, name)
		if err != nil {
			return s, err
		}
		return t.drained(ctx, conn, s)
	}, t.printOne)
}

// drained waits until a target is drained, and shows how far it is.
func (t *targetsCommand) drained(ctx context.Context, conn *client.Client, s api.TargetView) (api.TargetView, error) {
	total := s.Pending() - s.Held
	bar := cli.NewProgress(t.Stderr)
	defer bar.End()
	for s.State == delivery.Draining {
		left := s.Pending() - s.Held
		total = max(total, left)
		bar.Show(int(total-left), int(total))
		select {
		case <-ctx.Done():
			return s, context.Cause(ctx)
		case <-time.After(drainPoll):
		}
		var err error
		if s, err = conn.Targets.Get(ctx, s.Name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// targetList is how targets are printed for programs.
type targetList struct {
	Targets []api.TargetView `json:"targets"`
}

func (t *targetsCommand) list(ctx context.Context) error {
	return connect.Ask(ctx, &t.Command, func(ctx context.Context, conn *client.Client) (targetList, error) {
		all, err := conn.Targets.List(ctx)
		return targetList{all}, err
	}, t.print)
}

func (t *targetsCommand) printOne(s api.TargetView) error {
	return t.print(targetList{[]api.TargetView{s}})
}

func (t *targetsCommand) print(all targetList) error {
	table := cli.NewGrid("TARGET", "STATE", "WHY", "PENDING", "DEAD", "IN FLIGHT", "DELIVERED", "TYPE")
	table.Text, table.Less = "WHY", []string{"TYPE", "IN FLIGHT", "DELIVERED"}
	for _, s := range all.Targets {
		table.Row(s.Name, s.State, cli.Shorten(why(&s, time.Now()), 120), s.Pending(), s.Dead, s.InFlight, s.Delivered, cmp.Or(s.Type, "-"))
	}
	return t.Show(table)
}

// why returns why a target is in its state, and until when; a dash where it is as it should be.
func why(s *api.TargetView, now time.Time) string {
	var parts []string
	until := func(what string, at time.Time) {
		if at.After(now) {
			parts = append(parts, what+" in "+document.FormatDuration(at.Sub(now).Round(time.Second)))
		}
	}
	if c := s.Circuit; c.Interrupted() {
		until("next probe", c.ProbeAt)
		parts = append(parts, cli.Cause(cmp.Or(c.Reason, s.Failing)))
	} else if s.Failing != "" {
		parts = append(parts, cli.Cause(s.Failing))
	}
	until("throttled, goes on", s.ThrottledUntil)
	until("dead letters", s.GoneUntil)
	if s.Pause != nil {
		parts = append(parts, "by "+strings.Join(s.Pause.By, " and ")+" since "+s.Pause.Since.Format(time.RFC3339))
	}
	return cmp.Or(strings.Join(parts, ": "), "-")
}

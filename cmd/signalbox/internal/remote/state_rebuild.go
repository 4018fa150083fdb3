package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/state"
)

func newStateRebuildCommand(c *cli.Env) *cobra.Command {
	r := stateRebuild{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "rebuild <type>",
		Short: "Make the states of a type anew, of the events that are kept",
		Long: `Make all states of a type anew, of the events that are kept: after a fold has changed,
and after one was declared, so that the events of before count too. What retention has
dropped stays as it was folded then. Events that come meanwhile are not lost.

The router does the work. It goes on when this command is interrupted, and after a
restart of the router; the same command then shows how far it is.

Exit codes: 0 done, 1 failed, 2 wrong usage.`,
		Example: "  signalbox state rebuild order",
		Args:    cli.Takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	r.Flags(cmd)
	cmd.Flags().BoolVar(&r.background, "background", false, "do not wait for the end")
	return cmd
}

type stateRebuild struct {
	connect.Command
	background bool
}

func (r *stateRebuild) run(ctx context.Context, kind string) error {
	conn, err := r.Client()
	if err != nil {
		return err
	}
	job, err := conn.States.Rebuild(ctx, kind)
	if err == nil && !r.background {
		job, err = r.watch(ctx, conn, job)
	}
	if err != nil {
		return err
	}
	if err := r.Print(job, func() error { return r.print(&job) }); err != nil {
		return err
	}
	if job.State == state.RebuildFailed {
		return cli.ErrReported
	}
	return nil
}

// watch looks at a rebuild until it has ended.
func (r *stateRebuild) watch(ctx context.Context, conn *client.Client, job state.Rebuild) (state.Rebuild, error) {
	bar, pause := cli.NewProgress(r.Stderr), 20*time.Millisecond
	for job.State == state.RebuildRunning {
		bar.Show(share(&job), 100)
		select {
		case <-ctx.Done():
			return job, errors.New("interrupted; the rebuild continues in the router")
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
		next, err := conn.States.Rebuilt(ctx, job.Type)
		if err != nil && ctx.Err() == nil {
			return job, fmt.Errorf("%w\nthe rebuild continues in the router, or when that is back", err)
		}
		if err == nil {
			job = next
		}
	}
	bar.Show(100, 100)
	return job, nil
}

// share is how much of the events has been looked at, in percent.
func share(job *state.Rebuild) int {
	whole := job.Until.Sub(job.Since)
	if job.LookedTo.IsZero() || whole <= 0 {
		return 0
	}
	return int(100 * job.LookedTo.Sub(job.Since) / whole)
}

func (r *stateRebuild) print(job *state.Rebuild) error {
	_, err := fmt.Fprintf(r.Stdout, "%s: looked at %s since %s, %d of them of this type; %s made anew, %s failed\n",
		job.State, cli.Count(job.Events, "event"), job.Since.Format(time.RFC3339), job.Indexed, cli.Count(job.Objects, "state"), cli.Count(job.Failed, "event"))
	if job.Error != "" {
		fmt.Fprintln(r.Stdout, job.Error)
	}
	return err
}

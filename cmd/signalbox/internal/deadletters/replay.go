package deadletters

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/dlq"
	"signalbox/jobs"
)

func newDLQReplayCommand(c *cli.Env) *cobra.Command {
	r := dlqReplay{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:     "replay [id]...",
		Aliases: []string{"redrive"},
		Short:   "Send dead letters again",
		Long: `Send dead letters again: those with the given ids, those that the filters choose,
or all. Each keeps its delivery id and what was to be sent, and gets a few more
attempts. The router does the work. If the target fails again, the redrive stops,
and what was not delivered stays in the queue.

Without --rate the target sets the pace: one dead letter first, then more at once
with each success. An interrupt cancels the redrive; --resume continues one that was
cancelled or has stopped. --dry-run shows what would be sent.`,
		Example: `  signalbox dlq replay 0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e
  signalbox dlq replay --target warehouse --rate 50/s
  signalbox dlq replay --pattern '{"source": ["shop.orders"]}' --as current --dry-run
  signalbox dlq replay --all --to standby --dry-run
  signalbox dlq replay --resume 20261122T231530-4f2a9c`,
		Args: cli.Takes(0, cli.AnyNumber),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args) },
	}
	r.flags(cmd)
	return cmd
}

type dlqReplay struct {
	connect.Command
	filter              letterFilter
	all, yes, dryRun    bool
	detach              bool
	as, to, rate        string
	resume              string
	limit, show         int
	attempts, stopAfter int
}

func (r *dlqReplay) flags(cmd *cobra.Command) {
	r.Command.Flags(cmd)
	r.filter.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&r.all, "all", false, "choose every dead letter")
	flags.IntVar(&r.limit, "limit", 0, "how many to send at most, the oldest events first; 0 is no bound")
	flags.BoolVar(&r.dryRun, "dry-run", false, "show what would be sent, and change nothing")
	flags.IntVar(&r.show, "show", 10, "how many dead letters a dry run shows, up to 100")
	flags.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	flags.StringVar(&r.as, "as", dlq.Stored, "what to send: stored (what was to be sent) or current (what today's rules make of the event)")
	flags.StringVar(&r.to, "to", "", "send to this target in place of the letters' own")
	flags.StringVar(&r.rate, "rate", "", "how many to send to a target at most, such as 50/s or 50")
	flags.IntVar(&r.attempts, "attempts", dlq.DefaultAttempts, "how often to try a dead letter before it goes back to the queue")
	flags.IntVar(&r.stopAfter, "stop-after", dlq.DefaultStopAfter, "leave a target alone after this many failed attempts in a row")
	flags.BoolVar(&r.detach, "detach", false, "begin, and do not wait for the end")
	flags.StringVar(&r.resume, "resume", "", "continue with the redrive of this id, which stopped or was cancelled")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{dlq.Stored, dlq.Current}, cobra.ShellCompDirectiveNoFileComp))
}

func (r *dlqReplay) run(ctx context.Context, ids []string) error {
	req, err := r.request(ids)
	if err != nil {
		return err
	}
	conn, err := r.Client()
	if err != nil {
		return err
	}
	switch {
	case r.resume != "":
		j, err := conn.Redrives.Resume(ctx, r.resume)
		if err != nil {
			return err
		}
		return r.follow(ctx, conn, j)
	case r.dryRun:
		return r.preview(ctx, conn, req)
	}
	return r.begin(ctx, conn, req)
}

// request returns the redrive that the flags ask for.
func (r *dlqReplay) request(ids []string) (req api.RedriveRequest, err error) {
	perSecond, err := cli.RateFlag(r.rate)
	if err != nil {
		return req, err
	}
	for _, n := range []struct {
		flag       string
		value, min int
	}{{"limit", r.limit, 0}, {"show", r.show, 0}, {"attempts", r.attempts, 1}, {"stop-after", r.stopAfter, 1}} {
		if n.value < n.min {
			return req, cli.WrongUsage("--%s must be at least %d", n.flag, n.min)
		}
	}
	if r.as != dlq.Stored && r.as != dlq.Current {
		return req, cli.WrongUsage("--as %q: write %s or %s", r.as, dlq.Stored, dlq.Current)
	}
	filter, err := r.filter.filter(r.Env, ids)
	if err != nil {
		return req, err
	}
	if r.resume != "" {
		if !filter.Empty() || r.all || r.dryRun {
			return req, cli.WrongUsage("--resume continues with what the redrive has chosen: give no ids, filters, --all or --dry-run beside it")
		}
		return req, nil
	}
	if err := chosen(r.Env, filter, r.all, r.dryRun || r.yes); err != nil {
		return req, err
	}
	return api.RedriveRequest{All: r.all, Show: &r.show, Redrive: dlq.Redrive{
		Filter: filter, To: r.to, As: r.as, Rate: perSecond, Limit: r.limit, Attempts: r.attempts, StopAfter: r.stopAfter,
	}}, nil
}

// begin counts, asks, and begins the redrive.
func (r *dlqReplay) begin(ctx context.Context, conn *client.Client, req api.RedriveRequest) error {
	if !r.yes {
		none := 0
		req.Show = &none
		p, err := conn.DeadLetters.Preview(ctx, req)
		if err != nil {
			return err
		}
		if p.Total > 0 {
			ok, err := cli.Confirm(r.Stdin, r.Stderr, fmt.Sprintf("Replay %s?", cli.Count(p.Total, "dead letter")))
			if err != nil || !ok {
				fmt.Fprintln(r.Stderr, "nothing was changed")
				return err
			}
		}
	}
	j, err := conn.DeadLetters.Redrive(ctx, req)
	if err != nil {
		return err
	}
	if ids := req.Filter.IDs; j.Total == 0 && len(ids) > 0 {
		return noLetters(ids)
	}
	return r.follow(ctx, conn, j)
}

// follow shows how a redrive continues, and then how it ended.
func (r *dlqReplay) follow(ctx context.Context, conn *client.Client, j dlq.Job) error {
	if r.detach {
		return r.print(j)
	}
	bar := cli.NewProgress(r.Stderr)
	j, err := watch(ctx, conn, j, bar)
	bar.End()
	if err != nil {
		return err
	}
	if err := r.print(j); err != nil {
		return err
	}
	return verdict(j)
}

func (r *dlqReplay) print(j dlq.Job) error {
	return r.Print(j, func() error {
		printJobText(r.Stdout, j)
		return nil
	})
}

// The pauses between two looks at a redrive.
const (
	firstLook = 20 * time.Millisecond
	lastLook  = 500 * time.Millisecond
	// cancelWithin bounds the wait for a redrive's end after it was cancelled.
	cancelWithin = 10 * time.Second
)

// watch looks at a redrive until it has ended. If ctx ends, it cancels the
// redrive first.
func watch(ctx context.Context, conn *client.Client, j dlq.Job, bar *cli.Progress) (dlq.Job, error) {
	pause := firstLook
	for j.State == jobs.Running {
		bar.Show(j.Ended(), j.Total)
		select {
		case <-ctx.Done():
			return cancelled(ctx, conn, j)
		case <-time.After(pause):
		}
		pause = min(2*pause, lastLook)
		next, err := conn.Redrives.Get(ctx, j.ID)
		if err != nil && ctx.Err() == nil {
			return j, fmt.Errorf("%w\nthe redrive continues in the router, or when that is back: look at it with `signalbox dlq redrives %s`", err, j.ID)
		}
		if err == nil {
			j = next
		}
	}
	bar.Show(j.Ended(), j.Total)
	return j, nil
}

// cancelled cancels a redrive whose watcher was interrupted, and waits for what is
// under way.
func cancelled(ctx context.Context, conn *client.Client, j dlq.Job) (dlq.Job, error) {
	ctx = context.WithoutCancel(ctx)
	now, err := conn.Redrives.Cancel(ctx, j.ID)
	if err != nil {
		return j, fmt.Errorf("the redrive %s can't be cancelled: %w", j.ID, err)
	}
	return cancelledSoon(ctx, conn, now)
}

// cancelledSoon waits, but not for long, for the end of a redrive that was
// cancelled.
func cancelledSoon(ctx context.Context, conn *client.Client, j dlq.Job) (dlq.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, cancelWithin)
	defer cancel()
	for j.State == jobs.Running {
		select {
		case <-ctx.Done():
			return j, fmt.Errorf("redrive %s is cancelled, but attempts are still under way: look at it with `signalbox dlq redrives %s`", j.ID, j.ID)
		case <-time.After(lastLook / 5):
		}
		next, err := conn.Redrives.Get(ctx, j.ID)
		if err != nil {
			return j, err
		}
		j = next
	}
	return j, nil
}

// verdict is an error unless every letter was delivered.
func verdict(j dlq.Job) error {
	switch {
	case j.State == jobs.Stopped:
		return fmt.Errorf("stopped: %s; continue with `signalbox dlq replay --resume %s` when it is fixed", j.Reason, j.ID)
	case j.State == jobs.Cancelled:
		return fmt.Errorf("cancelled; continue with `signalbox dlq replay --resume %s`", j.ID)
	case j.DiedAgain+j.Skipped > 0:
		return fmt.Errorf("not every dead letter was delivered: %s", tallyText(j.Tally))
	}
	return nil
}

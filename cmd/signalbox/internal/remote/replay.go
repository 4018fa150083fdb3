package remote

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/jobs"
	"signalbox/replay"
)

func newReplayCommand(c *cli.Env) *cobra.Command {
	r := replayCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Send past events again",
		Long: `Send past events again, to the targets that the rules of now send them to. First it
shows what would be sent, and asks. Live deliveries do not wait for a replay. The
router does the work, and continues it after a restart; look at it with
"signalbox replays".

A delivery keeps the id that it had, so that receivers that know it skip it;
--as-new gives it a new one, to have the event processed again. Each carries the
name of the replay: in the header X-Signalbox-Replay, and in the event's field
replay-name. Commands and queries are not replayed, and nothing is sent to bus
targets unless --target names one.`,
		Example: `  signalbox replay --since 2h --dry-run
  signalbox replay --since 2h --target warehouse --rate 50/s
  signalbox replay --since oldest --rule new-audit --yes
  signalbox replay --since 2026-11-26 --until 2026-11-27 --pattern '{"source": ["shop.orders"]}'`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	r.Flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&r.since, "since", "", "events accepted since then: 2026-01-31T15:04:05Z, a day, a duration back from now such as 2h, or oldest")
	flags.StringVar(&r.until, "until", "", "only events accepted before then")
	flags.StringVar(&r.req.Bus, "bus", "", "only events on this bus")
	flags.StringVar(&r.req.Archive, "archive", "", "only events that this archive takes, from where it starts")
	flags.StringVar(&r.pattern, "pattern", "", "only events that match this pattern: a file or JSON")
	flags.StringVar(&r.req.Rule, "rule", "", "send by this rule alone")
	flags.StringVar(&r.req.Target, "target", "", "send to this target alone")
	flags.StringVar(&r.rate, "rate", "", "how many deliveries to send to a target, such as 50/s or 50 (default: as many as live traffic leaves)")
	flags.BoolVar(&r.req.AsPlanned, "as-planned", false, "send by the rules that the events were planned for when they were accepted")
	flags.BoolVar(&r.req.AsNew, "as-new", false, "give deliveries new ids, so that receivers that know the first ones act again")
	flags.StringVar(&r.req.Name, "name", "", "name the replay")
	flags.BoolVar(&r.dryRun, "dry-run", false, "show what would be sent, and change nothing")
	flags.BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&r.detach, "detach", false, "begin, and do not wait for the end")
	return cmd
}

type replayCommand struct {
	connect.Command
	req                         replay.Request
	since, until, pattern, rate string
	dryRun, yes, detach         bool
}

func (r *replayCommand) run(ctx context.Context) error {
	if err := r.read(time.Now()); err != nil {
		return err
	}
	conn, err := r.Client()
	if err != nil {
		return err
	}
	p, err := conn.Replays.Preview(ctx, r.req)
	if err != nil {
		return err
	}
	if r.dryRun {
		return r.Print(p, func() error { return r.preview(r.Stdout, p) })
	}
	if err := r.preview(r.Stderr, p); err != nil || p.Deliveries == 0 && p.LookedTo.IsZero() {
		return err
	}
	if !r.yes {
		ok, err := cli.Confirm(r.Stdin, r.Stderr, "Replay?")
		if err != nil || !ok {
			fmt.Fprintln(r.Stderr, "nothing was changed")
			return err
		}
	}
	r.req.Until = p.To // what has been shown, and not what came since
	j, err := conn.Replays.Begin(ctx, r.req)
	if err != nil {
		return err
	}
	return r.follow(ctx, conn, j)
}

// read reads the flags that are not texts.
func (r *replayCommand) read(now time.Time) (err error) {
	if r.since == "" {
		return cli.WrongUsage("--since: say from when, such as --since 2h, or --since oldest for all that is kept")
	}
	r.req.Since = time.Unix(0, 0)
	if r.since != "oldest" {
		if r.req.Since, err = cli.MomentFlag("since", r.since, now); err != nil {
			return err
		}
	}
	if r.req.Until, err = cli.MomentFlag("until", r.until, now); err != nil {
		return err
	}
	if r.req.Rate, err = cli.RateFlag(r.rate); err != nil {
		return err
	}
	r.req.Pattern, err = r.PatternFlag(r.pattern)
	return err
}

// preview shows what a replay would send.
func (r *replayCommand) preview(w io.Writer, p replay.Preview) error {
	text := func(t time.Time) string { return t.Format(time.RFC3339) }
	fmt.Fprintf(w, "%s from %s to %s; %s would be sent, in %s\n",
		cli.Count(p.Looked, "event"), text(p.From), text(p.To), cli.Count(p.Events, "event"), cli.Count(int(p.Deliveries), "delivery"))
	if p.Missing {
		fmt.Fprintf(w, "what is kept begins at %s\n", text(p.From))
	}
	if !p.ArchivedTo.IsZero() {
		fmt.Fprintf(w, "events of before %s come from archives, without what these do not take\n", text(p.ArchivedTo))
	}
	if !p.LookedTo.IsZero() {
		fmt.Fprintf(w, "events from %s on are not counted here: a preview looks at %d\n", text(p.LookedTo), p.Looked)
	}
	if len(p.Rules) > 0 {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "RULE\tBUS\tTARGET\tDELIVERIES")
		for _, c := range p.Rules {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", c.Rule, c.Bus, c.Target, c.Deliveries)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	printLeftOut(w, p.LeftOut)
	if len(p.Overlaps) > 0 {
		fmt.Fprintf(w, "of the same time are already being replayed: %s\n", strings.Join(p.Overlaps, ", "))
	}
	for _, s := range p.Samples {
		fmt.Fprintf(w, "\n%s  %s  %s -> %s\n", s.ID, s.DetailType, s.Rule, s.Target)
		if s.Error != "" {
			fmt.Fprintf(w, "  can't be rendered, and would be a dead letter: %s\n", s.Error)
			continue
		}
		connect.PrintRequest(w, s.Request)
	}
	return nil
}

func printLeftOut(w io.Writer, left map[string]int) {
	for _, why := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(w, "not replayed: %d, %s\n", left[why], why)
	}
}

// The pauses between two looks at a replay.
const (
	firstReplayLook = 20 * time.Millisecond
	lastReplayLook  = 500 * time.Millisecond
)

// follow shows how a replay continues, and then how it ended. The router continues it, even if
// nobody watches.
func (r *replayCommand) follow(ctx context.Context, conn *client.Client, j replay.Job) (err error) {
	bar := cli.NewProgress(r.Stderr)
	for pause := firstReplayLook; !r.detach && !j.State.Ended(); pause = min(2*pause, lastReplayLook) {
		bar.Show(doneOf(j))
		select {
		case <-ctx.Done():
			bar.End()
			return fmt.Errorf("the replay continues in the router: look at it with `signalbox replays show %s`, end it with `signalbox replays cancel %s`", j.Name, j.Name)
		case <-time.After(pause):
		}
		next, err := conn.Replays.Get(ctx, j.Name)
		if err != nil && ctx.Err() == nil {
			bar.End()
			return fmt.Errorf("%w\nthe replay continues in the router, or when that is back: look at it with `signalbox replays show %s`", err, j.Name)
		}
		if err == nil {
			j = next
		}
	}
	bar.End()
	if err := r.Print(j, func() error { return printReplay(r.Stdout, j) }); err != nil {
		return err
	}
	switch {
	case j.State == jobs.Stopped:
		return fmt.Errorf("stopped: %s; continue with `signalbox replays resume %s` when it is fixed", j.Reason, j.Name)
	case j.State == jobs.Cancelled:
		return fmt.Errorf("cancelled: %d deliveries were dropped", j.Dropped)
	case j.Dead > 0:
		return fmt.Errorf("%d of %d deliveries went to the dead-letter queue: see `signalbox dlq list`", j.Dead, j.Planned)
	}
	return nil
}

// doneOf returns how much of its time a replay has gone through, and how much there is.
func doneOf(j replay.Job) (done, total int) {
	return int(j.At.Sub(j.From) / time.Millisecond), max(1, int(j.To.Sub(j.From)/time.Millisecond))
}

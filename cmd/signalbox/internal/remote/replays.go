package remote

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/jobs"
	"signalbox/replay"
)

func newReplaysCommand(c *cli.Env) *cobra.Command {
	r := replaysCommand{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "replays",
		Short: "Look at replays of past events; pause, resume and cancel them",
		Example: `  signalbox replays list
  signalbox replays show 20261122T231530-4f2a9c
  signalbox replays pause 20261122T231530-4f2a9c
  signalbox replays resume 20261122T231530-4f2a9c
  signalbox replays cancel 20261122T231530-4f2a9c`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.list(cmd.Context()) },
	}
	r.Flags(cmd)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the replays that are at work, and the latest that have ended",
		Example: "  signalbox replays list\n  signalbox replays list --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.list(cmd.Context()) },
	}
	r.Output.Flag(list)
	r.Watch(list)
	cmd.AddCommand(list,
		r.verb("show", "Show how far a replay is for each target", client.Replays.Get),
		r.verb("pause", "Suspend a replay, through restarts", client.Replays.Pause),
		r.verb("resume", "Continue a replay that is paused or has stopped", client.Replays.Resume),
		r.verb("cancel", "End a replay: what is pending of it is dropped", client.Replays.Cancel))
	return cmd
}

type replaysCommand struct{ connect.Command }

type replayAct func(r client.Replays, ctx context.Context, name string) (replay.Job, error)

func (r *replaysCommand) verb(name, short string, act replayAct) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <replay>",
		Short:   short,
		Example: "  signalbox replays " + name + " 20261122T231530-4f2a9c",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect.Ask(cmd.Context(), &r.Command, func(ctx context.Context, conn *client.Client) (replay.Job, error) {
				return act(conn.Replays, ctx, args[0])
			}, func(j replay.Job) error { return printReplay(r.Stdout, j) })
		},
	}
	r.Output.Flag(cmd)
	return cmd
}

func (r *replaysCommand) list(ctx context.Context) error {
	return connect.Ask(ctx, &r.Command, func(ctx context.Context, conn *client.Client) (api.ReplayList, error) {
		jobs, err := conn.Replays.List(ctx)
		return api.ReplayList{Replays: jobs}, err
	}, func(all api.ReplayList) error { return r.print(all.Replays) })
}

func (r *replaysCommand) print(jobs []replay.Job) error {
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(r.Stdout, "no replays")
		return err
	}
	table := cli.NewGrid("NAME", "STATE", "STARTED", "DONE", "PLANNED", "DELIVERED", "PENDING", "DEAD", "DROPPED")
	table.Less = []string{"STARTED", "DROPPED", "PLANNED"}
	for _, j := range jobs {
		table.Row(j.Name, j.State, j.StartedAt.Format(time.RFC3339), percent(j), j.Planned, j.Delivered, j.Pending, j.Dead, j.Dropped)
	}
	return r.Show(table)
}

// percent returns how much of its time a replay has gone through.
func percent(j replay.Job) string {
	if j.State == jobs.Finished {
		return "100 %"
	}
	done, total := doneOf(j)
	return fmt.Sprintf("%d %%", 100*done/total)
}

// printReplay shows a replay as it stands.
func printReplay(w io.Writer, j replay.Job) error {
	text := func(t time.Time) string { return t.Format(time.RFC3339) }
	fmt.Fprintf(w, "replay %s: %s\nevents from %s to %s, %s done\n%s\n", j.Name, j.State, text(j.From), text(j.To), percent(j), sentText(j.Tally))
	for _, p := range j.Targets {
		if len(j.Targets) > 1 || p.Reason != "" {
			fmt.Fprintf(w, "  %s: %s: %s\n", p.Target, p.State, sentText(p.Tally))
		}
	}
	if j.Reason != "" {
		fmt.Fprintf(w, "stopped: %s\n", j.Reason)
	}
	if j.YieldRate > 0 {
		fmt.Fprintf(w, "gives way to live traffic: %v deliveries a second now, of all replays without --rate together\n", j.YieldRate)
	}
	if !j.MissingTo.IsZero() {
		fmt.Fprintf(w, "retention dropped events of before %s before they were replayed\n", text(j.MissingTo))
	}
	if !j.ArchivedTo.IsZero() {
		fmt.Fprintf(w, "events of before %s come from archives, without what these do not take\n", text(j.ArchivedTo))
	}
	printLeftOut(w, j.LeftOut)
	return nil
}

// sentText lists what became of deliveries, without what did not happen.
func sentText(t replay.Tally) string {
	var parts []string
	for _, x := range []struct {
		n    uint64
		what string
	}{
		{t.Delivered, "delivered"}, {t.Pending, "pending"}, {t.Dead, "dead"}, {t.Dropped, "dropped"}, {t.Logged, "logged (synthetic)"},
	} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if len(parts) == 0 {
		return "nothing was sent"
	}
	return strings.Join(parts, ", ")
}

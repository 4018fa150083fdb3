package deadletters

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/dlq"
)

func newDLQRedrivesCommand(c *cli.Env) *cobra.Command {
	r := dlqRedrives{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "redrives [id]",
		Short: "List the redrives, or show one",
		Long: `List the redrives that run, and the latest that have ended. Or show one: how far it
is for each target, and which dead letters it skipped and why.`,
		Example: `  signalbox dlq redrives
  signalbox dlq redrives 20261122T231530-4f2a9c
  signalbox dlq redrives 20261122T231530-4f2a9c --cancel`,
		Args: cli.Takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args) },
	}
	r.Flags(cmd)
	r.Watch(cmd)
	cmd.Flags().BoolVar(&r.cancel, "cancel", false, "cancel the redrive: what was not delivered goes back to the queue")
	return cmd
}

type dlqRedrives struct {
	connect.Command
	cancel bool
}

func (r *dlqRedrives) run(ctx context.Context, args []string) error {
	if r.cancel && len(args) == 0 {
		return cli.WrongUsage("--cancel: say which redrive")
	}
	if len(args) == 0 {
		return connect.Ask(ctx, &r.Command, func(ctx context.Context, conn *client.Client) (api.RedriveList, error) {
			jobs, err := conn.Redrives.List(ctx)
			return api.RedriveList{Redrives: jobs}, err
		}, func(all api.RedriveList) error { return r.print(all.Redrives) })
	}
	return connect.Ask(ctx, &r.Command, func(ctx context.Context, conn *client.Client) (dlq.Job, error) {
		if !r.cancel {
			return conn.Redrives.Get(ctx, args[0])
		}
		j, err := conn.Redrives.Cancel(ctx, args[0])
		if err != nil {
			return j, err
		}
		return cancelledSoon(ctx, conn, j)
	}, func(j dlq.Job) error {
		printJobText(r.Stdout, j)
		return nil
	})
}

func (r *dlqRedrives) print(jobs []dlq.Job) error {
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(r.Stdout, "no redrives")
		return err
	}
	table := cli.NewGrid("ID", "STATE", "STARTED", "TOTAL", "DELIVERED", "DIED AGAIN", "SKIPPED", "IN FLIGHT", "LEFT")
	table.Less = []string{"STARTED", "IN FLIGHT", "SKIPPED"} // the id begins with the time
	for _, j := range jobs {
		table.Row(j.ID, j.State, j.StartedAt.Format(time.RFC3339),
			j.Total, j.Delivered, j.DiedAgain, j.Skipped, j.InFlight, j.Left)
	}
	return r.Show(table)
}

// printJobText shows a redrive as it stands.
func printJobText(w io.Writer, j dlq.Job) {
	fmt.Fprintf(w, "redrive %s: %s\n%s: %s\n", j.ID, j.State, cli.Count(j.Total, "dead letter"), tallyText(j.Tally))
	for _, p := range j.Targets {
		if len(j.Targets) > 1 || p.Reason != "" {
			fmt.Fprintf(w, "  %s: %s: %s\n", p.Target, p.State, tallyText(p.Tally))
		}
		if p.Reason != "" {
			fmt.Fprintf(w, "    %s\n", p.Reason)
		}
	}
	printSkips(w, j.Skips, j.SkippedLetters)
}

// tallyText lists what became of letters, without what did not happen.
func tallyText(t dlq.Tally) string {
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{
		{t.Delivered, "delivered"}, {t.Dropped, "dropped by policy"}, {t.DiedAgain, "died again"},
		{t.Skipped, "skipped"}, {t.InFlight, "on their way"}, {t.Left, "left in the queue"},
	} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

func printSkips(w io.Writer, skips map[string]int, letters []dlq.SkippedLetter) {
	if len(skips) == 0 {
		return
	}
	fmt.Fprintf(w, "skipped, and still in the queue: %s\n", countsText(skips))
	for _, l := range letters {
		fmt.Fprintf(w, "  %s  %s\n", l.ID, l.Message)
	}
}

// countsText lists counts by name.
func countsText(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

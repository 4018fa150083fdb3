package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/audit"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newAuditCommand(c *cli.Env) *cobra.Command {
	a := auditCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List who operated the router, and who was refused",
		Long: `List what was done with the right to operate, the latest first: pauses, replays
and purges of dead letters, reloads, by whom and from where; and the requests
that were refused for their key, its rights or the name of the host, a line for
each caller and hour. An entry is kept as long as the events of its time.`,
		Example: `  signalbox audit
  signalbox audit --action deadletters.purge --since 7d
  signalbox audit --key anna -o json`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context()) },
	}
	a.Flags(cmd)
	a.Watch(cmd)
	flags := cmd.Flags()
	flags.StringVar(&a.filter.Action, "action", "", "only this, such as targets.pause or "+audit.RequestRefused)
	flags.StringVar(&a.filter.Object, "object", "", "only what was done to this, such as a target's name")
	flags.StringVar(&a.filter.Key, "key", "", "only what was done with the key of this name")
	flags.StringVar(&a.outcome, "outcome", "", "only what is done, failed, refused, or begun and not ended")
	flags.StringVar(&a.since, "since", "", "only from this time on: 2026-01-31T15:04:05Z, a day, or 1h ago")
	flags.StringVar(&a.until, "until", "", "only before this time")
	flags.IntVar(&a.limit, "limit", 50, "how many to list at most; 0 lists all")
	return cmd
}

type auditCommand struct {
	connect.Command
	filter                audit.Filter
	outcome, since, until string
	limit                 int
}

func (a *auditCommand) run(ctx context.Context) (err error) {
	if a.limit < 0 {
		return cli.WrongUsage("--limit must not be negative")
	}
	a.filter.Outcome = audit.Outcome(a.outcome)
	now := time.Now()
	if a.filter.Since, err = cli.MomentFlag("since", a.since, now); err != nil {
		return err
	}
	if a.filter.Until, err = cli.MomentFlag("until", a.until, now); err != nil {
		return err
	}
	return connect.Ask(ctx, &a.Command, func(ctx context.Context, conn *client.Client) (all audit.Page, err error) {
		all.Entries, all.Next, err = client.Pages(a.limit, func(cursor string, limit int) ([]audit.Entry, string, error) {
			page, err := conn.Audit.List(ctx, a.filter, cursor, limit)
			return page.Entries, page.Next, err
		})
		return all, err
	}, a.print)
}

func (a *auditCommand) print(page audit.Page) error {
	if len(page.Entries) == 0 {
		_, err := fmt.Fprintln(a.Stdout, "no entries")
		return err
	}
	table := cli.NewGrid("TIME", "WHO", "FROM", "ACTION", "OBJECT", "COUNT", "OUTCOME")
	table.Less = []string{"FROM", "COUNT"}
	for _, e := range page.Entries {
		count, outcome := "", string(e.Outcome)
		if e.Count != nil {
			count = fmt.Sprint(*e.Count)
		}
		switch {
		case e.Error != "":
			outcome += ": " + cli.Shorten(e.Error, 60)
		case e.Reason != "":
			outcome += ": " + e.Reason
		case e.DryRun:
			outcome += " (dry run)"
		}
		table.Row(e.Time.Format(time.RFC3339), e.Who(), e.From, e.Action, cli.Shorten(e.Object, 60), count, outcome)
	}
	if err := a.Show(table); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(a.Stderr, "there are more than %d entries: see --limit\n", a.limit)
	}
	return nil
}

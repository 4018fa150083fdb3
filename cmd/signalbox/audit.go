package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/audit"
)

func newAuditCommand(c *cli) *cobra.Command {
	a := auditCommand{cli: c}
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
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context()) },
	}
	a.connection.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&a.filter.Action, "action", "", "only this, such as targets.pause or "+audit.RequestRefused)
	flags.StringVar(&a.filter.Object, "object", "", "only what was done to this, such as a target's name")
	flags.StringVar(&a.filter.Key, "key", "", "only what was done with the key of this name")
	flags.StringVar(&a.outcome, "outcome", "", "only what is done, failed, refused, or begun and not ended")
	flags.StringVar(&a.since, "since", "", "only from this time on: 2026-01-31T15:04:05Z, a day, or 1h ago")
	flags.StringVar(&a.until, "until", "", "only before this time")
	flags.IntVar(&a.limit, "limit", 50, "how many to list, up to 1000")
	a.output.flag(cmd)
	return cmd
}

type auditCommand struct {
	*cli
	connection
	filter                audit.Filter
	outcome, since, until string
	limit                 int
	output                format
}

func (a *auditCommand) run(ctx context.Context) (err error) {
	a.filter.Outcome = audit.Outcome(a.outcome)
	now := time.Now()
	if a.filter.Since, err = momentFlag("since", a.since, now); err != nil {
		return err
	}
	if a.filter.Until, err = momentFlag("until", a.until, now); err != nil {
		return err
	}
	conn, err := a.client(a.connection)
	if err != nil {
		return err
	}
	page, err := conn.Audit.List(ctx, a.filter, "", a.limit)
	if err != nil {
		return err
	}
	if a.output == formatJSON {
		return printJSON(a.stdout, page)
	}
	if len(page.Entries) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no entries")
		return err
	}
	table := newGrid("TIME", "WHO", "FROM", "ACTION", "OBJECT", "COUNT", "OUTCOME")
	table.less = []string{"FROM", "COUNT"}
	for _, e := range page.Entries {
		count, outcome := "", string(e.Outcome)
		if e.Count != nil {
			count = fmt.Sprint(*e.Count)
		}
		switch {
		case e.Error != "":
			outcome += ": " + shorten(e.Error, 60)
		case e.Reason != "":
			outcome += ": " + e.Reason
		case e.DryRun:
			outcome += " (dry run)"
		}
		table.row(e.Time.Format(time.RFC3339), e.Who(), e.From, e.Action, shorten(e.Object, 60), count, outcome)
	}
	if err := a.show(table); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(a.stderr, "there are more than %d entries: see --limit\n", a.limit)
	}
	return nil
}

package deadletters

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/dlq"
	"signalbox/spelling"
)

func newDLQListCommand(c *cli.Env) *cobra.Command {
	l := dlqList{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the oldest event first",
		Example: `  signalbox dlq list
  signalbox dlq list --target warehouse --error-code TIMEOUT --since 1h
  signalbox dlq list --pattern '{"source": ["shop.orders"]}' --output json`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	l.Flags(cmd)
	l.Watch(cmd)
	l.filter.flags(cmd)
	cmd.Flags().IntVar(&l.limit, "limit", 100, "how many to list at most; 0 lists all")
	return cmd
}

type dlqList struct {
	connect.Command
	filter letterFilter
	limit  int
}

func (l *dlqList) run(ctx context.Context) error {
	if l.limit < 0 {
		return cli.WrongUsage("--limit must not be negative")
	}
	filter, err := l.filter.filter(l.Env, nil)
	if err != nil {
		return err
	}
	return connect.Ask(ctx, &l.Command, func(ctx context.Context, conn *client.Client) (dlq.Page, error) {
		var all dlq.Page
		var err error
		all.Letters, all.Next, err = client.Pages(l.limit, func(cursor string, limit int) ([]*dlq.Letter, string, error) {
			page, err := conn.DeadLetters.List(ctx, filter, cursor, limit)
			return page.Letters, page.Next, err
		})
		if err == nil && len(all.Letters) == 0 && filter.Target != "" && l.Output == cli.Text {
			err = l.noteTarget(ctx, conn, filter.Target)
		}
		return all, err
	}, func(all dlq.Page) error { return l.print(filter, all) })
}

// noteTarget prints a note if nothing was found for a target that does not exist:
// it may be misspelt, and a target that was removed may still have letters.
func (l *dlqList) noteTarget(ctx context.Context, conn *client.Client, name string) error {
	all, err := conn.Targets.List(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	if !slices.Contains(names, name) {
		fmt.Fprintf(l.Stderr, "there is no target %q%s\n", name, spelling.Suggest(name, names))
	}
	return nil
}

func (l *dlqList) print(filter dlq.Filter, all dlq.Page) error {
	if len(all.Letters) == 0 {
		none := "no dead letters"
		if !filter.Empty() {
			none = "no dead letters that the filter chooses"
		}
		_, err := fmt.Fprintln(l.Stdout, none)
		return err
	}
	table := cli.NewGrid("ERROR", "TARGET", "ID", "DIED", "CODE", "RULE", "ATTEMPTS", "REDRIVEN", "EVENT")
	table.Text, table.Less = "ERROR", []string{"EVENT", "REDRIVEN", "ATTEMPTS", "CODE", "RULE", "DIED"}
	for _, x := range all.Letters {
		table.Row(cli.Shorten(cli.Cause(x.ErrorMessage), 80), x.Target, x.ID, x.DiedAt.Format(time.RFC3339), x.ErrorCode, x.Rule, x.Attempts, x.Redriven, x.EventID)
	}
	if err := l.Show(table); err != nil {
		return err
	}
	if all.Next != "" {
		fmt.Fprintf(l.Stderr, "more follow: --limit 0 lists all\n")
	}
	return nil
}

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
	"signalbox/commands/work"
)

func newWorkCommand(c *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Look at the work that commands have asked for, or cancel it",
		Long: `Each command has a work request, which tells what becomes of it: ACCEPTED,
IN_PROGRESS, SUCCEEDED, FAILED, CANCELING, CANCELED.`,
		Example: `  signalbox work list --open
  signalbox work show 0199a4c2-8f1e-7000-8000-5f3c9a1b2d4e
  signalbox work cancel 0199a4c2-8f1e-7000-8000-5f3c9a1b2d4e`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newWorkListCommand(c), newWorkShowCommand(c), newWorkCancelCommand(c))
	return cmd
}

type workList struct {
	connect.Command
	filter api.WorkFilter
	action string
	limit  int
}

func newWorkListCommand(c *cli.Env) *cobra.Command {
	l := workList{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List work requests, the latest first",
		Example: "  signalbox work list --operation CreateBdsInstance --open",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	l.Flags(cmd)
	l.Watch(cmd)
	flags := cmd.Flags()
	flags.StringVar(&l.action, "action-type", "", "only those in this state, such as IN_PROGRESS")
	flags.StringVar(&l.filter.Operation, "operation", "", "only those of this operation, the command's detail-type")
	flags.StringVar(&l.filter.Service, "service", "", "only those that this target handles")
	flags.StringVar(&l.filter.EntityType, "entity-type", "", "only those of this type of entity, such as bds-instance")
	flags.StringVar(&l.filter.CorrelationID, "correlation-id", "", "only those of this story")
	flags.BoolVar(&l.filter.Open, "open", false, "only those that have not ended")
	flags.IntVar(&l.limit, "limit", 50, "how many to list at most; 0 lists all")
	return cmd
}

func (l *workList) run(ctx context.Context) error {
	if l.limit < 0 {
		return cli.WrongUsage("--limit must not be negative")
	}
	l.filter.Action = work.Action(l.action)
	return connect.Ask(ctx, &l.Command, func(ctx context.Context, conn *client.Client) (all api.WorkPage, err error) {
		all.WorkRequests, all.Cursor, err = client.Pages(l.limit, func(cursor string, limit int) ([]*work.Request, string, error) {
			page, err := conn.WorkRequests.List(ctx, l.filter, cursor, limit)
			return page.WorkRequests, page.Cursor, err
		})
		return all, err
	}, l.print)
}

func (l *workList) print(page api.WorkPage) error {
	if len(page.WorkRequests) == 0 {
		_, err := fmt.Fprintln(l.Stdout, "no work requests")
		return err
	}
	table := cli.NewGrid("ID", "OPERATION", "SERVICE", "ACTION TYPE", "PERCENT", "ACCEPTED")
	table.Less = []string{"ACCEPTED", "SERVICE", "PERCENT"}
	for _, w := range page.WorkRequests {
		table.Row(w.ID, w.Operation, w.Service, w.Action, w.Percent, w.TimeAccepted.Format(time.RFC3339))
	}
	if err := l.Show(table); err != nil {
		return err
	}
	if page.Cursor != "" {
		fmt.Fprintf(l.Stderr, "there are more than %s: see --limit\n", cli.Count(l.limit, "work request"))
	}
	return nil
}

// workOne is a command about one work request.
type workOne struct {
	connect.Command
	ask func(w client.WorkRequests, ctx context.Context, id string) (*work.Request, error)
}

func newWorkShowCommand(c *cli.Env) *cobra.Command {
	return (&workOne{connect.Command{Env: c}, client.WorkRequests.Get}).command(
		"show", "Show a work request and its steps, by its id or its command's")
}

func newWorkCancelCommand(c *cli.Env) *cobra.Command {
	return (&workOne{connect.Command{Env: c}, client.WorkRequests.Cancel}).command(
		"cancel", "Ask the handler to end a work request")
}

func (o *workOne) command(name, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <id>",
		Short:   short,
		Example: "  signalbox work " + name + " 0199a4c2-8f1e-7000-8000-5f3c9a1b2d4e",
		Args:    cli.Takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.Flags(cmd)
	return cmd
}

func (o *workOne) run(ctx context.Context, id string) error {
	return connect.Ask(ctx, &o.Command, func(ctx context.Context, conn *client.Client) (*work.Request, error) {
		return o.ask(conn.WorkRequests, ctx, id)
	}, func(w *work.Request) error {
		printWork(o.Stdout, w)
		return nil
	})
}

// printWork shows a work request for people.
func printWork(out io.Writer, w *work.Request) {
	line := cli.Lines(out)
	line("id", w.ID)
	line("operation", w.Operation)
	line("service", fmt.Sprintf("%s, by rule %s", w.Service, w.Handler.Rule))
	line("entity", strings.TrimSpace(w.EntityType+" "+w.EntityID))
	line("action type", string(w.Action))
	line("percent", fmt.Sprintf("%g", w.Percent))
	if w.Error != nil {
		line("error", w.Error.Message)
		line("error code", w.Error.Code)
	}
	if w.CommandID != w.ID {
		line("command", w.CommandID)
	}
	if w.CorrelationID != w.CommandID {
		line("correlation", w.CorrelationID)
	}
	fmt.Fprintln(out, "\nsteps")
	for _, s := range w.History {
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %s  %-11s  %3g %%  %s", s.Time.Format(time.RFC3339), s.Action, s.Percent, s.Note), " "))
	}
}

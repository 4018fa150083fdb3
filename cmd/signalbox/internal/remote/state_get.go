package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/state"
)

func newStateGetCommand(c *cli.Env) *cobra.Command {
	g := stateGet{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "get <type> <key>",
		Short: "Print an object's state, now or at a moment, or all its changes",
		Long: `Print an object's state: the latest, that of a moment or of a version. With --history,
list its changes and the events that made them, the latest first, as long as the store
or an archive has those. What is partial says so, and why.`,
		Example: `  signalbox state get customer eu/42
  signalbox state get customer eu/42 --at 2h
  signalbox state get customer eu/42 --at 2026-01-31T15:04:05Z --output json
  signalbox state get customer eu/42 --history`,
		Args: cli.Takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return g.run(cmd, args[0], args[1]) },
	}
	g.Flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&g.version, "version", "", "this version in place of the latest, as long as its event is kept")
	flags.StringVar(&g.at, "at", "", "the state at that moment: 2026-01-31T15:04:05Z, a day, or a duration back from now such as 1h")
	flags.BoolVar(&g.history, "history", false, "all changes in place of a state")
	flags.IntVar(&g.limit, "limit", 50, "with --history: how many to list at most; 0 lists all")
	cmd.MarkFlagsMutuallyExclusive("version", "at", "history")
	return cmd
}

type stateGet struct {
	connect.Command
	version, at string
	history     bool
	limit       int
}

func (g *stateGet) run(cmd *cobra.Command, kind, key string) error {
	if g.history {
		return g.changes(cmd.Context(), kind, key)
	}
	if cmd.Flags().Changed("limit") {
		return cli.WrongUsage("--limit goes with --history")
	}
	at, err := cli.MomentFlag("at", g.at, time.Now())
	if err != nil {
		return err
	}
	ask := func(ctx context.Context, conn *client.Client) (*state.Object, error) {
		if g.at != "" {
			return conn.States.At(ctx, kind, key, at)
		}
		return conn.States.Get(ctx, kind, key, g.version)
	}
	return connect.Ask(cmd.Context(), &g.Command, ask, func(s *state.Object) error {
		g.incomplete(kind, s.KnownSince, s.Partial)
		if s.Fault != nil {
			fmt.Fprintf(g.Stderr, "%s could not be folded and left the state as it was; the latest is %s: %s\n",
				cli.Count(s.Failed, "event"), s.Fault.EventID, s.Fault.Message)
		}
		_, err := fmt.Fprintf(g.Stdout, "%s\n", s.State)
		return err
	})
}

// incomplete tells of events that are kept, and of which it is not known whether they belong here, and
// of those that nothing has any more.
func (g *stateGet) incomplete(kind string, since time.Time, partial string) {
	if partial != "" {
		fmt.Fprintf(g.Stderr, "partial: %s\n", partial)
	}
	if !since.IsZero() {
		fmt.Fprintf(g.Stderr, "changes before %s are not known: signalbox state rebuild %s\n", since.Format(time.RFC3339), kind)
	}
}

func (g *stateGet) changes(ctx context.Context, kind, key string) error {
	if g.limit < 0 {
		return cli.WrongUsage("--limit must not be negative")
	}
	ask := func(ctx context.Context, conn *client.Client) (all state.History, err error) {
		all.Changes, all.Next, err = client.Pages(g.limit, func(cursor string, limit int) ([]state.Change, string, error) {
			page, err := conn.States.History(ctx, kind, key, cursor, limit)
			all.KnownSince, all.Partial = page.KnownSince, page.Partial
			return page.Changes, page.Next, err
		})
		return all, err
	}
	return connect.Ask(ctx, &g.Command, ask, func(all state.History) error { return g.print(kind, &all) })
}

func (g *stateGet) print(kind string, all *state.History) error {
	g.incomplete(kind, all.KnownSince, all.Partial)
	if len(all.Changes) == 0 {
		_, err := fmt.Fprintln(g.Stdout, "no change is kept")
		return err
	}
	table := cli.NewGrid("AT", "DETAIL-TYPE", "EVENT", "STATE")
	table.Less = []string{"EVENT"}
	for _, c := range all.Changes {
		state := string(c.State)
		switch {
		case c.Fault != "":
			state = "(as before: " + c.Fault + ")"
		case c.Gone:
			state = "(gone)"
		}
		table.Row(c.At.Format(time.RFC3339Nano), c.DetailType, c.EventID, cli.Shorten(state, 100))
	}
	if err := g.Show(table); err != nil {
		return err
	}
	if all.Next != "" {
		fmt.Fprintln(g.Stderr, "there is more: --limit 0 lists all")
	}
	return nil
}

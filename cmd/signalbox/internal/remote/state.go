package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/state"
)

func newStateCommand(c *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look at the states of objects, now or at a moment",
		Long: `An audit message tells the state of an object. Other events change it where the
catalog declares how, with fold. The latest state of each object is kept, whatever
retention says, so that a new consumer can fill its cache from here and then follow
the events. Earlier ones are known as long as events are kept.`,
		Example: `  signalbox state list
  signalbox state list customer --prefix eu/
  signalbox state get customer eu/42
  signalbox state get customer eu/42 --at 2h
  signalbox state get customer eu/42 --history
  signalbox state rebuild customer`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateListCommand(c), newStateGetCommand(c), newStateRebuildCommand(c))
	return cmd
}

func newStateListCommand(c *cli.Env) *cobra.Command {
	l := stateList{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:     "list [type]",
		Short:   "List the types of objects, or the objects of a type",
		Example: "  signalbox state list\n  signalbox state list customer --prefix eu/",
		Args:    cli.Takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return l.types(cmd.Context())
			}
			return l.objects(cmd.Context(), args[0])
		},
	}
	l.Flags(cmd)
	l.Watch(cmd)
	cmd.Flags().StringVar(&l.prefix, "prefix", "", "only objects whose keys begin so")
	return cmd
}

type stateList struct {
	connect.Command
	prefix string
}

func (l *stateList) types(ctx context.Context) error {
	if l.prefix != "" {
		return cli.WrongUsage("--prefix is for the objects of a type: name the type")
	}
	ask := func(ctx context.Context, conn *client.Client) (api.StateTypes, error) { return conn.States.Types(ctx) }
	return connect.Ask(ctx, &l.Command, ask, func(all api.StateTypes) error {
		if len(all.Types) == 0 {
			fmt.Fprintln(l.Stderr, "no state is known: no audit message has come in, and none that the catalog declares with a fold")
		}
		for _, name := range all.Types {
			if _, err := fmt.Fprintln(l.Stdout, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *stateList) objects(ctx context.Context, kind string) error {
	ask := func(ctx context.Context, conn *client.Client) (all api.StatePage, err error) {
		all.Objects, all.Next, err = client.Pages(0, func(cursor string, _ int) ([]*state.Object, string, error) {
			page, err := conn.States.List(ctx, kind, l.prefix, cursor)
			return page.Objects, page.Next, err
		})
		return all, err
	}
	return connect.Ask(ctx, &l.Command, ask, func(all api.StatePage) error { return l.print(kind, all.Objects) })
}

func (l *stateList) print(kind string, objects []*state.Object) error {
	if len(objects) == 0 {
		_, err := fmt.Fprintf(l.Stdout, "no state of any %s is known\n", kind)
		return err
	}
	table := cli.NewGrid("KEY", "VERSION", "UPDATED", "EVENT", "STATE")
	table.Less = []string{"EVENT", "VERSION", "UPDATED"}
	for _, o := range objects {
		state := string(o.State)
		if o.Gone {
			state = "(gone)"
		}
		table.Row(o.Key, o.Version, o.Updated.Format(time.RFC3339), o.EventID, cli.Shorten(state, 60))
	}
	return l.Show(table)
}

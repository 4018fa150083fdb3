package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/state"
)

func newStateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look at the latest state of objects, as audit messages told it",
		Long: `An audit message tells the state of an object. The latest of each object is kept,
whatever retention says, so that a new consumer can fill its cache from here and
then follow the events.`,
		Example: `  signalbox state list
  signalbox state list customer --prefix eu/
  signalbox state get customer eu/42`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateListCommand(c), newStateGetCommand(c))
	return cmd
}

func newStateListCommand(c *cli) *cobra.Command {
	l := stateList{cli: c}
	cmd := &cobra.Command{
		Use:     "list [type]",
		Short:   "List the types of objects, or the objects of a type",
		Example: "  signalbox state list\n  signalbox state list customer --prefix eu/",
		Args:    takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return l.types(cmd.Context())
			}
			return l.objects(cmd.Context(), args[0])
		},
	}
	l.connection.flags(cmd)
	cmd.Flags().StringVar(&l.prefix, "prefix", "", "only objects whose keys begin so")
	l.output.flag(cmd)
	return cmd
}

type stateList struct {
	*cli
	connection
	prefix string
	output format
}

func (l *stateList) types(ctx context.Context) error {
	if l.prefix != "" {
		return wrongUsage("--prefix is for the objects of a type: name the type")
	}
	conn, err := l.client(l.connection)
	if err != nil {
		return err
	}
	all, err := conn.States.Types(ctx)
	if err != nil {
		return err
	}
	if l.output == formatJSON {
		return printJSON(l.stdout, all)
	}
	if len(all.Types) == 0 {
		fmt.Fprintln(l.stderr, "no state is known: no audit message has come in")
	}
	for _, name := range all.Types {
		if _, err := fmt.Fprintln(l.stdout, name); err != nil {
			return err
		}
	}
	return nil
}

func (l *stateList) objects(ctx context.Context, kind string) error {
	conn, err := l.client(l.connection)
	if err != nil {
		return err
	}
	all := api.StatePage{Objects: []*state.Object{}}
	for more := true; more; more = all.Next != "" {
		page, err := conn.States.List(ctx, kind, l.prefix, all.Next)
		if err != nil {
			return err
		}
		all.Objects, all.Next = append(all.Objects, page.Objects...), page.Next
	}
	if l.output == formatJSON {
		return printJSON(l.stdout, all)
	}
	if len(all.Objects) == 0 {
		_, err := fmt.Fprintf(l.stdout, "no state of any %s is known\n", kind)
		return err
	}
	table := newGrid("KEY", "VERSION", "UPDATED", "EVENT", "STATE")
	table.less = []string{"EVENT", "VERSION", "UPDATED"}
	for _, o := range all.Objects {
		state := string(o.State)
		if o.Gone {
			state = "(gone)"
		}
		table.row(o.Key, o.Version, o.Updated.Format(time.RFC3339), o.EventID, shorten(state, 60))
	}
	return l.show(table)
}

// shorten cuts a text after a number of characters.
func shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

func newStateGetCommand(c *cli) *cobra.Command {
	g := stateGet{cli: c}
	cmd := &cobra.Command{
		Use:     "get <type> <key>",
		Short:   "Print an object's state",
		Example: "  signalbox state get customer eu/42\n  signalbox state get customer eu/42 --output json",
		Args:    takes(2, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return g.run(cmd.Context(), args[0], args[1]) },
	}
	g.connection.flags(cmd)
	cmd.Flags().StringVar(&g.version, "version", "", "this version in place of the latest, as long as its event is kept")
	g.output.flag(cmd)
	return cmd
}

type stateGet struct {
	*cli
	connection
	version string
	output  format
}

func (g *stateGet) run(ctx context.Context, kind, key string) error {
	conn, err := g.client(g.connection)
	if err != nil {
		return err
	}
	s, err := conn.States.Get(ctx, kind, key, g.version)
	if err != nil {
		return err
	}
	if g.output == formatJSON {
		return printJSON(g.stdout, s)
	}
	_, err = fmt.Fprintf(g.stdout, "%s\n", s.State)
	return err
}

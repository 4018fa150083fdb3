package remote

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/sources"
)

func newSourcesCommand(c *cli.Env) *cobra.Command {
	s := sourcesCommand{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "sources",
		Short: "Look at sources; pause and resume them",
		Example: `  signalbox sources list
  signalbox sources pause orders
  signalbox sources resume orders`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.list(cmd.Context()) },
	}
	s.Flags(cmd)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List sources: their state, what waits at the broker, and what has come",
		Example: "  signalbox sources list\n  signalbox sources list --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.list(cmd.Context()) },
	}
	s.Output.Flag(list)
	s.Watch(list)
	cmd.AddCommand(list,
		s.verb("pause", "Take no more messages of a source in; they wait at the broker", client.Sources.Pause),
		s.verb("resume", "Let a source go on", client.Sources.Resume))
	return cmd
}

type sourcesCommand struct{ connect.Command }

type sourceAct func(client.Sources, context.Context, string) (sources.Status, error)

func (s *sourcesCommand) verb(name, short string, act sourceAct) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <source>",
		Short:   short,
		Example: "  signalbox sources " + name + " orders",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect.Ask(cmd.Context(), &s.Command, func(ctx context.Context, conn *client.Client) (sources.Status, error) {
				return act(conn.Sources, ctx, args[0])
			}, func(one sources.Status) error { return s.print(sourceList{[]sources.Status{one}}) })
		},
	}
	s.Output.Flag(cmd)
	return cmd
}

// sourceList is how sources are printed for programs.
type sourceList struct {
	Sources []sources.Status `json:"sources"`
}

func (s *sourcesCommand) list(ctx context.Context) error {
	return connect.Ask(ctx, &s.Command, func(ctx context.Context, conn *client.Client) (sourceList, error) {
		all, err := conn.Sources.List(ctx)
		return sourceList{all}, err
	}, s.print)
}

func (s *sourcesCommand) print(all sourceList) error {
	table := cli.NewGrid("SOURCE", "STATE", "WHY", "LAG", "RATE", "ACCEPTED", "DUPLICATE", "DEAD", "ERRORS", "TYPE")
	table.Text, table.Less = "WHY", []string{"TYPE", "DUPLICATE", "ERRORS", "RATE", "DEAD"}
	for _, one := range all.Sources {
		lag := "-"
		if one.Lag != nil {
			lag = fmt.Sprint(*one.Lag)
		}
		table.Row(one.Name, one.State, cmp.Or(one.Error, "-"), lag, fmt.Sprintf("%.1f/s", one.Rate),
			one.Accepted, one.Duplicates, one.Undecodable+one.Refused, one.Errors, one.Type)
	}
	return s.Show(table)
}

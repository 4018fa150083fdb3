package remote

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/router/pause"
	"signalbox/rules"
)

func newRulesCommand(c *cli.Env) *cobra.Command {
	r := rulesCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at rules; pause and resume them",
		Example: `  signalbox rules list
  signalbox rules pause big-orders
  signalbox rules resume big-orders --bus shop`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.list(cmd.Context()) },
	}
	r.Connection.Flags(cmd)
	r.output.Flag(cmd)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List rules: their state and what they suspend",
		Example: "  signalbox rules list\n  signalbox rules list --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.list(cmd.Context()) },
	}
	r.output.Flag(list)
	cmd.AddCommand(list,
		r.verb("pause", "Suspend a rule's deliveries; it continues to match", client.Rules.Pause),
		r.verb("resume", "Let a rule's deliveries continue", client.Rules.Resume))
	return cmd
}

type rulesCommand struct {
	*cli.Env
	connect.Connection
	bus    string
	output cli.Format
}

type ruleAct func(r client.Rules, ctx context.Context, bus, name string) (pause.Rule, error)

func (r *rulesCommand) verb(name, short string, act ruleAct) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <rule>",
		Short:   short,
		Example: "  signalbox rules " + name + " big-orders --bus shop",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conn, err := r.Client(r.Env)
			if err != nil {
				return err
			}
			p, err := act(conn.Rules, cmd.Context(), r.bus, args[0])
			if err != nil {
				return err
			}
			if r.output == cli.JSON {
				return cli.PrintJSON(r.Stdout, p)
			}
			_, err = fmt.Fprintf(r.Stdout, "rule %s on bus %s: %s, %d held\n", p.Name, p.Bus, p.State, p.Held)
			return err
		},
	}
	cmd.Flags().StringVar(&r.bus, "bus", rules.DefaultBus, "the rule's bus")
	r.output.Flag(cmd)
	return cmd
}

func (r *rulesCommand) list(ctx context.Context) error {
	conn, err := r.Client(r.Env)
	if err != nil {
		return err
	}
	all, err := conn.Rules.List(ctx)
	if err != nil {
		return err
	}
	if r.output == cli.JSON {
		return cli.PrintJSON(r.Stdout, map[string]any{"rules": all})
	}
	table := tabwriter.NewWriter(r.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BUS\tRULE\tSTATE\tHELD\tTARGETS")
	for _, x := range all {
		state, held := x.State, uint64(0)
		if x.Pause != nil {
			state, held = x.Pause.State, x.Pause.Held
		}
		names := make([]string, len(x.Targets))
		for i, t := range x.Targets {
			names[i] = t.Target
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", x.Bus, x.Name, state, held, strings.Join(names, ", "))
	}
	return table.Flush()
}

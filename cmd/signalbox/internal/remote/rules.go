package remote

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/router/pause"
	"signalbox/rules"
)

func newRulesCommand(c *cli.Env) *cobra.Command {
	r := rulesCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at rules; pause and resume them",
		Example: `  signalbox rules list
  signalbox rules pause big-orders
  signalbox rules resume big-orders --bus shop
  signalbox rules schedule nightly`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.list(cmd.Context()) },
	}
	r.Flags(cmd)
	list := &cobra.Command{
		Use:     "list",
		Short:   "List rules: their state and what they suspend",
		Example: "  signalbox rules list\n  signalbox rules list --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.list(cmd.Context()) },
	}
	r.Output.Flag(list)
	r.Watch(list)
	cmd.AddCommand(list,
		r.verb("pause", "Suspend a rule's deliveries; it continues to match", client.Rules.Pause),
		r.verb("resume", "Let a rule's deliveries continue", client.Rules.Resume),
		newExportCommand(&r.Command),
		newScheduleCommand(&r.Command),
		newShadowCommand(&r.Command))
	return cmd
}

type rulesCommand struct {
	connect.Command
	bus string
}

type ruleAct func(r client.Rules, ctx context.Context, bus, name string) (pause.Rule, error)

func (r *rulesCommand) verb(name, short string, act ruleAct) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name + " <rule>",
		Short:   short,
		Example: "  signalbox rules " + name + " big-orders --bus shop",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect.Ask(cmd.Context(), &r.Command, func(ctx context.Context, conn *client.Client) (pause.Rule, error) {
				return act(conn.Rules, ctx, r.bus, args[0])
			}, func(p pause.Rule) error {
				_, err := fmt.Fprintf(r.Stdout, "rule %s on bus %s: %s, %d suspended\n", p.Name, p.Bus, p.State, p.Held)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&r.bus, "bus", rules.DefaultBus, "the rule's bus")
	r.Output.Flag(cmd)
	return cmd
}

// ruleList is how rules are printed for programs.
type ruleList struct {
	Rules []client.Rule `json:"rules"`
}

func (r *rulesCommand) list(ctx context.Context) error {
	return connect.Ask(ctx, &r.Command, func(ctx context.Context, conn *client.Client) (ruleList, error) {
		all, err := conn.Rules.List(ctx)
		return ruleList{all}, err
	}, r.print)
}

func (r *rulesCommand) print(all ruleList) error {
	table := cli.NewGrid("RULE", "STATE", "SUSPENDED", "TARGETS", "BUS")
	table.Text, table.Less = "TARGETS", []string{"BUS"}
	for _, x := range all.Rules {
		state, held := x.State, uint64(0)
		if x.Pause != nil {
			state, held = x.Pause.State, x.Pause.Held
		}
		names := make([]string, len(x.Targets))
		for i, t := range x.Targets {
			names[i] = t.Target
		}
		table.Row(x.Name, state, held, strings.Join(names, ", "), x.Bus)
	}
	return r.Show(table)
}

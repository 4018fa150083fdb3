package remote

import (
	"context"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/diff"
	"signalbox/rules"
)

func newShadowCommand(c *connect.Command) *cobra.Command {
	s := shadowCommand{Command: c}
	cmd := &cobra.Command{
		Use:   "shadow <rule>",
		Short: "Show what a shadow rule would have sent",
		Long: `Plan past events with a rule in state shadow as if it were enabled, and show how many
deliveries it would have sent, to which targets, and some of them. Nothing is
delivered.`,
		Example: "  signalbox rules shadow big-orders\n  signalbox rules shadow big-orders --bus shop --since 7d --sample 10",
		Args:    cli.Takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args[0]) },
	}
	s.past.flags(cmd)
	cmd.Flags().StringVar(&s.past.bus, "bus", rules.DefaultBus, "the rule's bus")
	s.Output.Flag(cmd)
	return cmd
}

type shadowCommand struct {
	*connect.Command // that of rules, which has the flags
	past             pastFlags
}

func (s *shadowCommand) run(ctx context.Context, name string) error {
	asked, err := s.past.read(s.Env)
	if err != nil {
		return err
	}
	return connect.Ask(ctx, s.Command, func(ctx context.Context, conn *client.Client) (*diff.Result, error) {
		return conn.Rules.Shadow(ctx, name, asked)
	}, func(r *diff.Result) error { return printShadow(s.Stdout, r) })
}

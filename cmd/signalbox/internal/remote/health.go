package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newHealthCommand(c *cli.Env) *cobra.Command {
	h := healthCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the router whether it accepts events",
		Long: `Ask the router whether it accepts events. The exit code is 1, and the reason is
printed, where it does not, or does not answer in time. It is made for the health
checks of containers and service managers, and needs no key.`,
		Example: `  signalbox health
  signalbox health --live --url http://127.0.0.1:8080`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return h.run(cmd.Context()) },
	}
	h.Flags(cmd)
	cmd.Flags().BoolVar(&h.live, "live", false, "ask only whether the process answers")
	cmd.Flags().DurationVar(&h.timeout, "timeout", 3*time.Second, "how long to wait for an answer")
	return cmd
}

type healthCommand struct {
	connect.Command
	live    bool
	timeout time.Duration
}

// health is what a program is told.
type health struct {
	Status string `json:"status"`
}

func (h *healthCommand) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.timeout, fmt.Errorf("the router has not answered within %v", h.timeout))
	defer cancel()
	ask := func(ctx context.Context, c *client.Client) (health, error) {
		if h.live {
			return health{"alive"}, c.Health.Alive(ctx)
		}
		return health{"ready"}, c.Health.Ready(ctx)
	}
	return connect.Ask(ctx, &h.Command, ask, func(answer health) error {
		_, err := fmt.Fprintln(h.Stdout, answer.Status)
		return err
	})
}

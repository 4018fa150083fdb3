package remote

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newReloadCommand(c *cli.Env) *cobra.Command {
	r := reloadCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the router read its files again",
		Long: `Have the running router read config.yaml, the rule files and the catalog again. A
router does so by itself when they change; this command also tells whether they have
faults.

Where reload.max_change of the configuration refuses rules, --force takes them
nevertheless. See "signalbox diff" for what they would change.`,
		Example: "  signalbox reload\n  signalbox reload --force",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	r.Flags(cmd)
	cmd.Flags().BoolVar(&r.force, "force", false, "take the rules even if they change more than reload.max_change")
	return cmd
}

type reloadCommand struct {
	connect.Command
	force bool
}

func (r *reloadCommand) run(ctx context.Context) error {
	return connect.Ask(ctx, &r.Command, func(ctx context.Context, conn *client.Client) (api.Reloaded, error) {
		return conn.Rules.Reload(ctx, r.force)
	}, func(done api.Reloaded) error {
		what := "nothing has changed"
		if done.Changed {
			what = "the new rules serve"
		}
		if len(done.NeedRestart) > 0 {
			what += "; these options take effect at the next start: " + strings.Join(done.NeedRestart, ", ")
		}
		_, err := fmt.Fprintf(r.Stdout, "%s (revision %s)\n", what, done.Revision)
		return err
	})
}

package archives

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/archive/archiver"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newTakeOverCommand(c *cli.Env) *cobra.Command {
	t := connect.Command{Env: c}
	cmd := &cobra.Command{
		Use:   "take-over <archive>",
		Short: "Make the router write an archive that another one has written",
		Long: `An archive is written by one store. A router with another store does not write to it:
a new one, one that was restored from a backup, or a copy of which another copy runs.
If the one that has written it is gone for good, take the archive over. The router
then continues behind its latest segment, and finds in it what its own store never
had.

If the other router still runs, it notices before its next segment, and stops writing
to the archive.`,
		Example: "  signalbox archive take-over orders",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect.Ask(cmd.Context(), &t, func(ctx context.Context, conn *client.Client) (archiver.Listed, error) {
				return conn.Archives.TakeOver(ctx, args[0])
			}, func(l archiver.Listed) error {
				_, err := fmt.Fprintf(t.Stdout, "archive %s in %s is written by this router now: see signalbox archive list\n", l.Name, l.Place)
				return err
			})
		},
	}
	t.Flags(cmd)
	return cmd
}

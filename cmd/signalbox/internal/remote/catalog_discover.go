package remote

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/catalog"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/router"
)

// NewDiscover returns a command of the catalog.
func NewDiscover(c *cli.Env) *cobra.Command {
	d := catalogDiscover{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "Propose schemas from the events that are kept, and show drift",
		Long: `Ask the running router what the latest events that it keeps look like. For types
that are not declared, declarations are proposed, to be put into a catalog file;
for those that are, it is shown where events differ.

Exit codes: 0 no drift, 1 drift or a failure, 2 wrong usage.`,
		Example: "  signalbox catalog discover\n  signalbox catalog discover --since 24h --limit 50000",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	d.Flags(cmd)
	cmd.Flags().StringVar(&d.since, "since", "", "only events accepted since then: a time, or a duration back from now such as 24h")
	cmd.Flags().IntVar(&d.limit, "limit", api.DefaultDiscovered, "look at no more than this many events")
	return cmd
}

type catalogDiscover struct {
	connect.Command
	since string
	limit int
}

func (d *catalogDiscover) run(ctx context.Context) error {
	since, err := cli.MomentFlag("since", d.since, time.Now())
	if err != nil {
		return err
	}
	drift := false
	err = connect.Ask(ctx, &d.Command, func(ctx context.Context, conn *client.Client) (found *router.Discovered, err error) {
		found, err = conn.Catalog.Discover(ctx, since, d.limit)
		if err == nil {
			drift = slices.ContainsFunc(found.Types, func(t catalog.Discovery) bool { return len(t.Drift) > 0 })
		}
		return found, err
	}, d.print)
	if err == nil && drift {
		return cli.ErrReported
	}
	return err
}

func (d *catalogDiscover) print(found *router.Discovered) error {
	fmt.Fprintf(d.Stdout, "# %s looked at\ntypes:\n", cli.Count(found.Examined, "event"))
	for _, t := range found.Types {
		if t.Declared {
			fmt.Fprintf(d.Stdout, "# %s: declared, %s\n", cli.Escaped(t.Type, ""), cli.Count(t.Events, "event"))
			for _, line := range t.Drift {
				fmt.Fprintf(d.Stdout, "#   drift: %s\n", cli.Escaped(line, ""))
			}
			continue
		}
		text, err := t.Declaration()
		if err != nil {
			return err
		}
		if len(text) == 0 {
			text = []byte("#   left out: its sources hold a *, which would stand for others\n")
		}
		fmt.Fprintf(d.Stdout, "# %s: not declared, %s\n%s", cli.Escaped(t.Type, ""), cli.Count(t.Events, "event"), text)
	}
	return nil
}

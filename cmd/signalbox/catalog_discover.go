package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
)

func newCatalogDiscoverCommand(c *cli) *cobra.Command {
	d := catalogDiscover{cli: c}
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "Propose schemas from the events that are kept, and show drift",
		Long: `Ask the running router what the latest events that it keeps look like. For types
that are not declared, declarations are proposed, to be put into a catalog file;
for those that are, it is shown where events differ.

Exit codes: 0 no drift, 1 drift or a failure, 2 wrong usage.`,
		Example: "  signalbox catalog discover\n  signalbox catalog discover --since 24h --limit 50000",
		Args:    takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	d.connection.flags(cmd)
	cmd.Flags().StringVar(&d.since, "since", "", "only events accepted since then: a time, or a duration back from now such as 24h")
	cmd.Flags().IntVar(&d.limit, "limit", api.DefaultDiscovered, "look at no more than this many events")
	d.output.flag(cmd)
	return cmd
}

type catalogDiscover struct {
	*cli
	connection
	since  string
	limit  int
	output format
}

func (d *catalogDiscover) run(ctx context.Context) error {
	since, err := momentFlag("since", d.since, time.Now())
	if err != nil {
		return err
	}
	conn, err := d.client(d.connection)
	if err != nil {
		return err
	}
	found, err := conn.Catalog.Discover(ctx, since, d.limit)
	if err != nil {
		return err
	}
	drift := false
	for _, t := range found.Types {
		drift = drift || len(t.Drift) > 0
	}
	if d.output == formatJSON {
		err = printJSON(d.stdout, found)
	} else {
		fmt.Fprintf(d.stdout, "# %s looked at\ntypes:\n", count(found.Examined, "event"))
		for _, t := range found.Types {
			if t.Declared {
				fmt.Fprintf(d.stdout, "# %s: declared, %s\n", escaped(t.Type, ""), count(t.Events, "event"))
				for _, line := range t.Drift {
					fmt.Fprintf(d.stdout, "#   drift: %s\n", escaped(line, ""))
				}
				continue
			}
			text, err := t.Declaration()
			if err != nil {
				return err
			}
			fmt.Fprintf(d.stdout, "# %s: not declared, %s\n%s", escaped(t.Type, ""), count(t.Events, "event"), text)
		}
	}
	if err == nil && drift {
		return errReported
	}
	return err
}

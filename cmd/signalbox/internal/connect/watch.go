package connect

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
)

// Watch adds the flag with which a listing is shown again and again.
func (c *Command) Watch(cmd *cobra.Command) {
	cmd.Flags().DurationVarP(&c.every, "watch", "w", 0, "show it again each time this long has passed")
	cmd.Flags().Lookup("watch").NoOptDefVal = "2s"
	check := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("watch") && c.every < leastEvery {
			return cli.WrongUsage("--watch: at least %v must pass", leastEvery)
		}
		if check != nil {
			return check(cmd, args)
		}
		return nil
	}
}

// leastEvery keeps a mistyped unit from asking the router all the time.
const leastEvery = 100 * time.Millisecond

// watch shows a listing until it is interrupted: a terminal shows the latest, anything else gets
// one after the other. Only the first may fail: the router may be started again meanwhile.
func (c *Command) watch(ctx context.Context, show func() error) error {
	terminal := cli.IsTerminal(c.Stdout)
	for first := true; ; first = false {
		if terminal {
			fmt.Fprintf(cli.StreamOf(c.Stdout).(io.Writer), "\x1b[H\x1b[2J%s, every %v\n\n", time.Now().Format(time.TimeOnly), c.every)
		} else if !first && c.Output == cli.Text {
			fmt.Fprintln(c.Stdout)
		}
		err := show()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			fmt.Fprintf(c.Stderr, "%v\n", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.every):
		}
	}
}

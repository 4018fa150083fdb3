package connect

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
)

// Command is what commands that ask a running router have in common: where they run, the
// flags by which they reach the router, and --output.
type Command struct {
	*cli.Env
	Connection
	Output cli.Format
	every  time.Duration
}

// Flags adds the flags.
func (c *Command) Flags(cmd *cobra.Command) {
	c.Connection.Flags(cmd)
	c.Output.Flag(cmd)
}

// Client returns a client of the router that the flags, or else the configuration, name.
func (c *Command) Client() (*client.Client, error) { return c.Connection.Client(c.Env) }

// Print prints a result: as JSON where --output asks for it, else for people, as text does.
func (c *Command) Print(result any, text func() error) error {
	if c.Output == cli.JSON {
		return cli.PrintJSON(c.Stdout, result)
	}
	return text()
}

// Ask connects to the router, asks it, and prints what it answers: as JSON where --output
// says so, else for people, as text does.
func Ask[T any](ctx context.Context, c *Command, ask func(context.Context, *client.Client) (T, error), text func(T) error) error {
	conn, err := c.Client()
	if err != nil {
		return err
	}
	once := func() error {
		result, err := ask(ctx, conn)
		if err != nil {
			return err
		}
		return c.Print(result, func() error { return text(result) })
	}
	if c.every > 0 {
		return c.watch(ctx, once)
	}
	return once()
}

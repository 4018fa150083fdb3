package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/trace"
)

func newTailCommand(c *cli.Env) *cobra.Command {
	t := tailCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show events as they come, and where they go",
		Long: `Show events as they are accepted, with the targets that they go to, until you
interrupt it. --since begins in the past, with events of archives if the store has
dropped them. If the connection breaks, it continues
where it stopped. No event is missed, unless retention drops it in the meantime and
no archive has it.

--output json prints one event a line, with its envelope.`,
		Example: `  signalbox tail
  signalbox tail --source shop.orders --since 10m
  signalbox tail --output json | jq .event.detail`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context()) },
	}
	t.Flags(cmd)
	t.filter.flags(cmd)
	cmd.Flags().IntVar(&t.count, "count", 0, "end after this many events; 0 continues until it is interrupted")
	return cmd
}

type tailCommand struct {
	connect.Command
	filter eventFilter
	count  int
	shown  int
}

// errEnough ends a tail that has shown what it was asked for.
var errEnough = errors.New("enough")

// The waits between attempts to continue.
const (
	firstAgain = 500 * time.Millisecond
	lastAgain  = 10 * time.Second
)

func (t *tailCommand) run(ctx context.Context) error {
	if t.count < 0 {
		return cli.WrongUsage("--count must not be negative")
	}
	if err := t.filter.read(t.Env); err != nil {
		return err
	}
	conn, err := t.Client()
	if err != nil {
		return err
	}
	cursor, wait := "", firstAgain
	for {
		shown, begun := t.shown, cursor
		cursor, err = conn.Events.Follow(ctx, t.filter.Filter, cursor, t.Output == cli.JSON, t.show)
		if errors.Is(err, errEnough) {
			return nil
		}
		if !passing(err) || cursor == "" {
			return err
		}
		if t.shown > shown || cursor != begun {
			wait = firstAgain
		}
		fmt.Fprintf(t.Stderr, "cut off (%v); it continues in %s\n", err, wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		wait = min(2*wait, lastAgain)
	}
}

// passing reports whether an error may be gone when one tries again.
func passing(err error) bool {
	var (
		gone   *client.Unreachable
		answer *api.Error
	)
	return errors.Is(err, client.ErrCutOff) || errors.As(err, &gone) || errors.As(err, &answer) && answer.Status >= 500
}

func (t *tailCommand) show(e *trace.Listed, missing string) error {
	if e == nil {
		fmt.Fprintf(t.Stderr, "events may be missing here: %s\n", missing)
		return nil
	}
	if err := t.print(e); err != nil {
		return err
	}
	if t.shown++; t.shown == t.count {
		return errEnough
	}
	return nil
}

func (t *tailCommand) print(e *trace.Listed) error {
	if t.Output == cli.JSON {
		enc := json.NewEncoder(t.Stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(e)
	}
	bus, mark := "", ""
	if e.Bus != "default" {
		bus = " on " + e.Bus
	}
	if e.Synthetic {
		mark = " (synthetic)"
	}
	line := fmt.Sprintf("%s %s %s %s%s%s → %s", e.Received.Format(time.RFC3339Nano), e.ID, e.Source, e.DetailType, bus, mark, goesTo(e))
	_, err := fmt.Fprintln(t.Stdout, cli.Escaped(line, ""))
	return err
}

// goesTo names the targets of an event.
func goesTo(e *trace.Listed) string {
	var names []string
	for _, d := range e.Deliveries {
		names = append(names, d.Target)
	}
	if len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "(" + string(e.Outcome) + ")"
}

package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/commands"
)

func newSendCommand(c *cli.Env) *cobra.Command {
	s := sendCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "send [event file | - | JSON]",
		Short: "Send events to the router",
		Long: `Send events, and print their ids once they are on disk. The input is a file, JSON,
or - for standard input, and holds one event, an array, or one event a line. Each
is in EventBridge's envelope, an entry of PutEvents (Source, DetailType, Detail),
a CloudEvent, or an OCI event. With --source, --detail-type and --detail no input
is needed; beside it they replace what events say.

With --wait it waits until the deliveries of the events have ended, and prints
what came of each, as "signalbox events" does.

With --dry-run nothing is sent: it prints which rules would match and exactly what
would be sent where.

With --command or --query the input is one message for exactly one handler, and
what that answers within --wait is printed. Of a command that takes longer its
work request is printed; "signalbox work show" tells what becomes of it.

Exit codes: 0 all were accepted, 1 some were not, or the handler refused, or with
--wait a delivery is dead or has not ended in time, 2 wrong usage.`,
		Example: `  signalbox send event.json
  signalbox send event.json --wait 10s
  signalbox send event.json --dry-run
  signalbox send --source shop.orders --detail-type OrderCreated --detail '{"total": 120}'
  signalbox send --synthetic - < events.jsonl
  signalbox send --command --wait 10s create.json
  signalbox send --query count.json`,
		Args: cli.Takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	s.Flags(cmd)
	flags := cmd.Flags()
	s.said.flags(flags)
	flags.StringVar(&s.bus, "bus", "", "the bus to send to")
	flags.BoolVar(&s.dryRun, "dry-run", false, "say what would be sent where, and send nothing")
	flags.BoolVar(&s.synthetic, "synthetic", false, "mark the events as tests: only targets that allow it act on them")
	flags.BoolVar(&s.command, "command", false, "send a command: one handler, which may refuse it")
	flags.BoolVar(&s.query, "query", false, "send a query, and print the reply")
	flags.DurationVar(&s.wait, "wait", 0, "how long to wait for the deliveries of events, or for the handler's answer, up to 1m (default: 10s for a query, else not at all)")
	return cmd
}

type sendCommand struct {
	connect.Command
	said              said
	bus               string
	dryRun, synthetic bool
	command, query    bool
	wait              time.Duration
}

func (s *sendCommand) run(ctx context.Context, args []string) error {
	if err := s.flagsFit(); err != nil {
		return err
	}
	events, err := s.events(args)
	if err != nil {
		return err
	}
	conn, err := s.Client()
	if err != nil {
		return err
	}
	if (s.command || s.query) && !s.dryRun {
		return s.ask(ctx, conn, events)
	}
	bar := cli.NewProgress(s.Stderr)
	defer bar.End()
	all := client.Sent{DryRun: s.dryRun, Events: []client.SentResult{}}
	for _, group := range groups(events) {
		opts := client.SendOptions{Bus: group.bus, Synthetic: s.synthetic, DryRun: s.dryRun}
		sent, err := conn.Events.Send(ctx, group.body(), opts)
		if err != nil {
			if n := len(all.Events); n > 0 {
				err = fmt.Errorf("after %s: %w", cli.Count(n, "event"), err)
			}
			return err
		}
		all.Events = append(all.Events, sent.Events...)
		if len(events) > len(sent.Events) {
			bar.Show(len(all.Events), len(events))
		}
	}
	bar.End()
	if s.wait > 0 {
		return s.follow(ctx, conn, all)
	}
	return s.print(all)
}

// flagsFit checks the flags that go together or do not.
func (s *sendCommand) flagsFit() error {
	switch {
	case s.command && s.query:
		return cli.WrongUsage("--command and --query: a message is one of them")
	case s.wait != 0 && s.dryRun:
		return cli.WrongUsage("--wait and --dry-run: nothing is sent that could be waited for")
	case s.wait < 0 || s.wait > commands.MaxWait:
		return cli.WrongUsage("--wait %v: write a time up to %v", s.wait, commands.MaxWait)
	}
	return nil
}

// events reads the input and applies the flags.
func (s *sendCommand) events(args []string) ([]outgoing, error) {
	if len(args) == 0 && !s.said.any() {
		return nil, cli.WrongUsage("name a file, - for standard input, or give --source, --detail-type and --detail")
	}
	text := []byte("{}")
	if len(args) > 0 {
		var err error
		if text, err = s.ReadInput("event", args[0]); err != nil {
			return nil, err
		}
	}
	events, err := splitEvents(text)
	if err != nil {
		return nil, err
	}
	for i := range events {
		if err := events[i].override(s.said, s.bus); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// print prints what came of the events.
func (s *sendCommand) print(sent client.Sent) error {
	failed := false
	for _, e := range sent.Events {
		failed = failed || e.Error != nil
	}
	if s.Output == cli.JSON {
		if err := cli.PrintJSON(s.Stdout, sent); err != nil {
			return err
		}
	} else {
		for i, e := range sent.Events {
			switch {
			case e.Error != nil:
				fmt.Fprintf(s.Stderr, "event %d: %v\n", i+1, e.Error)
			case e.Plan != nil:
				printPlan(s.Stdout, e.Plan)
			default:
				fmt.Fprintln(s.Stdout, e.ID)
			}
		}
		if s.dryRun {
			fmt.Fprintln(s.Stdout, "This was a dry run: nothing was sent.")
		}
	}
	if failed {
		return cli.ErrReported
	}
	return nil
}

package archives

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/archive/past"
	"signalbox/archive/segment"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/rules/pattern"
)

func newExportCommand(c *cli.Env) *cobra.Command {
	e := exportCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "export [archive]",
		Short: "Print events of an archive as lines of JSON",
		Long: `Print the events of an archive as lines of JSON, the oldest first: those in its
segments, and then those that the store still has and that the archive takes.

A line has the event with its number, time and bus; --output events prints the event
alone, in EventBridge's envelope.

With --folder, print what is in the segments in a folder: no router is asked.`,
		Example: `  signalbox archive export orders --since 30d | jq .event.detail
  signalbox archive export orders --pattern '{"detail": {"total": [{"numeric": [">", 100]}]}}'
  signalbox archive export --folder /mnt/copy/orders --until 2026-01-31`,
		Args: cli.Takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args) },
	}
	e.between.flags(cmd)
	e.of.flags(cmd)
	cmd.Flags().StringVar(&e.pattern, "pattern", "", "only events that match this pattern: a file or JSON")
	e.output.FlagOf(cmd, "lines", "events")
	cmd.Flags().BoolVar(&e.skipDamaged, "skip-damaged", false, "go on without segments that are missing or damaged")
	e.Connection.Flags(cmd)
	return cmd
}

type exportCommand struct {
	*cli.Env
	connect.Connection
	between     between
	of          offline
	pattern     string
	skipDamaged bool
	output      cli.Choice
}

func (e *exportCommand) run(ctx context.Context, args []string) error {
	var req client.ExportRequest
	var err error
	if req.Since, req.Until, err = e.between.read(); err != nil {
		return err
	}
	if req.Pattern, err = e.PatternFlag(e.pattern); err != nil {
		return err
	}
	req.SkipDamaged = e.skipDamaged
	if e.output.Format == "events" {
		e.Env.Stdout = segment.EventsOnly(e.Stdout)
	}
	if e.of.folder != "" {
		return e.fromFolder(ctx, args, req)
	}
	if len(args) == 0 {
		return cli.WrongUsage("name an archive, or give --folder")
	}
	conn, err := e.Connection.Client(e.Env)
	if err != nil {
		return err
	}
	return conn.Archives.Export(ctx, args[0], req, e.Stdout)
}

// fromFolder prints what is in a folder.
func (e *exportCommand) fromFolder(ctx context.Context, args []string, req client.ExportRequest) error {
	files, err := e.of.files(ctx, e.Env, args)
	if err != nil {
		return err
	}
	chosen := past.Export{Since: req.Since, Until: req.Until}
	if req.Pattern != nil {
		p, err := pattern.Parse(req.Pattern, pattern.Options{Extensions: true})
		if err != nil {
			return cli.WrongUsage("--pattern: %v", err)
		}
		if chosen.Pattern, err = pattern.Compile([]*pattern.Pattern{p}); err != nil {
			return err
		}
	}
	reader := &past.Reader{
		Archives: func() []*segment.Files { return files },
		Skip: func(err error) bool {
			_, damaged := errors.AsType[*segment.DamagedError](err)
			if damaged && req.SkipDamaged {
				fmt.Fprintf(e.Stderr, "skipped: %v\n", err)
			}
			return damaged && req.SkipDamaged
		},
	}
	err = reader.ExportTo(ctx, e.Stdout, chosen)
	if _, damaged := errors.AsType[*segment.DamagedError](err); damaged {
		err = fmt.Errorf("%w; put a copy of it back, or go on without it by --skip-damaged", err)
	}
	return err
}

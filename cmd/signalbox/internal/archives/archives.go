// Package archives is the commands of archives: list, verify, export.
package archives

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/archive/archiver"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

// New returns the command archive, with those below it.
func New(c *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Look at archives, verify them, and print their events",
		Long: `Archives keep events for longer than the store, as compressed segments in a folder.
Look at them, compare them with their checksums, and print their events.`,
		Example: `  signalbox archive list
  signalbox archive verify
  signalbox archive export orders --since 30d`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newListCommand(c), newVerifyCommand(c), newExportCommand(c), newTakeOverCommand(c))
	return cmd
}

func newListCommand(c *cli.Env) *cobra.Command {
	l := listCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "list [archive]",
		Short: "List archives, or the segments of one",
		Long: `List all archives: what is in them, up to when everything is archived, and what keeps
them from being written. With the name of an archive, list its segments.`,
		Example: "  signalbox archive list\n  signalbox archive list orders --since 7d",
		Args:    cli.Takes(0, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), args) },
	}
	l.between.flags(cmd)
	l.Flags(cmd)
	l.Watch(cmd)
	return cmd
}

// between is the flags of a range of time.
type between struct{ since, until string }

func (b *between) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.since, "since", "", "only events accepted since then: 2026-01-31T15:04:05Z, a day, or a duration back from now such as 30d")
	cmd.Flags().StringVar(&b.until, "until", "", "only events accepted before then: a time, a day, or a duration back from now")
}

func (b *between) read() (since, until time.Time, err error) {
	now := time.Now()
	if since, err = cli.MomentFlag("since", b.since, now); err == nil {
		until, err = cli.MomentFlag("until", b.until, now)
	}
	if err == nil && !until.IsZero() && until.Before(since) {
		err = cli.WrongUsage("--until is before --since")
	}
	return since, until, err
}

type listCommand struct {
	connect.Command
	between between
}

func (l *listCommand) run(ctx context.Context, args []string) error {
	since, until, err := l.between.read()
	if err != nil {
		return err
	}
	if len(args) == 0 && l.between != (between{}) {
		return cli.WrongUsage("--since and --until choose segments: name an archive")
	}
	if len(args) == 0 {
		return connect.Ask(ctx, &l.Command, func(ctx context.Context, conn *client.Client) (api.ArchiveList, error) {
			all, err := conn.Archives.List(ctx)
			return api.ArchiveList{Archives: all}, err
		}, l.print)
	}
	return connect.Ask(ctx, &l.Command, func(ctx context.Context, conn *client.Client) (all api.SegmentList, err error) {
		for more := true; more && err == nil; more = all.NextCursor != "" {
			var part api.SegmentList
			part, err = conn.Archives.Segments(ctx, args[0], since, until, all.NextCursor, segmentPage)
			all.Segments, all.NextCursor = append(all.Segments, part.Segments...), part.NextCursor
		}
		return all, err
	}, l.printSegments)
}

// segmentPage is how many segments are asked for at once.
const segmentPage = 1000

// timeForm is how times are printed.
const timeForm = "2006-01-02 15:04:05Z07:00"

func timeText(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format(timeForm)
}

func (l *listCommand) print(all api.ArchiveList) error {
	table := cli.NewGrid("ARCHIVE", "PROBLEM", "EVENTS", "SEGMENTS", "SIZE", "FIRST", "LAST", "ARCHIVED TO", "BEHIND", "KEPT", "PLACE")
	table.Text, table.Less = "PROBLEM", []string{"PLACE", "SEGMENTS", "FIRST", "LAST", "KEPT", "SIZE"}
	for i := range all.Archives {
		a := &all.Archives[i]
		cells := append([]any{a.Name, problem(a)}, content(a)...)
		table.Row(append(cells, timeText(a.ArchivedTo), behind(a), kept(a), a.Place)...)
	}
	return l.Show(table)
}

// content returns the columns of what is in an archive.
func content(a *archiver.Listed) []any {
	c := a.Content
	if c == nil {
		return []any{"?", "?", "?", "?", "?"}
	}
	return []any{c.Events, c.Segments, cli.Megabytes(c.Bytes), timeText(c.First), timeText(c.Last)}
}

func behind(a *archiver.Listed) string {
	if a.BehindSeconds == 0 {
		return "-"
	}
	return (time.Duration(a.BehindSeconds) * time.Second).String()
}

func kept(a *archiver.Listed) string {
	if a.RetentionDays == 0 {
		return "for ever"
	}
	return cli.Count(a.RetentionDays, "day")
}

func problem(a *archiver.Listed) string {
	return cmp.Or(a.Error, a.ContentError, "-")
}

func (l *listCommand) printSegments(all api.SegmentList) error {
	table := cli.NewGrid("SEGMENT", "FIRST", "LAST", "EVENTS", "SIZE", "UNPACKED")
	table.Less = []string{"UNPACKED", "LAST", "FIRST"}
	for i := range all.Segments {
		s := &all.Segments[i]
		table.Row(s.Path, timeText(s.FirstTime), timeText(s.LastTime), s.Count, cli.Megabytes(s.Bytes), cli.Megabytes(s.ContentBytes))
	}
	return l.Show(table)
}

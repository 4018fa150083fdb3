package archives

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signalbox/archive/archiver"
	"signalbox/archive/place"
	"signalbox/archive/segment"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/targets/egress"
)

func newVerifyCommand(c *cli.Env) *cobra.Command {
	v := verifyCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "verify [archive]...",
		Short: "Compare archives with their checksums and counts",
		Long: `Read every segment of the archives of the configuration, or of those that are named,
and compare it with its manifest: checksum, size, count, order, first and last event.
It also tells of segments that are missing. It changes nothing, and asks no router:
one may be running. With --url, the router of that address does it.

With --folder, verify the archive in a folder, such as a copy: the folder that has
archive.json in it.

Exit codes: 0 no damage, 1 damage or nothing to read, 2 wrong usage.`,
		Example: "  signalbox archive verify\n  signalbox archive verify orders --output json\n  signalbox archive verify --folder /mnt/copy/orders",
		RunE:    func(cmd *cobra.Command, args []string) error { return v.run(cmd.Context(), args) },
	}
	v.of.flags(cmd)
	v.output.Flag(cmd)
	v.Connection.Flags(cmd)
	return cmd
}

type verifyCommand struct {
	*cli.Env
	connect.Connection
	of     offline
	output cli.Format
}

// verified is the result of all archives.
type verified struct {
	OK       bool              `json:"ok"`
	Archives []segment.Checked `json:"archives"`
}

func (v *verifyCommand) run(ctx context.Context, names []string) error {
	look := v.files
	if v.Given() && v.of.folder == "" {
		look = v.ask
	}
	all, err := look(ctx, names)
	if err != nil {
		return err
	}
	result := verified{OK: true, Archives: all}
	for i := range all {
		result.OK = result.OK && len(all[i].Damage) == 0
	}
	if v.output == cli.JSON {
		err = cli.PrintJSON(v.Stdout, result)
	} else {
		err = v.print(&result)
	}
	if err == nil && !result.OK {
		return cli.ErrReported
	}
	return err
}

// files verifies without a router.
func (v *verifyCommand) files(ctx context.Context, names []string) (all []segment.Checked, err error) {
	found, err := v.of.files(ctx, v.Env, names)
	if err != nil {
		return nil, err
	}
	for _, files := range found {
		tally := cli.NewTally(v.Stderr, "verified")
		checked, err := files.Check(ctx, tally.Show)
		tally.End()
		if err != nil {
			return nil, err
		}
		all = append(all, checked)
	}
	return all, nil
}

// askEvery is how often the router is asked how far it has come.
const askEvery = 300 * time.Millisecond

// ask has the router verify.
func (v *verifyCommand) ask(ctx context.Context, names []string) (all []segment.Checked, err error) {
	conn, err := v.Client(v.Env)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		listed, err := conn.Archives.List(ctx)
		if err != nil {
			return nil, err
		}
		for i := range listed {
			names = append(names, listed[i].Name)
		}
	}
	for _, name := range names {
		tally := cli.NewTally(v.Stderr, "verified")
		now, err := conn.Archives.Verify(ctx, name)
		for err == nil && now.Running {
			tally.Show(now.Done)
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(askEvery):
			}
			now, err = conn.Archives.Verification(ctx, name)
		}
		tally.End()
		if err == nil && now.Checked == nil {
			err = fmt.Errorf("archive %q: %s", name, now.Error)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *now.Checked)
	}
	return all, nil
}

func (v *verifyCommand) print(result *verified) (err error) {
	for i := range result.Archives {
		a := &result.Archives[i]
		for _, damage := range a.Damage {
			fmt.Fprintln(v.Stdout, damage)
		}
		_, err = fmt.Fprintf(v.Stdout, "archive %s in %s: %s in %s, %s, %s to %s: %s\n", a.Archive, a.Place, cli.Count(a.Events, "event"),
			cli.Count(a.Segments, "segment"), cli.Megabytes(a.Bytes), timeText(a.First), timeText(a.Last), damages(len(a.Damage)))
	}
	return err
}

func damages(n int) string {
	if n == 0 {
		return "ok"
	}
	return fmt.Sprintf("%d damaged", n)
}

// offline finds archives without a router.
type offline struct{ folder string }

func (o *offline) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.folder, "folder", "", "the archive in this folder, in place of those of the configuration")
}

// files returns the archives that are named, or all.
func (o *offline) files(ctx context.Context, c *cli.Env, names []string) ([]*segment.Files, error) {
	if o.folder != "" {
		if len(names) > 0 {
			return nil, cli.WrongUsage("--folder says which archive: name none")
		}
		f, err := segment.Named(ctx, place.Folder{Root: o.folder})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.folder, err)
		}
		return []*segment.Files{f}, nil
	}
	cfg, set, err := c.Load()
	if err != nil {
		return nil, err
	}
	guard, err := egress.New(cfg.Egress)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(set.Archives))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s and the rule files declare no archives; to look at one in a folder, use --folder", c.ConfigPath)
	}
	return archiver.FilesOf(set.Archives, names, place.Env{Egress: guard})
}

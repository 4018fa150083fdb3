package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/archive/archiver"
	"signalbox/archive/place"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/config"
	"signalbox/diff"
	"signalbox/document"
	"signalbox/journal"
	"signalbox/rules"
	"signalbox/rules/files"
	"signalbox/targets/egress"
)

func newDiffCommand(c *cli.Env) *cobra.Command {
	d := diffCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "diff --rules <files>",
		Short: "Show what other rules would have made of past events",
		Long: `Plan the events of the past with the rules that serve and with others, and show the
deliveries that these would gain, lose or change (the body, the ordering key), by rule
and target, with samples and the reasons. Nothing is delivered.

The candidate's files stand in place of all rule files; config.yaml and the catalog
stay as they are. The running router compares, for up to a minute: the latest events
first. With --store the store of a router that does not run, or a backup, is read
instead, with the archives of the configuration, for as long as it takes, and the
rules before are those of the configuration, or --against.

A delivery is moved where another rule makes it, to the same target with the same
content; that is no change. Test events (synthetic) are left out, and repeats are not
in the store. See docs/time.md for what else can't be compared.

Exit codes: 0 compared, 1 a failure, or more changed than --max-change, 2 wrong usage.`,
		Example: `  signalbox diff --rules rules/
  signalbox diff --rules new/ --since 7d --bus shop --max-change 1%
  signalbox diff --rules new/ --against old/ --store /backups/signalbox-monday --output json`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	d.Flags(cmd)
	d.past.flags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&d.rules, "rules", nil, "the rule files of the candidate, or directories of them")
	flags.StringVar(&d.past.bus, "bus", "", "look at events on this bus")
	flags.StringVar(&d.most, "max-change", "", "fail if more of the deliveries change, such as 1%")
	flags.StringVar(&d.store, "store", "", "read the events of this store or backup; no router is asked")
	flags.StringArrayVar(&d.against, "against", nil, "with --store: the rule files to compare with, in place of the configuration's")
	return cmd
}

type diffCommand struct {
	connect.Command
	past           pastFlags
	rules, against []string
	most, store    string
}

func (d *diffCommand) run(ctx context.Context) error {
	switch {
	case len(d.rules) == 0:
		return cli.WrongUsage("name the rule files of the candidate with --rules")
	case len(d.against) > 0 && d.store == "":
		return cli.WrongUsage("--against goes with --store: a running router compares with the rules that serve")
	}
	var most *document.Percent
	if d.most != "" {
		most = new(document.Percent)
		if err := most.UnmarshalText([]byte(d.most)); err != nil {
			return cli.WrongUsage("--max-change: %w", err)
		}
	}
	asked, err := d.past.read(d.Env)
	if err != nil {
		return err
	}
	compare := d.ask
	if d.store != "" {
		compare = d.offline
	}
	result, err := compare(ctx, asked)
	if wrong, ok := errors.AsType[*diff.RangeError](err); ok {
		return cli.WrongUsage("%w", wrong)
	}
	if err != nil {
		return err
	}
	if err := d.Print(result, func() error { return printDiff(d.Stdout, result) }); err != nil || most == nil {
		return err
	}
	if result.Events == 0 {
		return errors.New("no event was compared, so --max-change says nothing: give an earlier --since")
	}
	return result.Check(*most)
}

// ask has the running router compare.
func (d *diffCommand) ask(ctx context.Context, asked diff.Range) (*diff.Result, error) {
	req := api.DiffRequest{Range: asked}
	var paths []string
	for _, pattern := range d.rules {
		found, err := files.Find(pattern)
		if err != nil {
			return nil, fmt.Errorf("--rules %s: %w", pattern, err)
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		text, err := files.Read(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		req.Rules = append(req.Rules, api.RuleDocument{Name: path, Text: string(text)})
	}
	if len(req.Rules) == 0 {
		return nil, fmt.Errorf("--rules %s: no rule file (.yaml, .yml or .json) is there", d.rules[0])
	}
	conn, err := d.Client()
	if err != nil {
		return nil, err
	}
	return conn.Rules.Diff(ctx, req)
}

// offline compares on a store that no router has open.
func (d *diffCommand) offline(ctx context.Context, asked diff.Range) (*diff.Result, error) {
	cfg, err := d.ConfigOrDefault()
	if err != nil {
		return nil, err
	}
	o := diff.Options{PublicURL: cmp.Or(cfg.PublicURL, cli.Reachable(cfg.TLS.Scheme(), cfg.Listen))}
	if err := asked.Apply(&o, time.Now()); err != nil {
		return nil, err
	}
	if o.Before, err = rulesOf(*cfg, d.against); err != nil {
		return nil, err
	}
	if o.After, err = rulesOf(*cfg, d.rules); err != nil {
		return nil, err
	}
	store, err := journal.OpenReadOnly(d.store)
	if errors.Is(err, journal.ErrLocked) {
		return nil, fmt.Errorf("the router is running on %s: leave --store out to ask it", d.store)
	}
	if err != nil {
		return nil, err
	}
	result, err := d.compare(ctx, cfg, store, o)
	return result, errors.Join(err, store.Close())
}

// compare compares on a store, and on the archives of the rules before.
func (d *diffCommand) compare(ctx context.Context, cfg *config.Config, store *journal.ReadOnly, o diff.Options) (*diff.Result, error) {
	guard, err := egress.New(cfg.Egress)
	if err != nil {
		return nil, err
	}
	if o.Events, err = archiver.Offline(store, o.Before.Archives, place.Env{Egress: guard}); err != nil {
		return nil, err
	}
	return diff.Run(ctx, o)
}

// rulesOf loads rules with other files, or with those of the configuration where there are none.
func rulesOf(cfg config.Config, paths []string) (*rules.Set, error) {
	if len(paths) > 0 {
		var err error
		if cfg.Rules, err = absolute(paths); err != nil {
			return nil, err
		}
	}
	set, err := cfg.LoadRules()
	if err != nil {
		return nil, fmt.Errorf("the rules have faults:\n%w", err)
	}
	return set, nil
}

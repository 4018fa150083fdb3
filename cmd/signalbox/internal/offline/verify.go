package offline

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/commands"
	"signalbox/config"
	"signalbox/dlq"
	"signalbox/journal"
	"signalbox/journal/backup"
	"signalbox/replay"
)

func newVerifyCommand(c *cli.Env) *cobra.Command {
	verify := verifyCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "verify [directory]",
		Short: "Check the store, or a backup, against itself",
		Long: `Check the store against itself: the accounts of every target with what lies on
disk, every pending delivery with its event, the indexes, states, traces and work
requests with the events, parked deliveries with their ordering keys, held ones with
their pauses, and that each record can be read. It changes nothing. The router must
not be running.

With a directory, check the backup in it: every file with what the backup says of it,
and then as a store.

Exit codes: 0 no faults, 1 faults or no store to read, 2 wrong usage.`,
		Example: "  signalbox verify\n  signalbox verify --output json\n  signalbox verify /backups/signalbox-monday",
		Args:    cli.Takes(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return verify.run(args) },
	}
	verify.output.Flag(cmd)
	return cmd
}

type verifyCommand struct {
	*cli.Env
	output cli.Format
}

func (c *verifyCommand) run(args []string) error {
	dir, err := c.directory(args)
	if err != nil {
		return err
	}
	if backup.Is(dir) {
		checked := cli.NewTally(c.Stderr, "checked")
		_, err := backup.Check(dir, checked.Show)
		checked.End()
		if err != nil {
			return err
		}
	}
	report, err := verifyStore(c.Env, dir)
	if errors.Is(err, journal.ErrLocked) {
		return fmt.Errorf("the router is running on %s: stop it first; the accounts of a running one are at GET /v1/accounts", dir)
	}
	if err != nil {
		return err
	}
	if c.output == cli.JSON {
		err = cli.PrintJSON(c.Stdout, report)
	} else {
		err = c.print(&report)
	}
	if err == nil && report.FaultCount > 0 {
		return cli.ErrReported
	}
	return err
}

// directory is the one that is asked for, or that of the configuration.
func (c *verifyCommand) directory(args []string) (string, error) {
	if len(args) > 0 {
		return filepath.Clean(args[0]), nil
	}
	cfg, err := config.Load(c.ConfigPath)
	if err != nil {
		return "", fmt.Errorf("the configuration has faults:\n%w", err)
	}
	return cfg.DataDir, nil
}

// verifyStore checks the store in a directory against itself.
func verifyStore(c *cli.Env, dir string) (journal.Report, error) {
	var progress func(uint64)
	if cli.IsTerminal(c.Stderr) {
		progress = func(keys uint64) { fmt.Fprintf(cli.StreamOf(c.Stderr).(io.Writer), "\r%d keys read ", keys) }
		defer fmt.Fprintln(c.Stderr)
	}
	return journal.Verify(dir, nil, journal.Readers{Job: checkJob, Work: commands.CheckWork}, progress)
}

// checkJob checks what a job has written of itself.
func checkJob(id string, state []byte) error {
	kind, name := journal.KindOfJob(id)
	if kind == journal.JobReplay {
		return replay.CheckJob(name, state)
	}
	return dlq.CheckJob(name, state)
}

func (c *verifyCommand) print(r *journal.Report) error {
	d := r.Deliveries
	fmt.Fprintf(c.Stdout, "events      %d kept of %d accepted, %d duplicates\n", r.Events, r.Accepted.Accepted, r.Accepted.Duplicates)
	fmt.Fprintf(c.Stdout, "deliveries  %d planned = %d delivered + %d dead + %d pending + %d dropped + %d logged\n", d.Planned, d.Delivered, d.Dead, d.Pending(), d.Dropped, d.Logged)
	for _, n := range r.Notes {
		fmt.Fprintf(c.Stdout, "note: %s\n", n)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(c.Stdout, "fault: %s\n", f)
	}
	if more := r.FaultCount - len(r.Faults); more > 0 {
		fmt.Fprintf(c.Stdout, "and %d more\n", more)
	}
	_, err := fmt.Fprintf(c.Stdout, "%d faults\n", r.FaultCount)
	return err
}

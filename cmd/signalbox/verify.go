package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/commands"
	"signalbox/config"
	"signalbox/dlq"
	"signalbox/journal"
	"signalbox/journal/backup"
)

func newVerifyCommand(c *cli) *cobra.Command {
	verify := verifyCommand{cli: c}
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
		Args:    takes(0, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return verify.run(args) },
	}
	verify.output.flag(cmd)
	return cmd
}

type verifyCommand struct {
	*cli
	output format
}

func (c *verifyCommand) run(args []string) error {
	dir, err := c.directory(args)
	if err != nil {
		return err
	}
	if backup.Is(dir) {
		checked := newTally(c.stderr, "checked")
		_, err := backup.Check(dir, checked.show)
		checked.end()
		if err != nil {
			return err
		}
	}
	report, err := c.verifyStore(dir)
	if errors.Is(err, journal.ErrLocked) {
		return fmt.Errorf("the router is running on %s: stop it first; the accounts of a running one are at GET /v1/accounts", dir)
	}
	if err != nil {
		return err
	}
	if c.output == formatJSON {
		err = printJSON(c.stdout, report)
	} else {
		err = c.print(&report)
	}
	if err == nil && report.FaultCount > 0 {
		return errReported
	}
	return err
}

// directory is the one that is asked for, or that of the configuration.
func (c *verifyCommand) directory(args []string) (string, error) {
	if len(args) > 0 {
		return filepath.Clean(args[0]), nil
	}
	cfg, err := config.Load(c.configPath)
	if err != nil {
		return "", fmt.Errorf("the configuration has faults:\n%w", err)
	}
	return cfg.DataDir, nil
}

// verifyStore checks the store in a directory against itself.
func (c *cli) verifyStore(dir string) (journal.Report, error) {
	var progress func(uint64)
	if isTerminal(c.stderr) {
		progress = func(keys uint64) { fmt.Fprintf(streamOf(c.stderr).(io.Writer), "\r%d keys read ", keys) }
		defer fmt.Fprintln(c.stderr)
	}
	return journal.Verify(dir, nil, journal.Readers{Job: dlq.CheckJob, Work: commands.CheckWork}, progress)
}

func (c *verifyCommand) print(r *journal.Report) error {
	d := r.Deliveries
	fmt.Fprintf(c.stdout, "events      %d kept of %d accepted, %d duplicates\n", r.Events, r.Accepted.Accepted, r.Accepted.Duplicates)
	fmt.Fprintf(c.stdout, "deliveries  %d planned = %d delivered + %d dead + %d pending + %d dropped + %d logged\n", d.Planned, d.Delivered, d.Dead, d.Pending(), d.Dropped, d.Logged)
	for _, n := range r.Notes {
		fmt.Fprintf(c.stdout, "note: %s\n", n)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(c.stdout, "fault: %s\n", f)
	}
	if more := r.FaultCount - len(r.Faults); more > 0 {
		fmt.Fprintf(c.stdout, "and %d more\n", more)
	}
	_, err := fmt.Fprintf(c.stdout, "%d faults\n", r.FaultCount)
	return err
}

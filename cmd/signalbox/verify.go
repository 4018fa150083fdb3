package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"signalbox/commands"
	"signalbox/config"
	"signalbox/dlq"
	"signalbox/journal"
)

func (c *cli) verifyCommand() *cobra.Command {
	verify := verifyCommand{cli: c}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the store against itself",
		Long: `Check the store against itself: the accounts of every target with what lies on
disk, every pending delivery with its event, the indexes, states, traces and work
requests with the events, parked deliveries with their order keys, held ones with
their pauses, and that each record can be read. It changes nothing. The router must
not be running.

Exit codes: 0 no faults, 1 faults or no store to read, 2 wrong usage.`,
		Example: "  signalbox verify\n  signalbox verify --output json",
		Args:    takes(0, 0),
		RunE:    func(*cobra.Command, []string) error { return verify.run() },
	}
	verify.output.flag(cmd)
	return cmd
}

type verifyCommand struct {
	*cli
	output format
}

func (c *verifyCommand) run() error {
	cfg, err := config.Load(c.configPath)
	if err != nil {
		return fmt.Errorf("the configuration has faults:\n%w", err)
	}
	var progress func(uint64)
	if isTerminal(c.stderr) {
		progress = func(keys uint64) { fmt.Fprintf(streamOf(c.stderr).(io.Writer), "\r%d keys read ", keys) }
		defer fmt.Fprintln(c.stderr)
	}
	report, err := journal.Verify(cfg.DataDir, nil, journal.Readers{Job: dlq.CheckJob, Work: commands.CheckWork}, progress)
	if errors.Is(err, journal.ErrLocked) {
		return fmt.Errorf("the router is running on %s: stop it first; the accounts of a running one are at GET /v1/accounts", cfg.DataDir)
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

func (c *verifyCommand) print(r *journal.Report) error {
	d := r.Deliveries
	fmt.Fprintf(c.stdout, "events      %d kept of %d accepted, %d duplicates\n", r.Events, r.Accepted.Accepted, r.Accepted.Duplicates)
	fmt.Fprintf(c.stdout, "deliveries  %d planned = %d delivered + %d dead + %d pending + %d dropped + %d logged\n", d.Planned, d.Delivered, d.Dead, d.Pending(), d.Dropped, d.Logged)
	for _, f := range r.Faults {
		fmt.Fprintf(c.stdout, "fault: %s\n", f)
	}
	if more := r.FaultCount - len(r.Faults); more > 0 {
		fmt.Fprintf(c.stdout, "and %d more\n", more)
	}
	_, err := fmt.Fprintf(c.stdout, "%d faults\n", r.FaultCount)
	return err
}

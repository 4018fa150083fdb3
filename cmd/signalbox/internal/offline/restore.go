package offline

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
	"signalbox/journal"
	"signalbox/journal/backup"
)

func newRestoreCommand(c *cli.Env) *cobra.Command {
	r := restoreCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "restore <backup>",
		Short: "Make the store out of a backup",
		Long: `Make the store in data_dir of the configuration out of a backup. The backup is checked
first. The router must not be running, and data_dir must hold no store.

The router then starts with every target paused: what was pending when the backup was
made may have been delivered since, and would be sent again. Look at what is pending
(signalbox targets list), and resume the targets (signalbox targets resume --all).`,
		Example: "  signalbox restore /backups/signalbox-monday",
		Args:    cli.Takes(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return r.run(args[0]) },
	}
	r.output.Flag(cmd)
	return cmd
}

type restoreCommand struct {
	*cli.Env
	output cli.Format
}

// restored is what a restore tells a program.
type restored struct {
	DataDir string `json:"data_dir"`
	Events  uint64 `json:"events"`
	Pending uint64 `json:"pending"`
	Dead    uint64 `json:"dead"`
}

func (r *restoreCommand) run(dir string) error {
	cfg, err := config.Load(r.ConfigPath)
	if err != nil {
		return fmt.Errorf("the configuration has faults:\n%w", err)
	}
	dir = filepath.Clean(dir)
	checked := cli.NewTally(r.Stderr, "checked")
	m, err := backup.Check(dir, checked.Show)
	checked.End()
	if err != nil {
		return err
	}
	report, err := verifyStore(r.Env, dir)
	if err != nil {
		return err
	}
	if report.FaultCount > 0 {
		return fmt.Errorf("the backup has %s: see signalbox verify %s; nothing was restored", cli.Count(report.FaultCount, "fault"), dir)
	}
	copied := cli.NewTally(r.Stderr, "copied")
	err = backup.Restore(m, dir, cfg.DataDir, copied.Show)
	copied.End()
	if errors.Is(err, journal.ErrLocked) {
		return fmt.Errorf("the router is running on %s: stop it first", cfg.DataDir)
	}
	if err != nil {
		return err
	}
	d := report.Deliveries
	if r.output == cli.JSON {
		return cli.PrintJSON(r.Stdout, restored{cfg.DataDir, report.Events, d.Pending(), d.Dead})
	}
	_, err = fmt.Fprintf(r.Stdout, "%s: %s, %s, %s\nEvery target starts paused. Continue with: signalbox targets resume --all\n",
		cfg.DataDir, cli.Count(int(report.Events), "event"), deliveries(d.Pending()), cli.Count(int(d.Dead), "dead letter"))
	return err
}

// deliveries writes how many wait.
func deliveries(pending uint64) string {
	if pending == 1 {
		return "1 delivery pending"
	}
	return fmt.Sprintf("%d deliveries pending", pending)
}

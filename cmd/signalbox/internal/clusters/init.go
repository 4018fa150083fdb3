package clusters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"signalbox/cluster"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
	"signalbox/journal"
	"signalbox/journal/store"
)

func newInitCommand(c *cli.Env) *cobra.Command {
	i := initCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Begin a cluster with the store of a router that was alone",
		Long: `Make the store in data_dir of the configuration the first snapshot of the cluster that
the configuration names. The router must not be running, and the cluster must be new.
Then start the nodes: this one continues with its store, and the others begin with the
snapshot.

A cluster that begins empty needs no such command.`,
		Example: "  signalbox cluster init --config node1.yaml",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return i.run(cmd.Context()) },
	}
	i.output.Flag(cmd)
	return cmd
}

type initCommand struct {
	*cli.Env
	output cli.Format
}

// joinTime bounds how long the servers of NATS are waited for.
const joinTime = 10 * time.Second

// isThere refuses a data directory without a store, or with one that is in use.
func isThere(dir string) error {
	s, err := journal.OpenReadOnly(dir)
	switch {
	case errors.Is(err, journal.ErrLocked):
		return fmt.Errorf("the router is running on %s: stop it first", dir)
	case errors.Is(err, journal.ErrNotFound):
		return fmt.Errorf("data_dir %s has no store: correct it; a cluster that begins empty needs no init", dir)
	case err != nil:
		return err
	}
	return s.Close()
}

// begun is what the beginning of a cluster tells a program.
type begun struct {
	Cluster string `json:"cluster"`
	DataDir string `json:"data_dir"`
}

func (i *initCommand) run(ctx context.Context) error {
	cfg, err := config.Load(i.ConfigPath)
	if err != nil {
		return fmt.Errorf("the configuration has faults:\n%w", err)
	}
	if !cfg.Cluster.On() {
		return fmt.Errorf("%s names no cluster: see docs/cluster.md", i.ConfigPath)
	}
	if err := errors.Join(cfg.ClusterFiles()...); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if err := isThere(cfg.DataDir); err != nil {
		return err
	}
	options := cfg.ClusterOptions()
	options.Version, options.Logger = i.Version, zap.NewNop()
	joining, cancel := context.WithTimeoutCause(ctx, joinTime, fmt.Errorf("it can't be joined within %v", joinTime))
	node, err := cluster.Join(joining, options)
	cancel()
	if err != nil {
		return err
	}
	defer node.Close()
	if err := node.Fresh(ctx); err != nil {
		return err
	}
	err = store.BeginCluster(cfg.DataDir, node.FirstPosition(), func(j *store.Journal) error { return node.First(ctx, j) })
	if err != nil {
		return err
	}
	if i.output == cli.JSON {
		return cli.PrintJSON(i.Stdout, begun{cfg.Cluster.Name, cfg.DataDir})
	}
	_, err = fmt.Fprintf(i.Stdout, "the cluster %s begins with the store in %s: start its nodes\n", cfg.Cluster.Name, cfg.DataDir)
	return err
}

// Package clusters is the command that looks at the cluster of a router, and acts on it.
package clusters

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cluster"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

// New returns the command cluster.
func New(c *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Look at the nodes of a cluster of routers, and act on them",
		Long: `A cluster is several routers with one log, which servers of NATS keep. One of them
leads: it takes events in and delivers them. The others follow, and one of them leads
when it is gone. Any node answers.`,
		Example: "  signalbox cluster status\n  signalbox cluster step-down",
		Args:    cli.NoSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStatusCommand(c), newStepDownCommand(c), newSnapshotCommand(c), newRemoveCommand(c), newInitCommand(c))
	return cmd
}

func newStatusCommand(c *cli.Env) *cobra.Command {
	s := status{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who leads, and how far each node is",
		Long: `Show who leads, and how far each node is behind the log. Any node can be asked, also
while none leads.`,
		Example: "  signalbox cluster status\n  signalbox cluster status --url http://10.0.0.2:8080 --output json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	s.Flags(cmd)
	s.Watch(cmd)
	return cmd
}

type status struct{ connect.Command }

func (s *status) run(ctx context.Context) error {
	return connect.Ask(ctx, &s.Command, func(ctx context.Context, conn *client.Client) (cluster.Status, error) {
		return conn.Cluster.Status(ctx)
	}, s.print)
}

func (s *status) print(told cluster.Status) error {
	leader := "no node leads"
	if l := told.Leader; l != nil {
		leader = fmt.Sprintf("node %d leads since %s", l.Node, l.Since.Format(time.RFC3339))
	}
	if _, err := fmt.Fprintf(s.Stdout, "cluster %s: %s\n", told.Name, leader); err != nil {
		return err
	}
	table := cli.NewGrid("NODE", "ROLE", "BEHIND", "SECONDS", "MESSAGE", "RULES", "URL", "NOTE")
	table.Less = []string{"RULES", "MESSAGE", "SECONDS"}
	for _, n := range told.Nodes {
		table.Row(n.Node, n.Role, n.LagGroups, strconv.FormatFloat(n.LagSeconds, 'f', 1, 64), n.Position, n.Rules, n.URL, n.Note)
	}
	if err := s.Show(table); err != nil {
		return err
	}
	for _, n := range told.Nodes {
		for _, fault := range n.Errors {
			if _, err := fmt.Fprintf(s.Stdout, "node %d has faults in its files, and serves or follows without them: %s\n", n.Node, fault); err != nil {
				return err
			}
		}
	}
	if told.Problem != "" {
		_, err := fmt.Fprintln(s.Stdout, told.Problem)
		return err
	}
	return nil
}

func newStepDownCommand(c *cli.Env) *cobra.Command {
	return newAct(c, &cobra.Command{
		Use:   "step-down",
		Short: "Let another node lead",
		Long: `Have the leader end its attempts under way and step down, so that another node leads,
as before the leader's machine is shut down. The key needs the right "admin".`,
		Example: "  signalbox cluster step-down",
		Args:    cli.Takes(0, 0),
	}, func(ctx context.Context, conn *client.Client, _ []string) (api.ClusterDone, error) {
		return conn.Cluster.StepDown(ctx)
	})
}

func newSnapshotCommand(c *cli.Env) *cobra.Command {
	return newAct(c, &cobra.Command{
		Use:   "snapshot",
		Short: "Make a snapshot of the store now, and shorten the log",
		Long: `Have the leader put a copy of its store beside the log, and drop what of the log all
nodes have. The leader does so by itself as the log grows (cluster.snapshot_bytes).
The key needs the right "admin".`,
		Example: "  signalbox cluster snapshot",
		Args:    cli.Takes(0, 0),
	}, func(ctx context.Context, conn *client.Client, _ []string) (api.ClusterDone, error) {
		return conn.Cluster.Snapshot(ctx)
	})
}

func newRemoveCommand(c *cli.Env) *cobra.Command {
	return newAct(c, &cobra.Command{
		Use:   "remove <node>",
		Short: "Forget a node that does not come back",
		Long: `Forget a node that does not come back: the list no longer has it. A node that comes
back is listed again. The key needs the right "admin".`,
		Example: "  signalbox cluster remove 3",
		Args:    cli.Takes(1, 1),
	}, func(ctx context.Context, conn *client.Client, args []string) (api.ClusterDone, error) {
		node, err := strconv.Atoi(args[0])
		if err != nil || node < 1 {
			return api.ClusterDone{}, cli.WrongUsage("%q is no number of a node: see signalbox cluster status", args[0])
		}
		return conn.Cluster.Remove(ctx, node)
	})
}

// newAct completes a command that has a cluster do something.
func newAct(c *cli.Env, cmd *cobra.Command, do func(context.Context, *client.Client, []string) (api.ClusterDone, error)) *cobra.Command {
	a := connect.Command{Env: c}
	a.Flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return connect.Ask(cmd.Context(), &a, func(ctx context.Context, conn *client.Client) (api.ClusterDone, error) {
			return do(ctx, conn, args)
		}, func(done api.ClusterDone) error {
			_, err := fmt.Fprintf(a.Stdout, "node %d %s\n", done.Node, done.Done)
			return err
		})
	}
	return cmd
}

package deadletters

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/dlq"
)

func newDLQPurgeCommand(c *cli.Env) *cobra.Command {
	p := dlqPurge{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "purge [id]...",
		Short: "Drop dead letters for good",
		Long: `Drop dead letters for good: those with the given ids, those that the filters
choose, or all. They count as dropped.`,
		Example: `  signalbox dlq purge 0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e
  signalbox dlq purge --target old-warehouse --until 168h
  signalbox dlq purge --all --dry-run`,
		Args: cli.Takes(0, cli.AnyNumber),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd.Context(), args) },
	}
	p.Flags(cmd)
	p.filter.flags(cmd)
	cmd.Flags().BoolVar(&p.all, "all", false, "choose every dead letter")
	cmd.Flags().BoolVar(&p.dryRun, "dry-run", false, "count, and change nothing")
	cmd.Flags().BoolVarP(&p.yes, "yes", "y", false, "do not ask")
	return cmd
}

type dlqPurge struct {
	connect.Command
	filter           letterFilter
	all, dryRun, yes bool
}

func (p *dlqPurge) run(ctx context.Context, ids []string) error {
	filter, err := p.filter.filter(p.Env, ids)
	if err != nil {
		return err
	}
	if err := chosen(p.Env, filter, p.all, p.dryRun || p.yes); err != nil {
		return err
	}
	conn, err := p.Client()
	if err != nil {
		return err
	}
	req := api.PurgeRequest{Filter: filter, All: p.all, DryRun: true}
	found, err := conn.DeadLetters.Purge(ctx, req, nil)
	if err != nil {
		return err
	}
	if found.Total == 0 && len(ids) > 0 {
		return noLetters(ids)
	}
	if p.dryRun || found.Total == 0 {
		return p.tell("would be dropped", found.Total, found)
	}
	if !p.yes {
		ok, err := cli.Confirm(p.Stdin, p.Stderr, fmt.Sprintf("Drop for good %s?", cli.Count(found.Total, "dead letter")))
		if err != nil || !ok {
			fmt.Fprintln(p.Stderr, "nothing was changed")
			return err
		}
	}
	return p.drop(ctx, conn, req)
}

func (p *dlqPurge) drop(ctx context.Context, conn *client.Client, req api.PurgeRequest) error {
	req.DryRun = false
	bar := cli.NewProgress(p.Stderr)
	done, err := conn.DeadLetters.Purge(ctx, req, func(p dlq.Progress) { bar.Show(p.Done+p.Skipped, p.Total) })
	bar.End()
	if err != nil {
		return err
	}
	return p.tell("dropped", done.Done, done)
}

// tell prints how it ended.
func (p *dlqPurge) tell(what string, n int, result dlq.Progress) error {
	return p.Print(result, func() error {
		fmt.Fprintf(p.Stdout, "%s %s\n", cli.Count(n, "dead letter"), what)
		if result.Skipped > 0 {
			fmt.Fprintf(p.Stdout, "%d had left the queue before\n", result.Skipped)
		}
		return nil
	})
}

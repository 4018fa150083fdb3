package main

import (
	"context"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/dlq"
)

func (c *cli) dlqPurgeCommand() *cobra.Command {
	p := dlqPurge{leaving: leaving{cli: c}}
	cmd := &cobra.Command{
		Use:   "purge [id]...",
		Short: "Drop dead letters for good",
		Long: `Drop dead letters for good: those with the given ids, those that the filters
choose, or all. They count as dropped.`,
		Example: `  signalbox dlq purge 0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e
  signalbox dlq purge --target old-warehouse --until 168h
  signalbox dlq purge --all --dry-run`,
		Args: positional(notEmpty),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd.Context(), args) },
	}
	p.leaving.flags(cmd)
	return cmd
}

type dlqPurge struct{ leaving }

func (p *dlqPurge) run(ctx context.Context, ids []string) error {
	filter, err := p.chosen(ids)
	if err != nil {
		return err
	}
	client, err := p.client(p.connection)
	if err != nil {
		return err
	}
	req := api.PurgeRequest{Filter: filter, All: p.all}
	return p.act("Drop for good", "dropped",
		func() (dlq.Progress, error) {
			count := req
			count.DryRun = true
			return client.Purge(ctx, count, nil)
		},
		func(report func(dlq.Progress)) (dlq.Progress, error) { return client.Purge(ctx, req, report) })
}

package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/dlq"
	"signalbox/targets"
)

func (c *cli) dlqReplayCommand() *cobra.Command {
	r := dlqReplay{leaving: leaving{cli: c}}
	cmd := &cobra.Command{
		Use:     "replay [id]...",
		Aliases: []string{"redrive"},
		Short:   "Send dead letters again",
		Long: `Send dead letters again: those with the given ids, those that the filters choose,
or all. Each keeps its delivery id and what was to be sent, and gets a new round
of attempts. What was sent stays sent if you interrupt it.`,
		Example: `  signalbox dlq replay 0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e
  signalbox dlq replay --target warehouse --rate 50/s
  signalbox dlq replay --all --to standby --dry-run`,
		Args: positional(notEmpty),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args) },
	}
	r.leaving.flags(cmd)
	cmd.Flags().StringVar(&r.to, "to", "", "send to this target in place of the letters' own")
	cmd.Flags().StringVar(&r.rate, "rate", "", "how many to send at most, such as 50/s or 50")
	return cmd
}

type dlqReplay struct {
	leaving
	to, rate string
}

func (r *dlqReplay) run(ctx context.Context, ids []string) error {
	perSecond, err := parseRate(r.rate)
	if err != nil {
		return err
	}
	filter, err := r.chosen(ids)
	if err != nil {
		return err
	}
	client, err := r.client(r.connection)
	if err != nil {
		return err
	}
	req := api.RedriveRequest{Redrive: dlq.Redrive{Filter: filter, To: r.to, Rate: perSecond}, All: r.all}
	return r.act("Replay", "replayed",
		func() (dlq.Progress, error) {
			count := req
			count.DryRun = true
			return client.Redrive(ctx, count, nil)
		},
		func(report func(dlq.Progress)) (dlq.Progress, error) { return client.Redrive(ctx, req, report) })
}

// parseRate reads letters a second; a number alone is that, and nothing no bound.
func parseRate(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n > 0 && n < 1e9 {
			return n, nil
		}
		return 0, wrongUsage("--rate %q: must be more than 0", text)
	}
	var rate targets.Rate
	if err := rate.UnmarshalText([]byte(text)); err != nil {
		return 0, wrongUsage("--rate: %s", strings.TrimPrefix(err.Error(), "rate "))
	}
	return float64(rate.N) / rate.Per.Seconds(), nil
}

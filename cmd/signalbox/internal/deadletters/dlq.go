// Package deadletters is the commands of the dead-letter queue: list, show, replay, purge.
package deadletters

import (
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/dlq"
)

// New returns the command dlq, with those below it.
func New(c *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, send them again, or drop them",
		Long: `Deliveries that failed for good are kept in the dead-letter queue, with their event,
what was to be sent, and why it failed. Look at them, send them again, or drop them.`,
		Example: `  signalbox dlq list --target warehouse --since 1h
  signalbox dlq show 0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e
  signalbox dlq replay --target warehouse --rate 50/s
  signalbox dlq purge --until 168h --yes`,
		Args: cli.NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDLQListCommand(c), newDLQShowCommand(c), newDLQReplayCommand(c), newDLQRedrivesCommand(c), newDLQPurgeCommand(c))
	return cmd
}

// letterFilter is the flags that choose dead letters.
type letterFilter struct {
	target, rule, bus, code, since, until, pattern string
	status                                         int
}

func (f *letterFilter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.target, "target", "", "only dead letters to this target")
	flags.StringVar(&f.rule, "rule", "", "only dead letters of this rule")
	flags.StringVar(&f.bus, "bus", "", "only dead letters of this bus")
	flags.StringVar(&f.code, "error-code", "", "only dead letters with this error code, such as ERROR_FROM_TARGET")
	flags.IntVar(&f.status, "status", 0, "only dead letters whose last answer had this HTTP status, such as 503")
	flags.StringVar(&f.since, "since", "", "only dead letters that came since then: a time, or a duration back from now such as 1h")
	flags.StringVar(&f.until, "until", "", "only dead letters that came before then: a time, or a duration back from now")
	flags.StringVar(&f.pattern, "pattern", "", "only dead letters whose event matches this pattern: a file or JSON")
}

// filter returns the filter of the flags and of ids.
func (f *letterFilter) filter(c *cli.Env, ids []string) (dlq.Filter, error) {
	out := dlq.Filter{IDs: ids, Target: f.target, Rule: f.rule, Bus: f.bus, Code: f.code, Status: f.status}
	if f.status < 0 {
		return out, cli.WrongUsage("--status must not be negative")
	}
	now := time.Now()
	var err error
	if out.Since, err = cli.MomentFlag("since", f.since, now); err != nil {
		return out, err
	}
	if out.Until, err = cli.MomentFlag("until", f.until, now); err != nil {
		return out, err
	}
	out.Pattern, err = c.PatternFlag(f.pattern)
	return out, err
}

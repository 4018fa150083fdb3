package remote

import (
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/diff"
)

// pastFlags are the flags that choose past events for rules.
type pastFlags struct {
	since, until, bus, pattern string
	samples                    int
}

func (p *pastFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.since, "since", "24h", "look at events accepted since then: 2026-01-31T15:04:05Z, a day, or a duration back from now such as 1h")
	flags.StringVar(&p.until, "until", "", "look at events accepted before then")
	flags.StringVar(&p.pattern, "pattern", "", "look at events that match this pattern: a file or JSON")
	flags.IntVar(&p.samples, "sample", diff.DefaultSamples, "how many deliveries to show of each rule and target, and each kind of change")
}

// read returns the range that the flags say.
func (p *pastFlags) read(c *cli.Env) (r diff.Range, err error) {
	r.Bus, r.Samples = p.bus, &p.samples
	now := time.Now()
	if r.Since, err = cli.MomentFlag("since", p.since, now); err != nil {
		return r, err
	}
	if r.Until, err = cli.MomentFlag("until", p.until, now); err != nil {
		return r, err
	}
	r.Pattern, err = c.PatternFlag(p.pattern)
	return r, err
}

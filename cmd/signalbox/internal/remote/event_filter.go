package remote

import (
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/trace"
)

// eventFilter is the flags that choose events.
type eventFilter struct {
	trace.Filter
	since, pattern string
}

func (f *eventFilter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.ID, "id", "", "only the event with this id")
	flags.StringVar(&f.CorrelationID, "correlation-id", "", "only events with this correlation id")
	flags.StringVar(&f.Bus, "bus", "", "only events on this bus")
	flags.StringVar(&f.Source, "source", "", "only events from this source")
	flags.StringVar(&f.DetailType, "detail-type", "", "only events of this type")
	flags.StringVar(&f.Rule, "rule", "", "only events with a delivery by this rule")
	flags.StringVar(&f.Target, "target", "", "only events with a delivery to this target")
	flags.StringVar(&f.Text, "text", "", "only events that hold this text, in upper or lower case")
	flags.StringVar(&f.pattern, "pattern", "", "only events that match this pattern: a file or JSON")
	flags.StringVar(&f.since, "since", "", "only events accepted since then: 2026-01-31T15:04:05Z, a day, or a duration back from now such as 1h")
}

// read reads the flags that are not texts.
func (f *eventFilter) read(c *cli.Env) (err error) {
	if f.Since, err = cli.MomentFlag("since", f.since, time.Now()); err != nil {
		return err
	}
	f.Pattern, err = c.PatternFlag(f.pattern)
	return err
}

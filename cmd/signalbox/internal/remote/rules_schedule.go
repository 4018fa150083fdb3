package remote

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/rules"
)

func newScheduleCommand(c *connect.Command) *cobra.Command {
	var bus string
	var count int
	cmd := &cobra.Command{
		Use:   "schedule <rule>",
		Short: "Show when a rule with a schedule fires next",
		Long: `Show the next times at which a rule with a schedule fires, in its time zone and
in UTC, and when it fired last.`,
		Example: "  signalbox rules schedule nightly\n  signalbox rules schedule nightly --bus shop --count 3",
		Args:    cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 1 {
				return cli.WrongUsage("--count %d: write 1 or more", count)
			}
			return connect.Ask(cmd.Context(), c, func(ctx context.Context, conn *client.Client) (api.ScheduleView, error) {
				return conn.Rules.Schedule(ctx, bus, args[0], count)
			}, func(s api.ScheduleView) error { return printSchedule(c.Stdout, &s) })
		},
	}
	cmd.Flags().StringVar(&bus, "bus", rules.DefaultBus, "the rule's bus")
	cmd.Flags().IntVar(&count, "count", 10, "how many times to show")
	c.Output.Flag(cmd)
	return cmd
}

func printSchedule(w io.Writer, s *api.ScheduleView) error {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		zone = time.UTC
	}
	fmt.Fprintf(w, "rule %s on bus %s: %s, %s", s.Rule, s.Bus, s.State, s.Schedule)
	if s.Timezone != "UTC" {
		fmt.Fprintf(w, " in %s", s.Timezone)
	}
	fmt.Fprintf(w, ", catch_up %s\n", s.CatchUp)
	if s.Last != nil {
		fmt.Fprintf(w, "fired last: %s\n", scheduleTime(*s.Last, zone))
	}
	if len(s.Next) == 0 {
		_, err = fmt.Fprintln(w, "it does not fire any more")
		return err
	}
	for _, at := range s.Next {
		if _, err = fmt.Fprintln(w, scheduleTime(at, zone)); err != nil {
			return err
		}
	}
	return nil
}

// scheduleTime shows a time in a zone, and in UTC beside it where that is another one.
func scheduleTime(at time.Time, zone *time.Location) string {
	text := at.In(zone).Format("Mon 2006-01-02 15:04 MST")
	if zone != time.UTC {
		text += " (" + at.UTC().Format("2006-01-02T15:04Z") + ")"
	}
	return text
}

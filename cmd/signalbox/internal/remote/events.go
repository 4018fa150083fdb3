package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/trace"
)

func newEventsCommand(c *cli.Env) *cobra.Command {
	e := eventsCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "events",
		Short: "List the events that are kept, and what came of them",
		Long: `List events, the latest first, with what has come of each by now:

  dead       a delivery rests in the dead-letter queue
  pending    a delivery has not ended
  delivered  all deliveries have ended, and one was delivered
  dropped    all deliveries were dropped
  matched    rules matched, and none of them sends anything: shadow rules,
             rules without targets, rules whose condition failed
  unmatched  no rule matched
  archived   only an archive has the event: what came of it went with retention
  duplicate  asked for alone: the event came more than once, whatever came of it

Events are kept as long as retention says, and in archives for longer. See
"signalbox tail" for new ones as they come, and "signalbox trace" for all that came
of one.`,
		Example: `  signalbox events
  signalbox events --outcome unmatched --since 1h
  signalbox events --source shop.orders --pattern '{"detail": {"total": [{"numeric": [">", 100]}]}}'
  signalbox events --target warehouse --outcome dead --output json`,
		Args: cli.Takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return e.run(cmd.Context()) },
	}
	e.Flags(cmd)
	e.Watch(cmd)
	e.filter.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&e.until, "until", "", "only events accepted before then")
	flags.StringVar(&e.outcome, "outcome", "", "only events of which this has come")
	flags.IntVar(&e.limit, "limit", 50, "how many to list at most; 0 lists all")
	flags.BoolVar(&e.content, "content", false, "with --output json: the events themselves as well")
	_ = cmd.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions(trace.OutcomeNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

type eventsCommand struct {
	connect.Command
	filter         eventFilter
	until, outcome string
	limit          int
	content        bool
}

func (e *eventsCommand) run(ctx context.Context) (err error) {
	switch {
	case e.limit < 0:
		return cli.WrongUsage("--limit must not be negative")
	case e.content && e.Output != cli.JSON:
		return cli.WrongUsage("--content goes with --output json")
	}
	if err := e.filter.read(e.Env); err != nil {
		return err
	}
	if e.filter.Until, err = cli.MomentFlag("until", e.until, time.Now()); err != nil {
		return err
	}
	e.filter.Outcome = trace.Outcome(e.outcome)
	return connect.Ask(ctx, &e.Command, e.pages, e.print)
}

// eventsPage is how many events one request asks for.
const eventsPage = 500

// pages gathers as many pages as it takes.
func (e *eventsCommand) pages(ctx context.Context, conn *client.Client) (trace.Page, error) {
	all := trace.Page{Events: []*trace.Listed{}}
	looking := time.Now()
	for more := true; more; more = all.Next != "" && (e.limit == 0 || len(all.Events) < e.limit) {
		limit := eventsPage
		if e.limit > 0 {
			limit = min(limit, e.limit-len(all.Events))
		}
		page, err := conn.Events.Search(ctx, e.filter.Filter, all.Next, limit, e.content)
		if err != nil {
			return all, err
		}
		page.Events = append(all.Events, page.Events...)
		page.Looked += all.Looked
		page.Unreadable += all.Unreadable
		for _, w := range page.Warnings {
			if !slices.Contains(all.Warnings, w) {
				all.Warnings = append(all.Warnings, w)
			}
		}
		page.Warnings = all.Warnings
		all = page
		if now := time.Now(); cli.IsTerminal(e.Stderr) && now.Sub(looking) > time.Second && all.Next != "" {
			fmt.Fprintf(e.Stderr, "%d found; looked at %d events, back to %s\n", len(all.Events), all.Looked, all.LookedTo.Format(time.RFC3339))
			looking = now
		}
	}
	return all, nil
}

func (e *eventsCommand) print(all trace.Page) error {
	for _, w := range all.Warnings {
		fmt.Fprintln(e.Stderr, w)
	}
	if len(all.Events) == 0 {
		_, err := fmt.Fprintf(e.Stdout, "no events (looked at %d)\n", all.Looked)
		return err
	}
	table := cli.NewGrid("OUTCOME", "DELIVERIES", "DETAIL-TYPE", "ID", "RECEIVED", "SOURCE", "BUS")
	table.Text, table.Less = "DELIVERIES", []string{"BUS", "SOURCE", "RECEIVED", "DETAIL-TYPE"}
	for _, x := range all.Events {
		outcome := string(x.Outcome)
		if x.Synthetic {
			outcome += " (synthetic)"
		}
		if x.Repeats > 0 {
			outcome += fmt.Sprintf(" (came %d times)", x.Repeats+1)
		}
		table.Row(outcome, cli.Shorten(outlines(x), 80), cli.Shorten(x.DetailType, 40), x.ID, x.Received.Format(time.RFC3339), cli.Shorten(x.Source, 40), x.Bus)
	}
	if err := e.Show(table); err != nil {
		return err
	}
	if all.Unreadable > 0 {
		fmt.Fprintf(e.Stderr, "%s can't be read: see signalbox verify\n", cli.Count(all.Unreadable, "event"))
	}
	if all.Next != "" {
		fmt.Fprintln(e.Stderr, "there is more: --limit 0 lists all")
	}
	return nil
}

// outlines returns the deliveries of an event in a few words.
func outlines(e *trace.Listed) string {
	var texts []string
	for _, d := range e.Deliveries {
		text := d.Target + " " + string(d.State)
		switch {
		case d.Status != 0:
			text += fmt.Sprintf(" %d", d.Status)
		case d.Code != "":
			text += " " + d.Code
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

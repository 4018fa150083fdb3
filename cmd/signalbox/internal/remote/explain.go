package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newExplainCommand(c *cli.Env) *cobra.Command {
	e := explainCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "explain <event file | - | JSON | event id>",
		Short: "Say which rules an event matches, and why the others do not",
		Long: `Match an event against every rule of its bus in the running router, and say which
match and why the others do not, near misses first. The event is given as for
send, or by the id of one that was taken in. Nothing is sent.`,
		Example: `  signalbox explain event.json
  signalbox explain 0199a4c2-8f1e-7000-8000-5f3c9a1b2d4e
  signalbox explain event.json --rule big-orders`,
		Args: cli.Takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args[0]) },
	}
	e.Flags(cmd)
	cmd.Flags().StringVar(&e.bus, "bus", "", "the bus that the event is on")
	cmd.Flags().StringVar(&e.rule, "rule", "", "speak of this rule alone")
	return cmd
}

type explainCommand struct {
	connect.Command
	bus, rule string
}

func (e *explainCommand) run(ctx context.Context, arg string) error {
	event, err := e.event(arg)
	if err != nil {
		return err
	}
	return connect.Ask(ctx, &e.Command, func(ctx context.Context, conn *client.Client) (api.Explanation, error) {
		x, err := conn.Events.Explain(ctx, event.bus, event.json)
		if err != nil || e.rule == "" {
			return x, err
		}
		x.Matched, x.Unmatched = onlyRule(x.Matched, e.rule), onlyRule(x.Unmatched, e.rule)
		if len(x.Matched)+len(x.Unmatched) == 0 {
			return x, fmt.Errorf("no rule %q on bus %q", e.rule, x.Bus)
		}
		return x, nil
	}, e.print)
}

// event reads the argument. What is neither JSON nor a file, nor called like one,
// is an id.
func (e *explainCommand) event(arg string) (outgoing, error) {
	if _, err := os.Stat(arg); err != nil && arg != "-" && filepath.Ext(arg) != ".json" && !cli.IsJSON(arg) {
		id, err := json.Marshal(map[string]string{"id": arg})
		return outgoing{json: id}, err
	}
	text, err := e.ReadInput("event", arg)
	if err != nil {
		return outgoing{}, err
	}
	events, err := splitEvents(text)
	if err != nil {
		return outgoing{}, err
	}
	if len(events) > 1 {
		return outgoing{}, cli.WrongUsage("%s holds %d events; explain takes one", arg, len(events))
	}
	if e.bus != "" {
		events[0].bus = e.bus
	}
	return events[0], nil
}

func onlyRule(rules []api.ExplainedRule, name string) []api.ExplainedRule {
	kept := []api.ExplainedRule{}
	for _, r := range rules {
		if r.Name == name {
			kept = append(kept, r)
		}
	}
	return kept
}

func (e *explainCommand) print(x api.Explanation) error {
	fmt.Fprintf(e.Stdout, "kind %s\n", kindText(x.Kind, x.KindByName))
	fmt.Fprintf(e.Stdout, "matched (%d)\n", len(x.Matched))
	for _, r := range x.Matched {
		fmt.Fprintf(e.Stdout, "  %s%s%s -> %s\n", r.Name, busNote(r.Bus), stateNote(r.State), strings.Join(r.Targets, ", "))
		printReasons(e.Stdout, r)
	}
	fmt.Fprintf(e.Stdout, "not matched (%d)\n", len(x.Unmatched))
	for _, r := range x.Unmatched {
		fmt.Fprintf(e.Stdout, "  %s%s%s  %s\n", r.Name, busNote(r.Bus), stateNote(r.State), r.Position)
		printReasons(e.Stdout, r)
	}
	return nil
}

func printReasons(w io.Writer, r api.ExplainedRule) {
	for _, note := range r.Notes {
		fmt.Fprintf(w, "      %s\n", note)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "      %s\n", f)
	}
}

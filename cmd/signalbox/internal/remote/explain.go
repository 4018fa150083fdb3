package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/event"
	"signalbox/rules"
	"signalbox/rules/explain"
)

func newExplainCommand(c *cli.Env) *cobra.Command {
	e := explainCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "explain [event file | - | JSON | event id]",
		Short: "Say which rules an event matches, and why the others do not",
		Long: `Match an event against every rule of its bus, and say which match and why the
others do not, near misses first. The event is given as for send, or by the id of
one that was taken in. Nothing is sent.

The rules are those of the running router, or with --rules those of files: then no
router is needed, and the configuration is only read if there is one.`,
		Example: `  signalbox explain event.json
  signalbox explain 0199a4c2-8f1e-7000-8000-5f3c9a1b2d4e
  signalbox explain event.json --rule big-orders
  signalbox explain --source shop.orders --detail-type OrderCreated --rules rules/`,
		Args: cli.Takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args) },
	}
	e.Flags(cmd)
	flags := cmd.Flags()
	e.said.flags(flags)
	flags.StringVar(&e.bus, "bus", "", "the bus that the event is on")
	flags.StringVar(&e.rule, "rule", "", "speak of this rule alone")
	flags.StringArrayVar(&e.rules, "rules", nil, "rule files, or directories of them, in place of the running router's")
	flags.BoolVar(&e.all, "all", false, "show the rules that want another source or detail-type, too")
	return cmd
}

type explainCommand struct {
	connect.Command
	said      said
	bus, rule string
	rules     []string
	all       bool
}

func (e *explainCommand) run(ctx context.Context, args []string) error {
	event, err := e.event(args)
	if err != nil {
		return err
	}
	ask := func() (x explain.Explanation, err error) {
		if len(e.rules) > 0 {
			return e.offline(event)
		}
		conn, err := e.Client()
		if err != nil {
			return x, err
		}
		return conn.Events.Explain(ctx, event.bus, event.json)
	}
	x, err := ask()
	if err == nil && e.rule != "" {
		err = x.Only(e.rule)
	}
	if err != nil {
		return err
	}
	return e.Print(x, func() error { return e.print(x) })
}

// event reads the argument, and what the flags say. What is neither JSON nor a file, nor called
// like one, is an id.
func (e *explainCommand) event(args []string) (outgoing, error) {
	if len(args) == 0 && !e.said.any() {
		return outgoing{}, cli.WrongUsage("name a file, an event id, or -, or describe the event with --source, --detail-type and --detail")
	}
	text := []byte(`{"detail":{}}`) // where the flags say no other
	if len(args) > 0 {
		arg := args[0]
		if _, err := os.Stat(arg); err != nil && arg != "-" && filepath.Ext(arg) != ".json" && !cli.IsJSON(arg) {
			if e.said.any() || len(e.rules) > 0 {
				return outgoing{}, cli.WrongUsage("%q is no file and no JSON; the id of an event can't stand beside --rules, --source, --detail-type or --detail", arg)
			}
			id, err := json.Marshal(map[string]string{"id": arg})
			return outgoing{json: id}, err
		}
		var err error
		if text, err = e.ReadInput("event", arg); err != nil {
			return outgoing{}, err
		}
	}
	events, err := splitEvents(text)
	if err != nil {
		return outgoing{}, err
	}
	if len(events) > 1 {
		return outgoing{}, cli.WrongUsage("%s holds %d events; explain takes one", args[0], len(events))
	}
	return events[0], events[0].override(e.said, e.bus)
}

// offline explains an event by the rules of files.
func (e *explainCommand) offline(o outgoing) (x explain.Explanation, err error) {
	cfg, err := e.ConfigOrDefault()
	if err != nil {
		return x, err
	}
	if cfg.Rules, err = absolute(e.rules); err != nil {
		return x, err
	}
	set, err := cfg.LoadRules()
	if err != nil {
		return x, fmt.Errorf("the rules have faults:\n%w", err)
	}
	ev, envelope, err := explain.Read(set, o.json, event.Defaults{
		ID: "00000000-0000-4000-8000-000000000000", Account: cfg.Account, Region: cfg.Region, Bus: cmp.Or(o.bus, rules.DefaultBus), Time: time.Now(),
	})
	if err != nil {
		return x, err
	}
	return explain.Event(set, ev, envelope)
}

func absolute(paths []string) (all []string, err error) {
	for _, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		all = append(all, path)
	}
	return all, nil
}

func (e *explainCommand) print(x explain.Explanation) error {
	fmt.Fprintf(e.Stdout, "kind %s\n", kindText(x.Kind, x.KindByName))
	fmt.Fprintf(e.Stdout, "matched (%d)\n", len(x.Matched))
	for _, r := range x.Matched {
		fmt.Fprintf(e.Stdout, "  %s%s%s -> %s\n", r.Name, busNote(r.Bus), stateNote(r.State), strings.Join(r.Targets, ", "))
		printReasons(e.Stdout, r)
	}
	fmt.Fprintf(e.Stdout, "not matched (%d)\n", len(x.Unmatched))
	near, far := x.Unmatched, []explain.Far(nil)
	if !e.all {
		near, far = x.Near()
	}
	for _, r := range near {
		fmt.Fprintf(e.Stdout, "  %s%s%s  %s\n", r.Name, busNote(r.Bus), stateNote(r.State), r.Position)
		printReasons(e.Stdout, r)
	}
	for _, f := range far {
		want := "want"
		if f.Rules == 1 {
			want = "wants"
		}
		fmt.Fprintf(e.Stdout, "  %s %s another %s (--all lists them)\n", cli.Count(f.Rules, "other rule"), want, f.Field)
	}
	return nil
}

func printReasons(w io.Writer, r explain.Rule) {
	for _, note := range r.Notes {
		fmt.Fprintf(w, "      %s\n", note)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "      %s\n", f)
	}
}

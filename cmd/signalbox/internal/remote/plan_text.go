package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/event"
	"signalbox/router"
	"signalbox/rules"
)

// printPlan prints for people what would become of an event.
func printPlan(w io.Writer, p *router.Plan) {
	var e struct {
		Source     string
		DetailType string `json:"detail-type"`
	}
	_ = json.Unmarshal(p.Event, &e) // the router wrote it
	way := p.Bus
	if len(p.Buses) > 1 {
		way = strings.Join(p.Buses, ", then ")
	}
	fmt.Fprintf(w, "%s %q on bus %s: %s\n", e.Source, e.DetailType, way, planLine(p))
	fmt.Fprintf(w, "kind %s\n", kindText(p.Kind, p.KindByName))
	for _, f := range p.Warnings {
		fmt.Fprintf(w, "warning: %s\n", f.Message)
	}
	for _, rule := range p.Rules {
		fmt.Fprintf(w, "\nrule %s%s%s\n", rule.Name, busNote(rule.Bus), stateNote(rule.State))
		if rule.Error != "" {
			fmt.Fprintf(w, "  does not match: %s\n", rule.Error)
		}
		for _, t := range rule.Targets {
			printPlanned(w, t)
		}
	}
	fmt.Fprintln(w)
}

func planLine(p *router.Plan) string {
	if len(p.Rules) == 0 {
		return "no rule matches"
	}
	return cli.Count(p.Deliveries, "delivery")
}

// busNote mentions the bus of a rule where it is not the event's.
func busNote(bus string) string {
	if bus == "" {
		return ""
	}
	return " on bus " + bus
}

// stateNote mentions a state that is not the usual one.
func stateNote(state rules.State) string {
	if state == rules.Enabled {
		return ""
	}
	return " (" + string(state) + ")"
}

// printPlanned shows one request as it would be sent.
func printPlanned(w io.Writer, t router.PlannedTarget) {
	fmt.Fprintf(w, "  target %s (%s)\n", t.Target, t.Type)
	if t.Note != "" {
		fmt.Fprintf(w, "    note: %s\n", t.Note)
	}
	if t.Error != "" {
		fmt.Fprintf(w, "    would go to the dead-letter queue: %s\n", t.Error)
	}
	if r := t.Request; r != nil {
		fmt.Fprintf(w, "    %s %s\n", r.Method, r.Address)
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			fmt.Fprintf(w, "    %s: %s\n", name, r.Headers[name])
		}
		fmt.Fprintf(w, "\n    %s\n", strings.ReplaceAll(strings.TrimRight(r.Body, "\n"), "\n", "\n    "))
	}
}

// kindText names a kind, and notes where only the event's name tells it.
func kindText(kind event.Kind, byName bool) string {
	if !byName {
		return string(kind)
	}
	return fmt.Sprintf("%s by its name alone: it is delivered as an event", kind)
}

package remote

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/diff"
	"signalbox/rules"
)

// printDiff prints what a candidate changes.
func printDiff(w io.Writer, r *diff.Result) error {
	printCompared(w, r)
	if r.Silenced+r.Roused > 0 {
		fmt.Fprintf(w, "            %d would have no delivery any more, %d would have their first\n", r.Silenced, r.Roused)
	}
	fmt.Fprintf(w, "deliveries  %d before, %d after: %s (%s changed)\n", r.Before, r.After, r.Counts, r.Part())
	if len(r.Changes) > 0 {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "\nRULE\tTARGET\tGAINED\tLOST\tCHANGED\tMOVED")
		for i := range r.Changes {
			g := &r.Changes[i]
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", ruleText(g), g.Target, g.Gained, g.Lost, g.Changed, g.Moved)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "and %d more\n", r.Omitted)
	}
	printSamples(w, r)
	return printNotes(w, r)
}

// printShadow prints what a shadow rule would have sent.
func printShadow(w io.Writer, r *diff.Result) error {
	printCompared(w, r)
	fmt.Fprintf(w, "deliveries  %d would have been sent\n", r.Gained)
	for _, g := range r.Changes {
		fmt.Fprintf(w, "            %d to %s\n", g.Gained, g.Target)
	}
	printSamples(w, r)
	return printNotes(w, r)
}

func printCompared(w io.Writer, r *diff.Result) {
	fmt.Fprintf(w, "events      %d, from %s to %s\n", r.Events, r.Since.Format(time.RFC3339), r.Until.Format(time.RFC3339))
	if r.Partial {
		fmt.Fprintln(w, "            the latest ones: a running router looks no longer than a minute; diff --store reads all of a backup")
	}
}

func printNotes(w io.Writer, r *diff.Result) error {
	if len(r.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	return nil
}

// ruleText names a rule, with its bus where that is not the default one.
func ruleText(g *diff.Group) string {
	if g.Bus == rules.DefaultBus {
		return g.Rule
	}
	return g.Bus + "/" + g.Rule
}

func printSamples(w io.Writer, r *diff.Result) {
	for i := range r.Changes {
		g := &r.Changes[i]
		if len(g.Samples) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s -> %s\n", ruleText(g), g.Target)
		for j := range g.Samples {
			printSample(w, &g.Samples[j])
		}
	}
}

func printSample(w io.Writer, s *diff.Sample) {
	fmt.Fprintf(w, "  %-7s %s %s from %s, %s\n", s.Change, s.EventID, s.DetailType, s.Source, s.Received.Format(time.RFC3339))
	for _, why := range s.Why {
		fmt.Fprintf(w, "      %s\n", why)
	}
	before, after := contentText(s.Before), contentText(s.After)
	if s.Before != nil && s.After != nil {
		before, after = aroundDifference(before, after)
		fmt.Fprintf(w, "      - %s\n      + %s\n", before, after)
		return
	}
	fmt.Fprintf(w, "      %s\n", cli.Shorten(before+after, sampleWidth))
}

// contentText returns what a delivery carries, for people.
func contentText(c *diff.Content) string {
	switch {
	case c == nil:
		return ""
	case c.Error != "":
		return c.Error
	case c.Body == "":
		return "the event itself"
	}
	return strings.Join(strings.Fields(c.Body), " ")
}

// sampleWidth is how many characters of a body are shown.
const sampleWidth = 120

// aroundDifference cuts two texts to where they differ.
func aroundDifference(a, b string) (string, string) {
	x, y := []rune(a), []rune(b)
	at := 0
	for at < len(x) && at < len(y) && x[at] == y[at] {
		at++
	}
	const before = sampleWidth / 4
	cut := func(text []rune) string {
		if at <= before {
			return cli.Shorten(string(text), sampleWidth)
		}
		return "…" + cli.Shorten(string(text[at-before:]), sampleWidth)
	}
	return cut(x), cut(y)
}

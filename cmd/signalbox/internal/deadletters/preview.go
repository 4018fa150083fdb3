package deadletters

import (
	"context"
	"fmt"
	"io"
	"strings"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/dlq"
)

// preview shows what a redrive would do.
func (r *dlqReplay) preview(ctx context.Context, conn *client.Client, req api.RedriveRequest) error {
	p, err := conn.DeadLetters.Preview(ctx, req)
	if err != nil {
		return err
	}
	return r.Print(p, func() error {
		printPreview(r.Stdout, p)
		return nil
	})
}

func printPreview(w io.Writer, p dlq.Preview) {
	fmt.Fprintf(w, "%s would be replayed", cli.Count(p.Send, "dead letter"))
	if p.Send > 0 {
		fmt.Fprintf(w, ": %s", countsText(p.Targets))
	}
	if p.Changed > 0 {
		fmt.Fprintf(w, "; %d with another body than was planned", p.Changed)
	}
	fmt.Fprintln(w)
	if len(p.Skips) > 0 {
		fmt.Fprintf(w, "%d would be skipped: %s\n", p.Total-p.Send, countsText(p.Skips))
	}
	for _, l := range p.Letters {
		fmt.Fprintf(w, "\n%s  %s -> %s\n", l.ID, l.Rule, l.Target)
		printPreviewed(w, l)
	}
	if more := p.Total - len(p.Letters); more > 0 && len(p.Letters) > 0 {
		fmt.Fprintf(w, "\n%d more are not shown (--show)\n", more)
	}
}

func printPreviewed(w io.Writer, l dlq.PreviewedLetter) {
	switch {
	case l.Skip != nil:
		fmt.Fprintf(w, "  skipped (%s): %s\n", l.Skip.Code, l.Skip.Message)
		return
	case l.Error != "":
		fmt.Fprintf(w, "  can't be rendered, and would die again: %s\n", l.Error)
		return
	}
	connect.PrintRequest(w, l.Request)
	for _, c := range l.Changes {
		fmt.Fprintf(w, "  changed: %s\n%s%s", c.Field, marked("-", c.Was), marked("+", c.Now))
	}
}

// marked is a text with a mark before each line; what is not there has none.
func marked(mark, text string) string {
	if text == "" {
		return ""
	}
	return "    " + mark + " " + strings.ReplaceAll(text, "\n", "\n    "+mark+" ") + "\n"
}

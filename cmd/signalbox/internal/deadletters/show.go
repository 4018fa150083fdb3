package deadletters

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/dlq"
	"signalbox/targets"
)

func newDLQShowCommand(c *cli.Env) *cobra.Command {
	s := dlqShow{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:     "show <id>",
		Short:   "Show a dead letter: its event, what was to be sent, and why it failed",
		Example: "  signalbox dlq show 0199a4c2-8f1e-8000-8000-5f3c9a1b2d4e",
		Args:    cli.Takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args[0]) },
	}
	s.Flags(cmd)
	return cmd
}

type dlqShow struct{ connect.Command }

func (s *dlqShow) run(ctx context.Context, id string) error {
	return connect.Ask(ctx, &s.Command, func(ctx context.Context, conn *client.Client) (*dlq.Letter, error) {
		return conn.DeadLetters.Get(ctx, id)
	}, func(l *dlq.Letter) error {
		printLetter(s.Stdout, l)
		return nil
	})
}

// printLetter shows a dead letter for people.
func printLetter(w io.Writer, l *dlq.Letter) {
	line := cli.Lines(w)
	line("id", l.ID)
	line("event", l.EventID)
	line("kind", string(l.Kind))
	line("rule", l.Rule+" on bus "+l.Bus)
	line("target", l.Target)
	line("forward of", l.ForwardOf)
	line("accepted", l.AcceptedAt.Format(time.RFC3339))
	line("died", l.DiedAt.Format(time.RFC3339))
	line("error code", l.ErrorCode)
	line("error", l.ErrorMessage)
	line("exhausted", l.Condition)
	line("attempts", fmt.Sprint(l.Attempts))
	if l.Status != 0 {
		line("last status", fmt.Sprint(l.Status))
	}
	line("last answer", strings.ReplaceAll(l.Snippet, "\n", "\n             "))
	line("path", pathText(l))
	if l.Synthetic {
		line("synthetic", "yes")
	}
	if len(l.History) > 0 {
		fmt.Fprintln(w, "\nhistory")
		for _, a := range l.History {
			fmt.Fprintf(w, "  %3d  %s  %s  %s\n", a.Attempt, a.At.Format(time.RFC3339), a.Code, a.Message)
		}
	}
	printRedrives(w, l)
	printRequest(w, l)
	fmt.Fprintf(w, "\nevent\n  %s\n", indented(l.Event))
	if l.Body != nil {
		fmt.Fprintf(w, "\nbody\n  %s\n", strings.ReplaceAll(*l.Body, "\n", "\n  "))
	}
}

// printRedrives shows when a letter was sent again, and what it had died of.
func printRedrives(w io.Writer, l *dlq.Letter) {
	if l.Redriven == 0 {
		return
	}
	fmt.Fprintf(w, "\nredriven %s\n", cli.Count(l.Redriven, "time"))
	for _, r := range l.Redrives {
		fmt.Fprintf(w, "  %s  %s as %s, after %s: died %s of %s\n", r.At.Format(time.RFC3339), r.Job, r.As,
			cli.Count(r.Attempts, "attempt"), r.DiedAt.Format(time.RFC3339), r.Code)
	}
}

// pathText shows how the event came to be, step by step.
func pathText(l *dlq.Letter) string {
	var steps []string
	for _, hop := range l.Path {
		steps = append(steps, fmt.Sprintf("%s %s -[%s > %s]->", hop.DetailType, hop.EventID, hop.Rule, hop.Target))
	}
	return strings.Join(steps, "\n             ")
}

func printRequest(w io.Writer, l *dlq.Letter) {
	var r targets.Request
	if len(l.Request) == 0 || json.Unmarshal(l.Request, &r) != nil {
		return
	}
	fmt.Fprintln(w, "\nrequest")
	connect.PrintRequest(w, &r)
}

func indented(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "  ", "  ") != nil {
		return string(text)
	}
	return out.String()
}

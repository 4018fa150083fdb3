package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
)

// queryWait is how long a query waits for its reply where nobody says.
const queryWait = 10 * time.Second

// ask sends one command or query and prints what its handler answers.
func (s *sendCommand) ask(ctx context.Context, conn *client.Client, events []outgoing) error {
	if len(events) != 1 {
		return cli.WrongUsage("%d messages: a command or a query is sent alone", len(events))
	}
	group := groups(events)[0]
	opts := client.SendOptions{Bus: group.bus, Synthetic: s.synthetic}
	send, wait := conn.Commands.Command, s.wait
	if s.query {
		send, wait = conn.Commands.Query, cmp.Or(s.wait, queryWait)
	}
	answer, err := send(ctx, group.body(), wait, opts)
	if err != nil {
		return err
	}
	return s.printAnswer(answer)
}

// printAnswer prints the handler's answer, or the work request.
func (s *sendCommand) printAnswer(a *client.Answer) error {
	switch {
	case s.Output == cli.JSON:
		if err := cli.PrintJSON(s.Stdout, answerView(a)); err != nil {
			return err
		}
	case a.WorkRequest != nil:
		printWork(s.Stdout, a.WorkRequest)
	case a.Handler:
		fmt.Fprintf(s.Stderr, "the handler answered %d\n", a.Status)
		_, _ = s.Stdout.Write(a.Body)
		if n := len(a.Body); n > 0 && a.Body[n-1] != '\n' {
			fmt.Fprintln(s.Stdout)
		}
	default:
		fmt.Fprintln(s.Stderr, "a test message: the target does not act on it")
	}
	if a.Status >= 400 {
		return cli.ErrReported
	}
	return nil
}

// shownAnswer is an answer for programs: its body as JSON where it is that, else
// as text.
type shownAnswer struct {
	*client.Answer
	Body any `json:"body,omitempty"`
}

func answerView(a *client.Answer) shownAnswer {
	switch {
	case a.WorkRequest != nil || len(a.Body) == 0:
		return shownAnswer{Answer: a}
	case json.Valid(a.Body):
		return shownAnswer{Answer: a, Body: json.RawMessage(a.Body)}
	}
	return shownAnswer{Answer: a, Body: string(a.Body)}
}

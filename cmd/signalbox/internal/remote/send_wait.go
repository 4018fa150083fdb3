package remote

import (
	"context"
	"fmt"
	"time"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/trace"
)

// askAgain is how often it is asked what has come of an event.
const askAgain = 100 * time.Millisecond

// follow waits until the deliveries of events have ended, and prints what came of each.
func (s *sendCommand) follow(ctx context.Context, conn *client.Client, sent client.Sent) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.wait, errNotEnded)
	defer cancel()
	all, failed := []*trace.Listed{}, false
	for i, e := range sent.Events {
		if e.Error != nil {
			fmt.Fprintf(s.Stderr, "event %d: %v\n", i+1, e.Error)
			failed = true
			continue
		}
		listed, err := outcomeOf(ctx, conn, e.ID)
		if err != nil {
			return err
		}
		all = append(all, listed)
		failed = failed || listed.Outcome == trace.OutcomeDead || listed.Outcome == trace.OutcomePending
	}
	if err := s.printOutcomes(all); err != nil {
		return err
	}
	if failed {
		return cli.ErrReported
	}
	return nil
}

var errNotEnded = fmt.Errorf("the deliveries have not ended in time: %w", context.DeadlineExceeded)

// outcomeOf waits until the deliveries of an event have ended, and returns what came of it: of
// one whose deliveries have not ended in time, what came of it until then.
func outcomeOf(ctx context.Context, conn *client.Client, id string) (*trace.Listed, error) {
	var last *trace.Listed
	for {
		page, err := conn.Events.Search(ctx, trace.Filter{ID: id}, "", 1, false)
		switch {
		case err == nil && len(page.Events) > 0:
			if last = page.Events[0]; last.Outcome != trace.OutcomePending {
				return last, nil
			}
		case err != nil && (last == nil || ctx.Err() == nil):
			return nil, err
		}
		select {
		case <-ctx.Done():
			if last != nil && context.Cause(ctx) == errNotEnded {
				return last, nil
			}
			return nil, context.Cause(ctx)
		case <-time.After(askAgain):
		}
	}
}

func (s *sendCommand) printOutcomes(all []*trace.Listed) error {
	if s.Output == cli.JSON {
		return cli.PrintJSON(s.Stdout, trace.Page{Events: all, Looked: len(all)})
	}
	for _, e := range all {
		text := string(e.Outcome)
		if out := outlines(e); out != "" {
			text += ": " + out
		}
		if _, err := fmt.Fprintln(s.Stdout, e.ID, cli.Escaped(text, "")); err != nil {
			return err
		}
		switch e.Outcome {
		case trace.OutcomeUnmatched:
			fmt.Fprintf(s.Stderr, "no rule matched: signalbox explain %s shows why\n", e.ID)
		case trace.OutcomePending:
			fmt.Fprintf(s.Stderr, "not ended within %v: signalbox trace %s shows how it goes on\n", s.wait, e.ID)
		}
	}
	return nil
}

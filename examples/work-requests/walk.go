package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"signalbox/api/client"
	"signalbox/commands/work"
)

// walk sends commands and shows what becomes of them.
type walk struct {
	router *client.Client
	out    io.Writer
}

// all takes the command through every state.
func (w *walk) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{w.refused, w.succeeds, w.fails, w.canceled, w.counted} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// create sends the command and waits for its handler's answer.
func (w *walk) create(ctx context.Context, name string, nodes int) (*client.Answer, error) {
	fmt.Fprintf(w.out, "\nCreateBdsInstance %s, %d nodes\n", name, nodes)
	command := fmt.Sprintf(`{"source":"bds.console","detail-type":"CreateBdsInstance","detail":{"name":%q,"nodes":%d}}`, name, nodes)
	answer, err := w.router.Commands.Command(ctx, []byte(command), 5*time.Second, client.SendOptions{})
	if err == nil {
		fmt.Fprintf(w.out, "  answered %d\n", answer.Status)
	}
	return answer, err
}

func (w *walk) refused(ctx context.Context) error {
	answer, err := w.create(ctx, "empty", 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "  %s", answer.Body)
	return w.follow(ctx, answer.WorkRequestID)
}

func (w *walk) succeeds(ctx context.Context) error {
	answer, err := w.create(ctx, "sales", 3)
	if err != nil {
		return err
	}
	return w.follow(ctx, answer.WorkRequestID)
}

func (w *walk) fails(ctx context.Context) error {
	answer, err := w.create(ctx, "broken", 3)
	if err != nil {
		return err
	}
	return w.follow(ctx, answer.WorkRequestID)
}

// canceled cancels work under way, and then once more, which is too late.
func (w *walk) canceled(ctx context.Context) error {
	answer, err := w.create(ctx, "huge", 1000)
	if err != nil {
		return err
	}
	canceling, err := w.router.WorkRequests.Cancel(ctx, answer.WorkRequestID)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "  asked to cancel: %s\n", canceling.Action)
	if err := w.follow(ctx, answer.WorkRequestID); err != nil {
		return err
	}
	if _, err = w.router.WorkRequests.Cancel(ctx, answer.WorkRequestID); err == nil {
		return fmt.Errorf("work request %s has ended, and could be cancelled all the same", answer.WorkRequestID)
	}
	fmt.Fprintln(w.out, "  once more: it has ended")
	return nil
}

// counted asks a query.
func (w *walk) counted(ctx context.Context) error {
	fmt.Fprintln(w.out, "\nCountBdsInstances")
	query := []byte(`{"source":"bds.console","detail-type":"CountBdsInstances","detail":{}}`)
	answer, err := w.router.Commands.Query(ctx, query, 5*time.Second, client.SendOptions{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "  %s", answer.Body)
	return err
}

// follow waits for the end of a work request and prints its steps.
func (w *walk) follow(ctx context.Context, id string) error {
	for {
		r, err := w.router.WorkRequests.Get(ctx, id)
		if err != nil {
			return err
		}
		if r.Action.Ended() {
			w.print(r)
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *walk) print(r *work.Request) {
	for _, s := range r.History {
		fmt.Fprintln(w.out, strings.TrimRight(fmt.Sprintf("  %-11s %3.0f %%  %s", s.Action, s.Percent, s.Note), " "))
	}
	if r.Error != nil {
		fmt.Fprintf(w.out, "  error: %s\n", r.Error.Message)
	}
	if r.EntityID != "" {
		fmt.Fprintf(w.out, "  %s: %s\n", r.EntityType, r.EntityID)
	}
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"signalbox/commands/work"
	"signalbox/targets"
)

// Commands sends messages that one handler answers.
type Commands struct{ *conn }

// Answer is what the sender of a command or a query gets.
type Answer struct {
	// EventID is the id of the message's event.
	EventID string `json:"event_id"`
	// Handler is true if status and body are the handler's own.
	Handler     bool   `json:"handler"`
	Status      int    `json:"status"`
	ContentType string `json:"content_type,omitempty"`
	Body        []byte `json:"-"`
	// WorkRequest is that of a command; nil where the handler's answer is there.
	WorkRequest *work.Request `json:"work_request,omitempty"`
	// WorkRequestID is the id of a command's work request.
	WorkRequestID string `json:"work_request_id,omitempty"`
}

// Command sends a command, and waits up to wait for its handler's answer, whether that is
// a success or not; 0 does not wait. It fails if the router did not accept the command, or
// the handler could not be asked.
func (c Commands) Command(ctx context.Context, message []byte, wait time.Duration, opts SendOptions) (*Answer, error) {
	return c.ask(ctx, "/v1/commands", message, wait, opts)
}

// Query sends a query, and waits up to wait for its handler's reply.
func (c Commands) Query(ctx context.Context, message []byte, wait time.Duration, opts SendOptions) (*Answer, error) {
	return c.ask(ctx, "/v1/queries", message, wait, opts)
}

func (c Commands) ask(ctx context.Context, path string, message []byte, wait time.Duration, opts SendOptions) (*Answer, error) {
	if opts.DryRun {
		return nil, errors.New("a dry run has no answer: send the message to /v1/events with dry_run")
	}
	q := opts.query()
	q.Set("wait", wait.String())
	resp, err := c.request(ctx, http.MethodPost, withQuery(path, q), "application/json", message)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &Answer{
		EventID: resp.Header.Get("X-Signalbox-Event-Id"), WorkRequestID: resp.Header.Get("X-Signalbox-Work-Request"),
		Handler: resp.Header.Get("X-Signalbox-Answered-By") == "handler",
		Status:  resp.StatusCode, ContentType: resp.Header.Get("Content-Type"),
	}
	if !a.Handler && resp.StatusCode/100 != 2 {
		return nil, answerError(resp)
	}
	if a.Body, err = io.ReadAll(io.LimitReader(resp.Body, targets.MaxAnswer)); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if !a.Handler && resp.StatusCode == http.StatusAccepted {
		a.WorkRequest = new(work.Request)
		if err := json.Unmarshal(a.Body, a.WorkRequest); err != nil {
			return nil, fmt.Errorf("the answer is no work request: %w", err)
		}
	}
	return a, nil
}

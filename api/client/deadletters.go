package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signalbox/api"
	"signalbox/dlq"
)

// DeadLetters lists dead letters, replays and purges them.
type DeadLetters struct{ *conn }

// List returns up to limit dead letters that the filter lets through, from
// where an earlier page ended. A filter by ids is not supported: use Get.
func (d DeadLetters) List(ctx context.Context, f dlq.Filter, cursor string, limit int) (page dlq.Page, err error) {
	status := ""
	if f.Status != 0 {
		status = strconv.Itoa(f.Status)
	}
	q := params("target", f.Target, "rule", f.Rule, "bus", f.Bus, "error_code", f.Code, "pattern", string(f.Pattern), "status", status,
		"since", timeText(f.Since), "until", timeText(f.Until), "cursor", cursor, "limit", strconv.Itoa(limit))
	return page, d.get(ctx, "/v1/deadletters", q, &page)
}

// timeText returns a time as a parameter; empty if it is zero.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339Nano)
}

// Groups returns dead letters by target and fault, those of one target where it is not empty,
// from where an earlier answer ended.
func (d DeadLetters) Groups(ctx context.Context, target, cursor string) (g dlq.Groups, err error) {
	return g, d.get(ctx, "/v1/deadletters/groups", params("target", target, "cursor", cursor), &g)
}

// Get returns one dead letter.
func (d DeadLetters) Get(ctx context.Context, id string) (*dlq.Letter, error) {
	letter := new(dlq.Letter)
	return letter, d.get(ctx, "/v1/deadletters/"+url.PathEscape(id), nil, letter)
}

// Redrive begins to replay dead letters. The router continues with it, whoever watches.
func (d DeadLetters) Redrive(ctx context.Context, req api.RedriveRequest) (j dlq.Job, err error) {
	req.DryRun = false
	return j, d.post(ctx, "/v1/deadletters/redrive", req, &j)
}

// Preview returns what a redrive would do now.
func (d DeadLetters) Preview(ctx context.Context, req api.RedriveRequest) (p dlq.Preview, err error) {
	req.DryRun = true
	return p, d.post(ctx, "/v1/deadletters/redrive", req, &p)
}

// Purge deletes dead letters, and reports how far it is.
func (d DeadLetters) Purge(ctx context.Context, req api.PurgeRequest, report func(dlq.Progress)) (dlq.Progress, error) {
	var last api.Step
	body, err := json.Marshal(req)
	if err != nil {
		return last.Progress, err
	}
	resp, err := d.send(ctx, http.MethodPost, "/v1/deadletters/purge", "application/json", body)
	if err != nil {
		return last.Progress, err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); !last.Finished; {
		var step api.Step
		if err := dec.Decode(&step); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return last.Progress, fmt.Errorf("broken off after %d of %d: %w", last.Done, last.Total, err)
		}
		last = step
		if report != nil && !last.Finished {
			report(last.Progress)
		}
	}
	if last.Problem != nil {
		return last.Progress, fmt.Errorf("broken off after %d of %d: %w", last.Done, last.Total, last.Problem)
	}
	return last.Progress, nil
}

// Redrives asks for replays of dead letters.
type Redrives struct{ *conn }

// List returns the redrives that the router knows of, the latest first.
func (r Redrives) List(ctx context.Context) ([]dlq.Job, error) {
	return all(ctx, r.conn, "/v1/redrives", func(page *api.RedriveList) ([]dlq.Job, string) { return page.Redrives, page.NextCursor })
}

// Get returns a redrive as it is now.
func (r Redrives) Get(ctx context.Context, id string) (j dlq.Job, err error) {
	return j, r.get(ctx, "/v1/redrives/"+url.PathEscape(id), nil, &j)
}

// Cancel stops a redrive; it has ended when its state says so.
func (r Redrives) Cancel(ctx context.Context, id string) (j dlq.Job, err error) {
	return j, r.act(ctx, "/v1/redrives/"+url.PathEscape(id)+"/cancel", &j)
}

// Resume continues a redrive that stopped or was cancelled.
func (r Redrives) Resume(ctx context.Context, id string) (j dlq.Job, err error) {
	return j, r.act(ctx, "/v1/redrives/"+url.PathEscape(id)+"/resume", &j)
}

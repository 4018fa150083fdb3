package client

import (
	"context"
	"net/url"

	"signalbox/api"
	"signalbox/replay"
)

// Replays begins and follows replays of past events.
type Replays struct{ *conn }

// Begin begins a replay. The router continues with it, whoever watches.
func (r Replays) Begin(ctx context.Context, req replay.Request) (j replay.Job, err error) {
	return j, r.post(ctx, "/v1/replays", api.ReplayRequest{Request: req}, &j)
}

// Preview returns what a replay would do now.
func (r Replays) Preview(ctx context.Context, req replay.Request) (p replay.Preview, err error) {
	return p, r.post(ctx, "/v1/replays", api.ReplayRequest{Request: req, DryRun: true}, &p)
}

// List returns the replays that the router knows of, the latest first.
func (r Replays) List(ctx context.Context) ([]replay.Job, error) {
	return all(ctx, r.conn, "/v1/replays", func(page *api.ReplayList) ([]replay.Job, string) { return page.Replays, page.NextCursor })
}

// Get returns a replay as it is now.
func (r Replays) Get(ctx context.Context, name string) (j replay.Job, err error) {
	return j, r.get(ctx, "/v1/replays/"+url.PathEscape(name), nil, &j)
}

// Pause suspends a replay.
func (r Replays) Pause(ctx context.Context, name string) (replay.Job, error) {
	return r.verb(ctx, name, "pause")
}

// Resume continues a replay that is paused or has stopped.
func (r Replays) Resume(ctx context.Context, name string) (replay.Job, error) {
	return r.verb(ctx, name, "resume")
}

// Cancel ends a replay; it has ended when its state says so.
func (r Replays) Cancel(ctx context.Context, name string) (replay.Job, error) {
	return r.verb(ctx, name, "cancel")
}

func (r Replays) verb(ctx context.Context, name, verb string) (j replay.Job, err error) {
	return j, r.act(ctx, "/v1/replays/"+url.PathEscape(name)+"/"+verb, &j)
}
